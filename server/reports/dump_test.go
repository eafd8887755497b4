package reports_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/storetest"
)

// The dump of the tests is made by the fields of kernelci-backend's models
// (app/models/job.py and its like). Its numbers are such that ids tell what they are.
const (
	dumpJob = iota + 1
	dumpBuild
	dumpBoot
	dumpGroup
	dumpCase
	dumpLab
	dumpToken
)

func dumpID(kind, n int) string { return fmt.Sprintf("5a%02x%020x", kind, n) }

func dumpOID(kind, n int) string { return fmt.Sprintf(`{"$oid":%q}`, dumpID(kind, n)) }

func dumpDate(n int) string {
	return fmt.Sprintf(`{"$date":%q}`, time.UnixMilli(1514764800000+int64(n)*1000).UTC().Format("2006-01-02T15:04:05.000Z"))
}

const dumpSource = `"job":"next","kernel":"next-20180101","git_branch":"master","git_commit":"abc","defconfig":"defconfig","defconfig_full":"defconfig","arch":"arm64","build_environment":"gcc-8"`

// dumpCaseStatus is what the cases of a dump say, by their number.
func dumpCaseStatus(n int) string {
	return []string{`"PASS"`, `"FAIL"`, `"SKIP"`, `"fail"`, `null`, `"BROKEN"`}[n%6]
}

// writeDump writes a dump with a group inside another and so many cases.
func writeDump(t testing.TB, cases int) string {
	t.Helper()
	files := map[string][]string{
		"api-token": {
			fmt.Sprintf(`{"_id":%s,"created_on":%s,"expired":false,"expires_on":null,"token":"0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e","username":"lab-x","email":"lab-x@example.org","ip_address":null,"properties":[0,0,1,1,1,0,0,1,0,0,0,0,0,0,0,0],"version":"1.0"}`, dumpOID(dumpToken, 1), dumpDate(0)),
			fmt.Sprintf(`{"_id":%s,"expired":true,"token":"11111111-2222-4333-8444-555555555555","email":"x@example.org","properties":[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0]}`, dumpOID(dumpToken, 2)),
		},
		"lab":   {fmt.Sprintf(`{"_id":%s,"created_on":%s,"updated_on":%s,"name":"lab-x","private":false,"contact":{"name":"Ann","surname":"Lee","email":"ann@example.org"},"address":{},"token":%s,"version":"1.0"}`, dumpOID(dumpLab, 1), dumpDate(0), dumpDate(1), dumpOID(dumpToken, 1))},
		"job":   {fmt.Sprintf(`{"_id":%s,"created_on":%s,%s,"status":"PASS","private":false}`, dumpOID(dumpJob, 1), dumpDate(0), strings.Split(dumpSource, `,"defconfig"`)[0])},
		"build": {fmt.Sprintf(`{"_id":%s,"created_on":%s,"job_id":%s,%s,"status":"FAIL","errors":{"$numberInt":"2"},"warnings":null,"build_log_lines":7}`, dumpOID(dumpBuild, 1), dumpDate(1), dumpOID(dumpJob, 1), dumpSource)},
		"boot": {
			fmt.Sprintf(`{"_id":%s,"created_on":%s,"job_id":%s,"build_id":%s,%s,"lab_name":"lab-x","board":"b1","status":"OFFLINE","time":{"$date":27000}}`, dumpOID(dumpBoot, 1), dumpDate(2), dumpOID(dumpJob, 1), dumpOID(dumpBuild, 1), dumpSource),
			fmt.Sprintf(`{"_id":%s,"created_on":%s,"job_id":%s,"build_id":%s,%s,"lab_name":"lab-x","board":"b1","status":"PASS"}`, dumpOID(dumpBoot, 2), dumpDate(3), dumpOID(dumpJob, 9), dumpOID(dumpBuild, 1), dumpSource),
		},
		"test_group": { // the one inside comes first, as kernelci-backend saves them
			fmt.Sprintf(`{"_id":%s,"created_on":%s,"parent_id":%s,"build_id":%s,%s,"lab_name":"lab-x","device_type":"b1","name":"inner","test_cases":[%s],"sub_groups":[],"plan_variant":"p"}`, dumpOID(dumpGroup, 2), dumpDate(4), dumpOID(dumpGroup, 1), dumpOID(dumpBuild, 1), dumpSource, dumpOID(dumpCase, 1)),
			fmt.Sprintf(`{"_id":%s,"created_on":%s,"parent_id":null,"build_id":%s,%s,"lab_name":"lab-x","device_type":"b1","name":"outer","test_cases":[],"sub_groups":[%s],"plan_variant":"p","time":-1}`, dumpOID(dumpGroup, 1), dumpDate(4), dumpOID(dumpBuild, 1), dumpSource, dumpOID(dumpGroup, 2)),
		},
	}
	for n := range cases {
		files["test_case"] = append(files["test_case"], fmt.Sprintf(`{"_id":%s,"created_on":%s,"test_group_id":%s,"name":"case-%d","status":%s,"time":1.5,"measurements":[{"name":"m","value":{"$numberDouble":"2.5"}}],"log_lines":[{"dt":"x","msg":"line"}],"version":"1.1"}`,
			dumpOID(dumpCase, n), dumpDate(5+n), dumpOID(dumpGroup, 2), n, dumpCaseStatus(n)))
	}
	dir := t.TempDir()
	for name, lines := range files {
		writeDumped(t, dir, name+".json", strings.Join(lines, "\n")+"\n")
	}
	return dir
}

