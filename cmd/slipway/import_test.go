package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// dumpedCases are lines of kernelci-backend's collection test_case
// (app/models/test_case.py), some of them damaged.
func dumpedCases(n int) string {
	var b strings.Builder
	for i := range n {
		status := []string{"PASS", "FAIL"}[i%2]
		fmt.Fprintf(&b, `{"_id":{"$oid":"%024x"},"created_on":{"$date":"2018-01-01T00:00:00Z"},"name":"case-%d","status":%q,"test_group_id":{"$oid":"%024x"}}`, i+1, i, status, 7)
		if i%100 == 99 {
			b.WriteString("\nconnected to: localhost")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// countCases counts the cases in the data directory of a home.
func countCases(t *testing.T, s *store.Store) (n int64) {
	t.Helper()
	n, err := reportstore.New(s).FindReports(t.Context(), reportstore.Cases, reportstore.Query{Limit: 1}, func(*reportstore.Report) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestImport_Killed kills an import in the middle. The next one ends with the report
// that one which nobody has killed would have had.
func TestImport_Killed(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.watched()
	cases := dumpedCases(1000)
	h.write("whole/test_case.json", cases)
	h.want(0, "slipway migrate --data undisturbed && slipway migrate --data killed")
	h.write("undisturbed/secret", strings.Repeat("s", 32))
	h.write("killed/secret", strings.Repeat("s", 32))
	h.want(1, "slipway import kernelci whole/test_case.json --data undisturbed --report undisturbed.json")

	fifo := filepath.Join(h.dir, "part", "test_case.json")
	if err := os.MkdirAll(filepath.Dir(fifo), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := h.cmd(ctx, "exec slipway import kernelci part/test_case.json --data killed")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.WriteString(cases[:len(cases)/2]); err != nil {
		t.Fatal(err)
	}
	s, err := areas.Open(t.Context(), store.Config{DataDir: filepath.Join(h.dir, "killed")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	await.That(t, "some cases are there", func() bool { return countCases(t, s) >= 100 })
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	if n := countCases(t, s); n >= 1000 {
		t.Fatalf("%d cases are there: it was not in the middle", n)
	}

	d := h.want(1, "slipway import kernelci whole/test_case.json --data killed --report killed.json")
	if !strings.Contains(d.err, "10 could not be taken") {
		t.Errorf("it says %q", d.err)
	}
	read := func(name string) (r importReport) {
		text, err := os.ReadFile(filepath.Join(h.dir, name))
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got, want := read("killed.json"), read("undisturbed.json")
	if fmt.Sprintf("%+v", *got.Report) != fmt.Sprintf("%+v", *want.Report) {
		t.Errorf("the report is\n%+v\nwant\n%+v", *got.Report, *want.Report)
	}
	if n := countCases(t, s); n != 1000 {
		t.Errorf("%d cases are there, want 1000", n)
	}
	if got := read("killed.json").Kinds["test_case"]; got.Taken != 1000 || got.Refused != 10 {
		t.Errorf("the report counts %+v", got)
	}
	h.want(1, "slipway import kernelci whole/test_case.json --data killed --report again.json")
	if got := read("again.json").Kinds["test_case"]; got.There != 1000 || got.Taken != 0 {
		t.Errorf("the second time the report counts %+v", got)
	}
}

func TestImport_Usage(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.watched()
	h.write("empty/readme.txt", "nothing")
	h.want(2, "slipway import kernelci empty --data d")
	h.want(2, "slipway import kernelci missing --data d")
	h.want(2, "slipway import kernelc1 empty")
	h.write("dump/job.json", "")
	h.want(4, "slipway import kernelci dump --data d")
}
