//go:build !race

// With the race detector sync.Pool drops what it holds at random, so allocations
// cannot be counted.

package bodycheck

import "testing"

func TestCheck_DoesNotAllocate(t *testing.T) {
	schemas := loadSchemas(t)
	for schema, body := range map[string]string{
		"Cloud": cloudBody, "TestGroup": groupBody(7), "Pet": `{"kind":"cat","lives":9}`,
		"Filter": `{"and":[{"name":"a","tags":["x","y\n"]},{"and":[]}]}`, "Dog": `{"kind":"dog","barks":true}`,
	} {
		c, text := compile(t, schemas[schema], Options{}), []byte(body)
		if n := testing.AllocsPerRun(200, func() { c.Check(text) }); n >= 1 {
			t.Errorf("%s: %.1f allocations for a valid body", schema, n)
		}
	}
}
