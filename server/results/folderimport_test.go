package results_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// suiteOf is a suite with so many tests, of which the fourth of four fails.
func suiteOf(name, attributes string, tests int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\"?>\n<!-- <testsuite timestamp=\"1999-01-01T00:00:00\"> -->\n<testsuites><testsuite name=%q %s>", name, attributes)
	for i := range tests {
		fmt.Fprintf(&b, `<testcase classname="unit.%s" name="test_%d" time="0.5">`, name, i)
		if i%4 == 3 {
			b.WriteString(`<failure message="no">trace</failure>`)
		}
		b.WriteString("</testcase>\n")
	}
	return b.String() + `<system-out><![CDATA[<testsuite timestamp="1998-01-01T00:00:00">]]></system-out></testsuite></testsuites>`
}

var writtenAt = time.Date(2019, 2, 3, 4, 5, 6, 0, time.UTC)

func writeFolder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o700)
		if err == nil {
			err = os.WriteFile(name, []byte(text), 0o600)
		}
		if err == nil {
			err = os.Chtimes(name, writtenAt, writtenAt)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// builds are the folders that three builds have left.
func builds(t testing.TB) string {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(suiteOf("c", `timestamp="2018-05-06T07:08:09"`, 4)))
	_ = z.Close()
	return writeFolder(t, map[string]string{
		"build-2/TEST-a.xml":       suiteOf("a", `timestamp='2018-05-04T10:00:00'`, 3),
		"build-2/TEST-b.xml":       suiteOf("b", `timestamp="2018-05-04T09:59:00.25"`, 4),
		"build-1/sub/c.xml.gz":     packed.String(),
		"build-3/no-time.xml":      suiteOf("d", "", 2),
		"build-3/notes.txt":        "nothing",
		"project/pom.xml":          "<project><name>x</name></project>",
		"build-4/half.xml":         suiteOf("e", `timestamp="2018-06-01T00:00:00"`, 8)[:500],
		"build-5/broken.xml":       "<testsuite timestamp=\"2018-06-02T00:00:00\"",
		"build-6/latin.xml":        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite timestamp=\"2018-06-03T00:00:00\"><testcase name=\"caf\xe9\"/></testsuite>",
		"build-6/nested/empty.xml": "",
	})
}

func importFolder(ctx context.Context, t testing.TB, s *store.Store, dir string, change ...func(*results.FolderImport)) (*imports.Report, error) {
	t.Helper()
	i := &results.FolderImport{
		Import: imports.Import{Store: s, System: "junit"}, Name: "unit",
		Limits: intake.Limits{Tests: 1_000_000, Members: 100, Decompressed: 1 << 30, Ratio: 1000},
	}
	for _, c := range change {
		c(i)
	}
	f, err := results.OpenFolder(dir, i.PerFile)
	if err != nil {
		t.Fatal(err)
	}
	return i.Run(ctx, f)
}

