package bodycheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// BenchmarkCheck compares the check with what it replaces: decoding to any and
// kin-openapi's visitor. Both are given valid bodies.
func BenchmarkCheck(b *testing.B) {
	schemas := loadSchemas(b)
	for _, bench := range []struct {
		name, schema string
		body         string
	}{
		{"cloud", "Cloud", cloudBody},
		{"group", "TestGroup", groupBody(7)},
		{"filter", "Filter", `{"and":[{"name":"a","tags":["x","y"]},{"and":[{"name":"b","not":{"name":"c"}}]}]}`},
		{"discriminator", "Pet", `{"kind":"cat","lives":9,"owner":null}`},
		{"upload", "Upload", uploadBody(1000)},
	} {
		schema, body := schemas[bench.schema], []byte(bench.body)
		name := fmt.Sprintf("%s-%dB", bench.name, len(body))
		b.Run(name+"/slipway", func(b *testing.B) { benchCheck(b, schema, body) })
		b.Run(name+"/kin", func(b *testing.B) { benchKin(b, schema.Value, body) })
	}
}

func benchCheck(b *testing.B, schema *openapi3.SchemaRef, body []byte) {
	c := compile(b, schema, Options{})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if v := c.Check(body); v != nil {
			b.Fatal(v)
		}
	}
}

func benchKin(b *testing.B, schema *openapi3.Schema, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var value any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			b.Fatal(err)
		}
		if err := schema.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.MultiErrors()); err != nil {
			b.Fatal(err)
		}
	}
}

func uploadBody(n int) string {
	var b bytes.Buffer
	b.WriteString(`{"cpid":"x","duration_seconds":25,"results":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"tempest.api.compute.test_%d","uuid":"%032x"}`, i, i)
	}
	b.WriteString(`]}`)
	return b.String()
}
