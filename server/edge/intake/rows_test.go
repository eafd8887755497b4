package intake

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// What the records of one test come to.
func TestSeen(t *testing.T) {
	t.Parallel()
	type rec struct {
		reading int32
		status  report.Status
		attempt int64
	}
	for _, tt := range []struct {
		name   string
		list   []rec
		want   report.Status
		flaky  bool
		shown  int // the place in list of the record that the row shows
		atOnce int // attempts in the first record
	}{
		{"one", []rec{{0, report.Skip, 0}}, report.Skip, false, 0, 0},
		{"listed, then run", []rec{{0, report.Exists, 0}, {0, report.Success, 0}}, report.Success, false, 1, 0},
		{"a bare repeat that is worse", []rec{{0, report.Success, 0}, {0, report.Fail, 0}}, report.Fail, false, 1, 0},
		{"a bare repeat that is better", []rec{{0, report.Fail, 0}, {0, report.Success, 0}}, report.Fail, false, 0, 0},
		{"a later attempt", []rec{{0, report.Fail, 1}, {0, report.Success, 2}}, report.Success, true, 1, 0},
		{"an earlier attempt that comes later", []rec{{0, report.Success, 2}, {0, report.Fail, 1}}, report.Success, true, 0, 0},
		{"attempts that all fail", []rec{{0, report.Fail, 1}, {0, report.Fail, 2}}, report.Fail, false, 1, 0},
		{"attempts that get worse", []rec{{0, report.Success, 1}, {0, report.Fail, 2}}, report.Fail, false, 1, 0},
		{"the same attempt twice", []rec{{0, report.Success, 2}, {0, report.Fail, 2}}, report.Fail, false, 1, 0},
		{"listed, then attempts", []rec{{0, report.Exists, 0}, {0, report.Fail, 1}, {0, report.Success, 2}}, report.Success, true, 2, 0},
		{"listed after it ran", []rec{{0, report.Success, 1}, {0, report.Exists, 5}}, report.Success, false, 0, 0},
		{"red in one file is red", []rec{{0, report.Fail, 0}, {1, report.Success, 9}}, report.Fail, false, 0, 0},
		{"red in the other file is red", []rec{{0, report.Success, 9}, {1, report.Fail, 0}}, report.Fail, false, 1, 0},
		{"attempts of one file hide nothing of another", []rec{{0, report.Fail, 0}, {1, report.Fail, 1}, {1, report.Success, 2}}, report.Fail, false, 0, 0},
		{"a failed attempt of a file that ends green beside a green one", []rec{{0, report.Success, 0}, {1, report.Fail, 1}, {1, report.Success, 2}}, report.Success, true, 2, 0},
		{"a red bare repeat before an attempt", []rec{{0, report.Fail, 0}, {0, report.Success, 1}}, report.Fail, false, 0, 0},
		{"a red bare repeat after attempts", []rec{{0, report.Success, 1}, {0, report.Success, 2}, {0, report.Fail, 0}}, report.Fail, false, 2, 0},
		{"attempts beside a bare repeat", []rec{{0, report.Success, 0}, {0, report.Fail, 1}, {0, report.Success, 2}}, report.Fail, false, 1, 0},
		{"attempts in one record", []rec{{0, report.Success, 0}}, report.Success, false, 0, 3},
	} {
		var s *seen
		shown, records := 0, 0
		for i, r := range tt.list {
			record := &report.Record{Status: r.status, Attempt: r.attempt}
			if i == 0 {
				record.Attempts = tt.atOnce
				s = newSeen(record, r.reading)
			}
			records += max(1, record.Attempts)
			if s.take(record, r.reading) {
				shown = i
			}
		}
		if s.status != tt.want || s.flaky() != tt.flaky || shown != tt.shown || int(s.records) != records {
			t.Errorf("%s: %s, flaky %v, shows %d, %d records; want %s, %v, %d, %d", tt.name, s.status, s.flaky(), shown, s.records, tt.want, tt.flaky, tt.shown, records)
		}
	}
}
