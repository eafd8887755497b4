package results_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// A file that names one test many times does not make every page as long as itself: the
// record that decided is shown, with its attachments under the same numbers everywhere.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		const passes = `<testcase classname="c" name="a"><system-out>fine</system-out></testcase>`
		file := `<testsuite name="s">` + strings.Repeat(passes, 11_000) +
			`<testcase classname="c" name="a"><failure message="the reason">the reason</failure></testcase>` + strings.Repeat(passes, 500) + `</testsuite>`
		saved := mustSave(t, s.Send("POST", "/v1/post-result", strings.NewReader(file), servertest.With("Content-Type", "application/xml")))
		type attachment struct {
			K      int `json:"k"`
			Record int `json:"record"`
		}
		type test struct {
			Status      string       `json:"status"`
			Records     int          `json:"records"`
			Attachments []attachment `json:"attachments"`
			RecordList  []struct {
				Record int    `json:"record"`
				Status string `json:"status"`
			} `json:"record_list"`
		}
		address := fmt.Sprintf("/v1/runs/%d/results/current/tests", saved.TestID)
		var page struct {
			Tests []test `json:"tests"`
		}
		var one test
		for path, into := range map[string]any{"": &page, "/0": &one} {
			a := s.Do("GET", address+path, "", servertest.Admin())
			if err := json.Unmarshal(a.Body, into); err != nil || a.Status != 200 {
				t.Fatalf("GET %s: %d %.300s", path, a.Status, a.Body)
			}
		}
		for name, row := range map[string]struct {
			got  test
			want int
		}{"in a list": {page.Tests[0], 101}, "by itself": {one, 10_001}} {
			got := row.got
			if got.Status != "fail" || got.Records != 11_501 || len(got.RecordList) != row.want {
				t.Errorf("%s: %s, %d records, %d listed; want fail, 11501, %d", name, got.Status, got.Records, len(got.RecordList), row.want)
				continue
			}
			if last := got.RecordList[row.want-1]; last.Record != 11_000 || last.Status != "fail" {
				t.Errorf("%s: the last listed is %+v, want the failure", name, last)
			}
			for _, a := range got.Attachments[:3] {
				want := "fine"
				if a.Record == 11_000 {
					want = "the reason"
				}
				text := s.Do("GET", fmt.Sprintf("%s/0/attachments/%d", address, a.K), "", servertest.Admin())
				if text.Status != 200 || !strings.Contains(string(text.Body), want) {
					t.Errorf("%s: attachment %d of record %d: %d %.100s, want %q", name, a.K, a.Record, text.Status, text.Body, want)
				}
			}
			if got.Attachments[0].Record != 11_000 {
				t.Errorf("%s: the first attachment is of record %d, want the failure's", name, got.Attachments[0].Record)
			}
		}
	})
}