func writeDumped(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// importing imports a dump into the store of a server.
func importing(t testing.TB, s *servertest.Server, dir string, change ...func(*reports.DumpImport, *reports.Dump)) (*imports.Report, error) {
	t.Helper()
	dump, err := reports.OpenDump(dir, func(r io.Reader) io.Reader { return r })
	if err != nil {
		t.Fatal(err)
	}
	d := &reports.DumpImport{Import: imports.Import{Store: s.Store, System: "kernelci"}, Tokens: s.Auth}
	for _, f := range change {
		f(d, dump)
	}
	return d.Run(t.Context(), dump)
}

func imported(t testing.TB, s *servertest.Server, dir string, change ...func(*reports.DumpImport, *reports.Dump)) *imports.Report {
	t.Helper()
	r, err := importing(t, s, dir, change...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func asText(v any) string {
	text, _ := json.MarshalIndent(v, "", " ") // of plain values
	return string(text)
}

// oneDumped asks for a document.
func oneDumped(t testing.TB, s *servertest.Server, token, path string) map[string]any {
	t.Helper()
	a := s.Do("GET", path, "", raw(token))
	var p page
	if err := json.Unmarshal(a.Body, &p); err != nil || len(p.Result) != 1 {
		t.Fatalf("GET %s: %d %.500s", path, a.Status, a.Body)
	}
	return p.Result[0]
}

func TestDumpImport(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		dir := writeDump(t, 250)
		r := imported(t, s, dir)
		want := map[string]imports.Count{
			"api-token": {Taken: 1, LeftOut: 1}, "lab": {Taken: 1}, "job": {Taken: 1}, "build": {Taken: 1},
			"boot": {Taken: 2}, "test_group": {Taken: 2}, "test_case": {Taken: 250},
		}
		if !maps.Equal(r.Kinds, want) {
			t.Errorf("the report is %s", asText(r))
		}
		for _, reason := range []string{"boot: its job is missing; job_id stays", "build: the field build_log_lines is not kept", "api-token: has expired"} {
			if r.Reasons[reason] != 1 {
				t.Errorf("%q is said %d times: %v", reason, r.Reasons[reason], r.Reasons)
			}
		}
		token := "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e" // works
		boot := oneDumped(t, s, token, "/boot/"+dumpID(dumpBoot, 1))
		if fmt.Sprintf("%v %v %v", boot["created_on"], boot["status"], boot["time"]) != "map[$date:1.514764802e+12] OFFLINE map[$date:27000]" {
			t.Errorf("the boot is %v", boot)
		}
		if b := oneDumped(t, s, token, "/build/"+dumpID(dumpBuild, 1)); b["status"] != "FAIL" || b["errors"] != 2.0 || b["warnings"] != nil {
			t.Errorf("the build is %v", b)
		}
		for n, status := range []string{"PASS", "FAIL", "SKIP", "FAIL", "UNKNOWN", "BROKEN"} {
			row, err := reportstore.New(s.Store).ReportByID(t.Context(), reportstore.Cases, dumpID(dumpCase, n))
			if err != nil {
				t.Fatal(err)
			}
			if got := row.Get(reportstore.Cases, "status"); got != status {
				t.Errorf("case %d with %s is %v", n, dumpCaseStatus(n), got)
			}
		}
		c := oneDumped(t, s, token, "/test/case/"+dumpID(dumpCase, 1))
		if c["test_case_path"] != "outer.inner.case-1" || c["lab_name"] != "lab-x" || c["kernel"] != "next-20180101" {
			t.Errorf("the case has of its group: %v", c)
		}
		for query, n := range map[string]int{"outcome=pass": 42 + 1, "outcome=fail": 84, "outcome=skip": 42, "outcome=error": 1} { // with two boots
			if got := len(searchTestResults(t, s, "limit=1000&"+query).Tests); got != n {
				t.Errorf("%d tests of %s, want %d", got, query, n)
			}
		}
		lab := oneDumped(t, s, servertest.AdminToken, "/lab/"+dumpID(dumpLab, 1))
		if lab["token"] == nil || fmt.Sprint(lab["token"]) == fmt.Sprint(map[string]any{"$oid": dumpID(dumpToken, 1)}) {
			t.Errorf("the lab is %v", lab)
		}
	})
}

// dumpedState is everything that the server shows of a dump.
func dumpedState(t testing.TB, s *servertest.Server) string {
	t.Helper()
	var b strings.Builder
	for _, c := range []*reportstore.Collection{reportstore.Jobs, reportstore.Builds, reportstore.Boots, reportstore.Groups, reportstore.Cases, reportstore.Labs} {
		var lines []string
		_, err := reportstore.New(s.Store).For(store.Everything).FindReports(t.Context(), c, reportstore.Query{}, func(r *reportstore.Report) error {
			r.Identity = nil
			if c == reportstore.Labs {
				place, _ := c.Place("token")
				r.Values[place] = r.Values[place] != nil // the ids of our tokens differ
			}
			lines = append(lines, fmt.Sprint(r.Tenant, r.Values, r.Rest))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(lines)
		b.WriteString(strings.Join(lines, "\n"))
	}
	for _, outcome := range []string{"pass", "fail", "error", "skip"} {
		fmt.Fprintf(&b, " %s: %d", outcome, len(searchTestResults(t, s, "limit=1000&outcome="+outcome).Tests))
	}
	return b.String()
}

func TestDumpImport_Twice(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		dir := writeDump(t, 120)
		dry := imported(t, s, dir, func(d *reports.DumpImport, _ *reports.Dump) { d.Import.DryRun = true })
		if n, err := reportstore.New(s.Store).FindReports(t.Context(), reportstore.Jobs, reportstore.Query{}, func(*reportstore.Report) error { return nil }); n != 0 || err != nil {
			t.Fatalf("a dry run wrote %d jobs, %v", n, err)
		}
		first := imported(t, s, dir)
		if asText(first) != asText(dry) {
			t.Errorf("the dry run said %s, and was %s", asText(dry), asText(first))
		}
		before := dumpedState(t, s)
		second := imported(t, s, dir)
		if after := dumpedState(t, s); after != before {
			t.Error("the second import changed something")
		}
		for kind, c := range second.Kinds {
			if c.Taken != 0 || c.Refused != 0 || c.There != first.Kinds[kind].Taken {
				t.Errorf("%s the second time: %+v, the first %+v", kind, c, first.Kinds[kind])
			}
		}
	})
}

// TestDumpImport_Interrupted ends an import at every part of its way once. The next one
// goes on, and its report and the store are those of an undisturbed one.
func TestDumpImport_Interrupted(t *testing.T) {
	t.Parallel()
	dir := writeDump(t, 450)
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		whole := servertest.New(t)
		want := imported(t, whole, dir)
		wantState := dumpedState(t, whole)
		srv := servertest.On(t, s)
		broken := errors.New("the cable was pulled")
		for stop := int64(5000); ; stop += 20000 {
			r, err := importing(t, srv, dir, func(_ *reports.DumpImport, dump *reports.Dump) {
				for i := range dump.Files {
					open := dump.Files[i].Open
					dump.Files[i].Open = func() (io.ReadCloser, error) {
						in, err := open()
						return struct {
							io.Reader
							io.Closer
						}{io.MultiReader(&slow{io.LimitReader(in, stop)}, ended{in, broken}), in}, err
					}
				}
			})
			if err == nil {
				if asText(r) != asText(want) {
					t.Errorf("the report is %s, want %s", asText(r), asText(want))
				}
				break
			}
			if !errors.Is(err, broken) {
				t.Fatal(err)
			}
		}
		if got := dumpedState(t, srv); got != wantState {
			t.Errorf("the store has\n%.3000s\nwant\n%.3000s", got, wantState)
		}
	})
}