func importedFolder(t testing.TB, s *store.Store, dir string, change ...func(*results.FolderImport)) *imports.Report {
	t.Helper()
	r, err := importFolder(t.Context(), t, s, dir, change...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// importedRuns are the runs of a store in the order of their numbers.
func importedRuns(t testing.TB, s *store.Store) (list []string) {
	t.Helper()
	rows := resultstore.New(s)
	runs, err := rows.ListRuns(t.Context(), resultstore.RunFilter{Scope: store.Everything, Page: store.Page{Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	for i := len(runs.Items) - 1; i >= 0; i-- {
		run := runs.Items[i]
		r, err := rows.Result(t.Context(), run.CurrentResult)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s %s: %d tests, %s, complete %v", run.Name, r.CreatedAt.Format(time.RFC3339Nano), run.FinishedAt.Format("2006"), r.Tests, r.Outcome, r.Complete))
	}
	return list
}

var importedBuilds = []string{
	"unit 2018-05-04T09:59:00.25Z 2018: 7 tests, fail, complete true",
	"unit 2018-05-06T07:08:09Z 2018: 4 tests, fail, complete true",
	"unit 2018-06-01T00:00:00Z 2018: 5 tests, fail, complete false",
	"unit 2018-06-02T00:00:00Z 2018: 0 tests, error, complete false",
	"unit 2018-06-03T00:00:00Z 2018: 1 tests, pass, complete true",
	"unit 2019-02-03T04:05:06Z 2019: 2 tests, pass, complete true",
}

func TestFolderImport(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		dir := builds(t)
		r := importedFolder(t, s, dir)
		if got, want := strings.Join(importedRuns(t, s), "\n"), strings.Join(importedBuilds, "\n"); got != want {
			t.Errorf("the runs are\n%s\nwant\n%s", got, want)
		}
		if r.Kinds["run"] != (imports.Count{Taken: 6, LeftOut: 2}) || r.Kinds["damage"].Refused != 2 || r.Kinds["file"].LeftOut != 1 {
			t.Errorf("the report is %s", r.Text())
		}
		if !strings.Contains(r.Text(), "no file says when it ran") {
			t.Errorf("the report is %s", r.Text())
		}
		again := importedFolder(t, s, dir)
		if again.Kinds["run"].Taken != 0 || again.Kinds["run"].There != 6 || len(importedRuns(t, s)) != 6 {
			t.Errorf("the second time: %s", again.Text())
		}
		moved := importedFolder(t, s, filepath.Join(dir, "build-2"))
		if moved.Kinds["run"] != (imports.Count{There: 1}) {
			t.Errorf("from a folder within: %s", moved.Text())
		}
		other := importedFolder(t, s, dir, func(i *results.FolderImport) { i.Import.Tenant = "b" })
		if other.Kinds["run"].Taken != 6 {
			t.Errorf("for another tenant: %s", other.Text())
		}
	})
}

func TestFolderImport_PerFile(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	dir := builds(t)
	dry := importedFolder(t, s.Store, dir, func(i *results.FolderImport) { i.PerFile, i.Import.DryRun = true, true })
	if got := importedRuns(t, s.Store); len(got) != 0 || dry.Kinds["run"].Taken != 7 {
		t.Errorf("a dry run wrote %q and said %s", got, dry.Text())
	}
	r := importedFolder(t, s.Store, dir, func(i *results.FolderImport) { i.PerFile = true })
	if r.Kinds["run"] != dry.Kinds["run"] {
		t.Errorf("the report is %s", r.Text())
	}
	if got := s.Do("GET", "/v1/test-results?name=unit.a.test_0", "", servertest.Admin()); got.Status != 200 || !strings.Contains(string(got.Body), "unit.a.test_0") {
		t.Errorf("a search answers %d %s", got.Status, got.Body)
	}
}

func TestFolderImport_Interrupted(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		dir := builds(t)
		want := importedFolder(t, servertest.New(t).Store, dir)
		for left := 1; ; left += 5 {
			r, err := importFolder(storetest.Ending(t.Context(), left), t, s, dir)
			if err == nil {
				if r.Text() != want.Text() {
					t.Errorf("the report is %s, want %s", r.Text(), want.Text())
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if got, want := strings.Join(importedRuns(t, s), "\n"), strings.Join(importedBuilds, "\n"); got != want {
			t.Errorf("the runs are\n%s\nwant\n%s", got, want)
		}
	})
}

// BenchmarkFolderImport imports 100 000 tests.
func BenchmarkFolderImport(b *testing.B) {
	const tests = 100_000
	files := map[string]string{}
	for n := range 100 {
		files[fmt.Sprintf("build-%d/junit.xml", n)] = suiteOf("a", fmt.Sprintf(`timestamp="2018-05-04T10:%02d:%02d"`, n/60, n%60), tests/100)
	}
	dir := writeFolder(b, files)
	for b.Loop() {
		s := servertest.New(b)
		if r := importedFolder(b, s.Store, dir); r.Kinds["run"].Taken != 100 {
			b.Fatal(r.Text())
		}
	}
	b.ReportMetric(tests*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
