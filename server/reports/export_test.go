package reports

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	searchstore "github.com/slipway-lab/slipway/store/search"
)

// QueryCase and its functions are for the tests over HTTP, which stand outside
// the package because the server imports it.
type QueryCase = queryCase

// Cases reads testdata/query_cases.json.
func Cases(t *testing.T) []QueryCase { return queryCases(t) }

// CheckCase compares what came back with what the case expects.
func CheckCase(t *testing.T, c QueryCase, count int, result []map[string]any) {
	t.Helper()
	c.check(t, count, result)
}

// SearchOf is what the store is asked for a query string.
func SearchOf(raw string) (searchstore.Query, error) {
	search, _, err := (&Handler{}).testSearch(raw)
	return search, err
}

// benchFew is how many boots the asked-for lab has, whatever the size.
const benchFew = 530

// FillBoots stores n generated boots, of which benchFew are of the lab few and
// created in the last day before now; the others are of 40 labs and as old as a
// minute each.
func FillBoots(tb testing.TB, s *reportstore.Store, n int, now time.Time) {
	tb.Helper()
	body, err := document.ParseBody([]byte(`{"lab_name":"few","job":"next","kernel":"v4.0","defconfig":"multi_v7_defconfig",
		"board":"b","arch":"arm","git_branch":"master","build_environment":"gcc-8","boot_time":12.5,"mach":"omap","metadata":{"rack":1}}`), document.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	pattern, _, err := document.Boot.Intake(body)
	if err != nil {
		tb.Fatal(err)
	}
	var ids document.IDSource
	for done := 0; done < n; done += 5000 {
		var list []*document.Document
		for i := done; i < min(done+5000, n); i++ {
			list = append(list, benchBoot(pattern, &ids, i, n, now))
		}
		storeBoots(tb, s, list)
	}
}

func benchBoot(pattern *document.Document, ids *document.IDSource, i, n int, now time.Time) *document.Document {
	d := pattern.Clone()
	id, _ := ids.New()
	d.Set("_id", id)
	at := now.Add(-time.Duration(n-i) * time.Minute)
	if every := max(1, n/benchFew); i%every == 0 && i/every < benchFew {
		at = now.Add(-time.Duration(i/every) * time.Minute)
	} else {
		d.Set("lab_name", fmt.Sprintf("lab-%02d", i%40))
	}
	d.Set("created_on", at.UnixMilli())
	d.Set("board", fmt.Sprintf("board-%03d", i%300))
	d.Set("kernel", fmt.Sprintf("v4.0-%d", i/1000))
	d.Set("job", fmt.Sprintf("job-%d", i%17))
	d.Set("git_describe", fmt.Sprintf("v4.0-%d-g%07x", i/1000, i))
	d.Set("status", []string{"PASS", "PASS", "PASS", "FAIL", "OFFLINE"}[i%5])
	d.Set("retries", int64(i%4))
	return d
}
