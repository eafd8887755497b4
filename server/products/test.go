package products

import (
	"time"

	"github.com/oapi-codegen/nullable"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// testToAPI converts a test; file is the name of the file it stands in.
func testToAPI(t *resultstore.Test, file string) productsapi.Test {
	out := productsapi.Test{
		N: int32(t.N), ID: t.Name, Status: productsapi.TestStatus(t.Status.String()), Records: int32(t.Records),
		Start: timeOrNull(t.Start), Stop: timeOrNull(t.Stop), Duration: secondsOrNull(t.Length, t.Start, t.Stop),
		Suite: orNull(orEmpty(t.Suite)), File: orNull(orEmpty(file)), FileN: int32(t.File), Flaky: t.Flaky,
		Tags: texts(t.AllTags()), Properties: []productsapi.Property{}, Attachments: []productsapi.Attachment{},
	}
	for _, p := range t.Properties {
		out.Properties = append(out.Properties, productsapi.Property(p))
	}
	for _, r := range t.AllRecords() {
		out.RecordList = append(out.RecordList, productsapi.TestRecord{
			Record: int32(r.Record), Status: productsapi.TestStatus(r.Status.String()), Tags: texts(r.Tags),
			Start: timeOrNull(r.Start), Stop: timeOrNull(r.Stop), Duration: secondsOrNull(r.Length, r.Start, r.Stop),
		})
	}
	for _, r := range t.ByAttachment() {
		for i := range r.Attachments {
			a := &r.Attachments[i]
			item := productsapi.Attachment{K: int32(len(out.Attachments)), Name: a.Name, Mime: a.MIME, Size: a.Size, Record: int32(r.Record)}
			if cut := a.Kept() < a.Size; cut {
				item.Truncated = &cut
			}
			out.Attachments = append(out.Attachments, item)
		}
	}
	return out
}

func timeOrNull(t time.Time) nullable.Nullable[time.Time] {
	if t.IsZero() {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(t)
}

func secondsOrNull(l resultstore.Length, start, stop time.Time) nullable.Nullable[float64] {
	took, ok := resultstore.Took(l, start, stop)
	if !ok {
		return nullable.NewNullNullable[float64]()
	}
	return nullable.NewNullableWithValue(took.Seconds())
}
