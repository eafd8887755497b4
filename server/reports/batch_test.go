package reports

import "testing"

// TestBatchEntry_bothNames: an entry with the names of 2015 beside today's asks for the
// same each time, and is refused with the same words.
func TestBatchEntry_bothNames(t *testing.T) {
	t.Parallel()
	for range 50 {
		var e batchEntry
		if err := e.read([]byte(`{"collection":"job","resource":"boot","document_id":"1","document":"2"}`)); err != nil || e.Resource != "boot" || e.Document != "2" {
			t.Fatalf("%+v, %v; want the resource boot and the document 2", e, err)
		}
		const want = `has a distinct that is not a text`
		if err := new(batchEntry).read([]byte(`{"resource":[],"query":[],"distinct":[],"document":[]}`)); err == nil || err.Error() != want {
			t.Fatalf("refused with %v, want %q", err, want)
		}
	}
}
