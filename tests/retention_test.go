package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// retentionRun is what the API says of a run of retention.
type retentionRun struct {
	ID      string
	State   string
	Classes []retentionAmount
}

type retentionAmount struct {
	Class       string
	Rows, Bytes int64
}

func (r *retentionRun) rows() (n int64) {
	for _, a := range r.Classes {
		n += a.Rows
	}
	return n
}

// unscheduled leaves runs to who asks for one.
const unscheduled = "--retention-every=0"

// Servers that are killed in the middle of a run of retention leave it to the next one,
// which continues it: what goes is what the dry run said, each thing counted once, and
// the run is told of once, also where two servers look for work. What is kept is whole.
func TestRetention_Killed(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killRetention(t, nil, startProcess(t, t.TempDir(), unscheduled))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		data, database := t.TempDir(), "--database="+storetest.Postgres(t)
		killRetention(t, []string{database}, startProcess(t, data, database, unscheduled), startProcess(t, data, database, unscheduled))
	})
}

func killRetention(t *testing.T, flags []string, servers ...*process) {
	t.Helper()
	kept := storeExpired(t, servers[0])
	said := read[retentionRun](t, servers[0], "POST", "/v1/retention/runs?dry_run=true", http.StatusOK)
	if said.rows() == 0 {
		t.Fatal("nothing would go")
	}
	run := read[retentionRun](t, servers[0], "POST", "/v1/retention/runs", http.StatusAccepted)
	path := "/v1/retention/runs/" + run.ID
	kills := 0
	for round, before := 0, int64(0); round < 4; round++ {
		// All of them: whichever is at work then was killed at work.
		await.That(t, "the run gets on", func() bool {
			run = read[retentionRun](t, servers[0], "GET", path, http.StatusOK)
			return run.State == "done" || run.rows() > before
		})
		if run.State == "done" {
			break
		}
		kills, before = kills+1, run.rows()
		for _, p := range servers {
			p.kill(t)
		}
		for _, p := range servers {
			p.restart(t)
		}
		if len(servers) > 1 && kills == 2 {
			break // the lease of the dead must end each time
		}
	}
	await.That(t, "the run ends", func() bool {
		run = read[retentionRun](t, servers[0], "GET", path, http.StatusOK)
		return run.State != "queued" && run.State != "running"
	})
	t.Logf("%d kills at work, %d rows went", kills, run.rows())
	if run.State != "done" || !reflect.DeepEqual(run.Classes, said.Classes) || kills == 0 {
		t.Errorf("after %d kills the run is %+v, want done and %+v", kills, run, said.Classes)
	}
	checkRetained(t, servers[0], kept)
	args := append([]string{"doctor", "--deep", "--data", servers[0].args[3]}, flags...)
	if out, err := command(t, args...); err != nil && !strings.Contains(out, "WRONG  space") {
		t.Errorf("slipway doctor: %v\n%s", err, out)
	}
}

// storeExpired stores results that expire at once, and one that is kept, which it returns.
func storeExpired(t *testing.T, p *process) (kept string) {
	t.Helper()
	for i := range 30 {
		var text strings.Builder
		for n := range 2000 {
			fmt.Fprintf(&text, "test: suite%d.t%d\nsuccess: suite%d.t%d\n", i, n, i, n)
		}
		text.WriteString("test: a\nfailure: a [\nno route to host\n]\n")
		if status, body, err := p.call("POST", "/v1/post-result", "text/plain", text.String()); err != nil || status != http.StatusCreated {
			t.Fatalf("upload: %d %s %v", status, body, err)
		}
		if i == 7 {
			kept = text.String()
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/retention/keeps", `{"set": "run:8", "reason": "shipped"}`},
		{"PUT", "/v1/retention", `{"rules": [{"class": "tests", "days": 0}, {"class": "raw", "days": 0}, {"class": "results", "days": 0}]}`},
	} {
		if status, body, err := p.call(c.method, c.path, "application/json", c.body); err != nil || status >= 300 {
			t.Fatalf("%s %s: %d %s %v", c.method, c.path, status, body, err)
		}
	}
	return kept
}

// checkRetained looks what is left of what storeExpired stored.
func checkRetained(t *testing.T, p *process, kept string) {
	t.Helper()
	if status, body, err := p.call("GET", "/v1/runs/8/results/current/raw", "", ""); err != nil || status != http.StatusOK || string(body) != kept {
		t.Errorf("the run that is kept: %d %.80s %v", status, body, err)
	}
	list := read[struct {
		Runs []struct {
			ID int `json:"test_id"`
		}
	}](t, p, "GET", "/v1/runs?limit=1000", http.StatusOK)
	ids := []int{}
	for _, r := range list.Runs {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(ids, []int{8}) {
		t.Errorf("the runs %v are left, want 8", ids)
	}
	events := read[struct{ Events []any }](t, p, "GET", "/v1/events?event_type=retention.finished", http.StatusOK).Events
	audit := read[struct{ Entries []any }](t, p, "GET", "/v1/audit?event=retention", http.StatusOK).Entries
	if len(events) != 1 || len(audit) != 1 {
		t.Errorf("the end of the run stands %d times in the event log and %d times in the audit log, want once", len(events), len(audit))
	}
}

// read sends a request without a body and decodes the answer.
func read[T any](t *testing.T, p *process, method, path string, want int) (out T) {
	t.Helper()
	status, body, err := p.call(method, path, "application/json", "")
	if err != nil || status != want || json.Unmarshal(body, &out) != nil {
		t.Fatalf("%s %s: %d %.300s %v, want %d", method, path, status, body, err, want)
	}
	return out
}
