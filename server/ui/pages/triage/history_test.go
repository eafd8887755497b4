package triage

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// The pictures of a test with thousands of results in hundreds of contexts stay small,
// and a pass beside it hides no failure.
func TestThrough_draw(t *testing.T) {
	t.Parallel()

	h := &through{TestHistory: &client.TestHistory{Name: "ltp.syscalls.夜間<b>"}}
	for i := range 5000 {
		outcome := client.SetOutcome("pass")
		if i%7 == 0 {
			outcome = "fail"
		}
		version := fmt.Sprintf("v6.12-rc4-%d-g8af2da124007", i/100)
		h.Entries = append(h.Entries, client.HistoryEntry{
			Outcome: outcome, CreatedOn: time.Unix(int64(9999999-i), 0), Duration: nullable.NewNullableWithValue(float64(i % 90)), Version: nullable.NewNullableWithValue(version),
			Set: "kernel:mainline/master/" + version, Href: nullable.NewNullableWithValue("/v1/test/case/1"),
			Context: client.TestContext{"lab_name": "lab-alder", "arch": "arm64", "device_type": fmt.Sprintf("device-%d", i%90), "board": fmt.Sprintf("board-%d", i%90), "defconfig_full": "defconfig+kselftest"},
		})
	}
	h.draw(&frame.Visit{HTTP: httptest.NewRequest("GET", "/ui/history?name=x", nil)})
	if h.Rows != mostRows || h.Columns != mostCells/mostRows {
		t.Errorf("%d rows, %d columns", h.Rows, h.Columns)
	}
	if n := len(h.Picture) + len(h.Table) + len(h.Took); n > 150<<10 {
		t.Errorf("the pictures have %d bytes: %d, %d, %d", n, len(h.Picture), len(h.Table), len(h.Took))
	}
	if strings.Contains(string(h.Picture+h.Table+h.Took), "<b>") {
		t.Error("a name is HTML")
	}
	both := []client.HistoryEntry{{Outcome: "pass"}, {Outcome: "error"}, {Outcome: "fail"}, {Outcome: "pass"}}
	if c := h.cell(both, nil); c.Outcome != "fail" || c.Note == "" {
		t.Errorf("the worst is %+v", c)
	}
}
