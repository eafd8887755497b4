package intake

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

type placed struct{ id, suite, host string }

func TestCollisions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		stored    []resultstore.Test
		tests     []placed
		separator string
		want      []string
	}{
		{"no id twice", nil, []placed{{"a", "s", "h"}, {"b", "s", "g"}}, ".", []string{"a", "b"}},
		{"suites differ", nil, []placed{{"a", "s", "h"}, {"a", "t", "g"}, {"b", "t", "g"}}, ".", []string{"s.a", "t.a", "b"}},
		{"hosts differ", nil, []placed{{"a", "s", "h"}, {"a", "s", "g"}, {"a", "s", ""}}, ".", []string{"[h] a", "[g] a", "a"}},
		{"neither differs", nil, []placed{{"a", "s", "h"}, {"a", "s", "h"}}, ".", []string{"a", "a"}},
		{"one has no suite", nil, []placed{{"a", "", ""}, {"a", "t", ""}}, ".", []string{"a", "t.a"}},
		{"files of Jest", nil, []placed{{"a", "x.js", ""}, {"a", "y.js", ""}}, " > ", []string{"x.js > a", "y.js > a"}},
		{"back to the first suite", nil, []placed{{"a", "s", "h"}, {"a", "t", "h"}, {"a", "s", "h"}}, ".", []string{"s.a", "t.a", "s.a"}},
		{
			"a stored id stays, the newcomer gives way",
			[]resultstore.Test{{Name: "a", Origin: resultstore.Origin{Suite: "s", Host: "h"}}},
			[]placed{{"a", "s", "g"}, {"b", "s", "g"}}, ".", []string{"[g] a", "b"},
		},
		{
			"a stored id of the same place is the same test",
			[]resultstore.Test{{Name: "a", Origin: resultstore.Origin{Suite: "s", Host: "h"}}},
			[]placed{{"a", "s", "h"}}, ".", []string{"a"},
		},
		{
			"stored ids with something in front",
			[]resultstore.Test{
				{Name: "[h] a", Origin: resultstore.Origin{Suite: "s", Host: "h", Prefix: 4}}, {Name: "[g] a", Origin: resultstore.Origin{Suite: "s", Host: "g", Prefix: 4}},
				{Name: "s.c", Origin: resultstore.Origin{Suite: "s", Prefix: 2}},
			},
			[]placed{{"a", "s", "f"}, {"a", "s", "h"}, {"c", "s", ""}, {"c", "u", ""}}, ".", []string{"[f] a", "[h] a", "s.c", "u.c"},
		},
	} {
		c := newCollisions()
		for i := range tt.stored {
			c.stored(&tt.stored[i])
		}
		for _, p := range tt.tests {
			c.see(p.id, p.suite, p.host)
		}
		for i, p := range tt.tests {
			id, prefix := c.name(&report.Record{ID: p.id, Suite: p.suite, Host: p.host}, tt.separator)
			if id != tt.want[i] || id[prefix:] != p.id {
				t.Errorf("%s: %v is %q, %d in front; want %q", tt.name, p, id, prefix, tt.want[i])
			}
		}
	}
}