// TestDumpImport_ChangedBetween interrupts an import behind the jobs and goes on with a
// dump that has another one. It is not passed over because the file of its name was done.
func TestDumpImport_ChangedBetween(t *testing.T) {
	t.Parallel()
	dir := writeDump(t, 5)
	s := servertest.New(t)
	broken := errors.New("the cable was pulled")
	_, err := importing(t, s, dir, func(_ *reports.DumpImport, dump *reports.Dump) {
		for i := range dump.Files {
			if dump.Files[i].Kind == "boot" {
				dump.Files[i].Open = func() (io.ReadCloser, error) { return nil, broken }
			}
		}
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dir, "job.json"))
	if err != nil {
		t.Fatal(err)
	}
	writeDumped(t, dir, "job.json", strings.NewReplacer(dumpID(dumpJob, 1), dumpID(dumpJob, 2), "next-20180101", "next-20180102", `"PASS"`, `"FAIL"`).Replace(string(old)))
	r := imported(t, s, dir)
	if c := r.Kinds["job"]; c.Taken != 1 {
		t.Errorf("the report is %s", asText(r))
	}
	if got := oneDumped(t, s, "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e", "/job/"+dumpID(dumpJob, 2))["status"]; got != "FAIL" {
		t.Errorf("the new job is %v", got)
	}
}

