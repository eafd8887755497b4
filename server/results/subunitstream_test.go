package results

import (
	"bufio"
	"bytes"
	"database/sql"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// FuzzStreamWriter writes a test and reads it again.
func FuzzStreamWriter(f *testing.F) {
	f.Add("a.test", "success", "2016-02-03 04:05:06", "", `[["tags","a,b"]]`, "log", []byte("x"))
	f.Add("", "exploded", "", "0000-00-00 00:00:00", `[["k",null]]`, "", []byte{})
	f.Fuzz(func(t *testing.T, name, status, start, stop, metadata, label string, content []byte) {
		text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
		var b bytes.Buffer
		w := &streamWriter{Writer: bufio.NewWriter(&b)}
		test := &streamTest{name: text(name), status: text(status), start: text(start), stop: text(stop), metadata: text(metadata), label: text(label)}
		w.begin(test)
		w.attach(test, test.label, content)
		w.end(test)
		if w.err != nil {
			return
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		var got []report.Status
		sink := report.NewSink(report.Limits{}, func(r *report.Record) error {
			got = append(got, r.Status)
			return nil
		})
		in := report.Input{ReaderAt: bytes.NewReader(b.Bytes()), Size: int64(b.Len())}
		if err := formats.ByName(formats.All(), "subunit-v2").Read(t.Context(), in, sink); err != nil {
			t.Fatal(err)
		}
		sink.Finish()
		want := report.Status(packetStatuses[status])
		if len(got) != 1 || got[0] != want && (want == report.Success || got[0] == report.Success) {
			t.Errorf("%q comes back as %v with %+v", status, got, sink.Report.Damage)
		}
	})
}
