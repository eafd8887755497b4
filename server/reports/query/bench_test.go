package query

import "testing"

// BenchmarkParse shows what a usual question costs before the store is asked.
func BenchmarkParse(b *testing.B) {
	const raw = "lab_name=lab-alder&status=FAIL&status=OFFLINE&job=next&date_range=14&sort=created_on&limit=50&field=board&field=kernel&field=status"
	fields := Catalogue{"lab_name": {Kind: Text}, "status": {Kind: Text}, "job": {Kind: Text}, "created_on": {Kind: Date}}
	b.ReportAllocs()
	for range b.N {
		if _, err := (Parser{}).Parse(raw, fields); err != nil {
			b.Fatal(err)
		}
	}
}