// TestOpenDump_OtherForms opens a directory in which collections lie in forms that are
// not read. Whoever imports it must not believe that they were taken.
func TestOpenDump_OtherForms(t *testing.T) {
	t.Parallel()
	dir := writeDump(t, 5)
	boots, err := os.ReadFile(filepath.Join(dir, "boot.json"))
	if err == nil {
		err = os.Rename(filepath.Join(dir, "job.json"), filepath.Join(dir, "elsewhere"))
	}
	if err == nil {
		err = os.Symlink("elsewhere", filepath.Join(dir, "job.json"))
	}
	if err == nil {
		err = os.Remove(filepath.Join(dir, "boot.json"))
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "more"), 0o700)
	}
	z, failed := zstd.NewWriter(nil)
	if err = errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "build.json"), filepath.Join(dir, "kernel-ci.defconfig.json")); err != nil {
		t.Fatal(err)
	}
	writeDumped(t, dir, "boot.json.zst", string(z.EncodeAll(boots, nil)))
	for _, name := range []string{"test_case.json", "test_group.json", "lab.json"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	writeDumped(t, dir, "test_case.bson", "x")
	writeDumped(t, dir, "kernel-ci.test_group.json.xz", "x")
	writeDumped(t, dir, "lab.csv", "x")
	writeDumped(t, dir, "job.bson.gz", "x") // beside one that is read
	s := servertest.New(t)
	r := imported(t, s, dir)
	for kind, want := range map[string]imports.Count{"job": {Taken: 1}, "build": {Taken: 1}, "boot": {Taken: 2}, "test_case": {Refused: 1}, "test_group": {Refused: 1}, "lab": {Refused: 1}} {
		if got := r.Kinds[kind]; got != want {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
	if text := r.Text(); !strings.Contains(text, "bsondump") || !strings.Contains(text, "compressed in a way") || !strings.Contains(text, "what is in it is not looked at") {
		t.Errorf("the report is %s", text)
	}
}

// slow reads a little at a time, so that parts are written before an end.
type slow struct{ in io.Reader }

func (s *slow) Read(p []byte) (int, error) { return s.in.Read(p[:min(len(p), 1000)]) }

// ended fails where there is more.
type ended struct {
	in  io.Reader
	err error
}

func (e ended) Read([]byte) (int, error) {
	if n, _ := e.in.Read(make([]byte, 1)); n == 0 {
		return 0, io.EOF
	}
	return 0, e.err
}

func TestDumpImport_Damaged(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	dir := writeDump(t, 10)
	text, err := os.ReadFile(filepath.Join(dir, "test_case.json"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines[1] = lines[1][:60]                                                              // cut
	lines[2] = "connected to: 127.0.0.1"                                                  // of the program itself
	lines[3] = strings.Replace(lines[3], "case-3", "case-\xff", 1)                        // Latin-1
	lines[4] = strings.Replace(lines[4], dumpOID(dumpGroup, 2), dumpOID(dumpGroup, 7), 1) // no such group
	lines[6] = strings.Replace(lines[0], `"PASS"`, `"FAIL"`, 1)                           // the id of a pass
	lines[7] = lines[0]                                                                   // twice
	lines[9] = lines[9][:len(lines[9])/2]
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(strings.Join(lines, "\n")))
	if err := errors.Join(z.Close(), os.Remove(filepath.Join(dir, "test_case.json"))); err != nil {
		t.Fatal(err)
	}
	writeDumped(t, dir, "kernel-ci.test_case.json.gz", packed.String())
	writeDumped(t, dir, "daily_stats.json", "{}")
	writeDumped(t, dir, "job.bson", "")
	r := imported(t, s, dir)
	if got := r.Kinds["test_case"]; got != (imports.Count{Taken: 4, There: 1, Refused: 5}) {
		t.Errorf("the report is %s", asText(r))
	}
	var at []int64
	for _, f := range r.Findings {
		if f.Refuse {
			at = append(at, f.Line)
		}
	}
	slices.Sort(at)
	if !slices.Equal(at, []int64{2, 3, 4, 7, 10}) {
		t.Errorf("refused at lines %v of %s", at, asText(r.Findings))
	}
	for _, says := range []string{"its test group is missing", "another document has this id", "is BSON", "is no collection"} {
		if !strings.Contains(r.Text(), says) {
			t.Errorf("the report does not say %q:\n%s", says, r.Text())
		}
	}
	if c := oneDumped(t, s, servertest.AdminToken, "/test/case/"+dumpID(dumpCase, 0)); c["status"] != "PASS" {
		t.Errorf("the first is %v", c["status"])
	}
	if _, err := reports.OpenDump(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "job.json") {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestDumpImport_Tenants(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		dir := writeDump(t, 20)
		of := func(tenant string) func(*reports.DumpImport, *reports.Dump) {
			return func(d *reports.DumpImport, _ *reports.Dump) { d.Import.Tenant = tenant }
		}
		imported(t, s, dir, of("a"))
		who := callers(s)
		for name, status := range map[string]int{"a": 200, "b": 404, "none": 404, "all": 200} {
			if got := s.Do("GET", "/test/case/"+dumpID(dumpCase, 1), "", who[name]).Status; got != status {
				t.Errorf("%s gets %d, want %d", name, got, status)
			}
		}
		other := imported(t, s, dir, of("b")) // the ids are those of somebody else
		if got := other.Kinds["test_case"]; got != (imports.Count{Refused: 20}) {
			t.Errorf("of tenant b: %+v", got)
		}
	})
}

// BenchmarkDumpImport imports 100 000 test cases.
func BenchmarkDumpImport(b *testing.B) {
	const cases = 100_000
	dir := writeDump(b, cases)
	for b.Loop() {
		s := servertest.New(b)
		imported(b, s, dir)
	}
	b.ReportMetric(cases*float64(b.N)/b.Elapsed().Seconds(), "cases/s")
}
