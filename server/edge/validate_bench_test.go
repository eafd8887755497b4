package edge

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
)

// BenchmarkValidate checks the parameters of requests that are right.
func BenchmarkValidate(b *testing.B) {
	doc, err := LoadDocument()
	if err != nil {
		b.Fatal(err)
	}
	ops, err := operations(doc)
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name, id, query string
		names, values   []string
	}{
		{"a path", "getCloud", "", []string{"cloud_id"}, []string{"7"}},
		{"defaults", "listClouds", "", nil, nil},
		{"a query", "listAudit", "actor=x&from=2026-01-01T00:00:00Z&decision=denied&limit=20", nil, nil},
		{"lists", "listOpportunities", "state=QUEUED&state=PICKED&product_id=x&limit=5", []string{"product_id"}, []string{"x"}},
		{"a raw query", "listBoots", "lab=x&limit=5&sort=y", nil, nil},
	} {
		op := ops[bench.id]
		v := newValidator(op, 1<<20, 1<<20)
		b.Run(bench.name, func(b *testing.B) {
			e := echo.New()
			u := "/x?" + bench.query
			r := httptest.NewRequest(op.method, u, http.NoBody)
			plain := *r.URL
			b.ReportAllocs()
			for b.Loop() {
				fresh := plain
				r.URL = &fresh
				c := e.NewContext(r, nil)
				c.SetParamNames(bench.names...)
				c.SetParamValues(bench.values...)
				if err := v.checkParams(c); err != nil {
					b.Fatal(err)
				}
				c.QueryParams() // as the generated binding does
			}
		})
	}
}
