package document

import "testing"

// BenchmarkBoot shows what a boot report costs apart from the store: reading the
// posted body, and rendering the document.
func BenchmarkBoot(b *testing.B) {
	lines := samples(b, "boots.ndjson")
	b.Run("intake", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			body, err := ParseBody(lines[i%len(lines)], Limits{})
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := Boot.Intake(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("render", func(b *testing.B) {
		d := intake(b, Boot, string(lines[5]))
		var out []byte
		b.ReportAllocs()
		for range b.N {
			out = d.AppendJSON(out[:0], nil)
		}
	})
}
