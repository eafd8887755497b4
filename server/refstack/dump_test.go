package refstack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
	"github.com/slipway-lab/slipway/server/refstack"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

func dumpedTestID(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-00000000000a", n) }

func dumpedAt(n int) string { return fmt.Sprintf("2017-03-%02d 11:%02d:00", n%28+1, n%60) }

const dumpedOwner = "https://openstackid.org/ada.berg"

// dumpOf is a RefStack's database by the columns of refstack/db/sqlalchemy/models.py: so
// many tests with so many results each. The test 1 is Ada's, 2 hers and shared, 3 was
// signed with her key before there were owners.
func dumpOf(t testing.TB, tests, results int) map[string]*sqldumptest.Table {
	t.Helper()
	key := publicLine(t, keys()[0]) + " ada@box"
	parts := strings.Fields(key)
	tables := map[string]*sqldumptest.Table{}
	table := func(name string, columns string) *sqldumptest.Table {
		tables[name] = &sqldumptest.Table{Name: name, Columns: append([]string{"created_at", "updated_at", "deleted_at", "deleted"}, strings.Fields(columns)...)}
		return tables[name]
	}
	meta := table("meta", "_id test_id meta_key value")
	table("product", "id name public").Add(dumpedAt(0), nil, nil, 0, "p", "a product", 1)
	table("pubkeys", "id openid format pubkey md5_hash comment").
		Add(dumpedAt(0), nil, nil, 0, dumpedTestID(99), dumpedOwner, parts[0], parts[1], "d41d8cd98f00b204e9800998ecf8427e", "ada@box")
	rows := table("results", "_id test_id name uuid")
	test := table("test", "id cpid duration_seconds product_version_id verification_status")
	table("user", "_id openid email fullname").Add(dumpedAt(0), nil, nil, 0, 1, dumpedOwner, "ada@example.org", "Ada Berg")
	note := func(n int, key, value string) {
		meta.Add(dumpedAt(n), nil, nil, 0, len(meta.Rows)+1, dumpedTestID(n), key, value)
	}
	for n := range tests {
		test.Add(dumpedAt(n), nil, nil, 0, dumpedTestID(n), fmt.Sprintf("cpid-%d", n%3), 100+n, nil, 0)
		for k := range results {
			rows.Add(dumpedAt(n), nil, nil, 0, len(rows.Rows)+1, dumpedTestID(n), fmt.Sprintf("tempest.api.test_it's.Test.test_%d", k), nil)
		}
	}
	note(1, "user", dumpedOwner)
	note(1, "guideline", "2017.01")
	note(2, "user", dumpedOwner)
	note(2, "shared", "true")
	note(2, "colour", "red")
	note(3, "public_key", key)
	return tables
}

var tableOrder = []string{"meta", "product", "pubkeys", "results", "test", "user"} // that of mysqldump

func written(f sqldumptest.Form, tables map[string]*sqldumptest.Table) string {
	var list []*sqldumptest.Table
	for _, name := range tableOrder {
		list = append(list, tables[name])
	}
	return sqldumptest.Write(f, list...)
}

// importingDump imports a dump into the store of a server.
func importingDump(ctx context.Context, t testing.TB, s *servertest.Server, dump string, change ...func(*refstack.DumpImport)) (*imports.Report, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refstack.sql")
	if err := os.WriteFile(path, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := scratch.File(path, "refstack", func(r io.Reader) io.Reader { return r })
	if err != nil {
		t.Fatal(err)
	}
	d := &refstack.DumpImport{
		Import:  imports.Import{Store: s.Store, System: "refstack"},
		Limits:  intake.Limits{Tests: 1_000_000, Members: 10, Decompressed: 1 << 30, Ratio: 1000},
		Scratch: scratch.Options{Dir: t.TempDir()},
	}
	for _, c := range change {
		c(d)
	}
	return d.Run(ctx, f)
}

func importedDump(t testing.TB, s *servertest.Server, dump string, change ...func(*refstack.DumpImport)) *imports.Report {
	t.Helper()
	r, err := importingDump(t.Context(), t, s, dump, change...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDumpImport(t *testing.T) {
	t.Parallel()
	for _, form := range sqldumptest.Forms {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			servertest.Each(t, func(t *testing.T, s *servertest.Server) {
				r := importedDump(t, s, written(form, dumpOf(t, 6, 20)))
				want := map[string]imports.Count{"test": {Taken: 6}, "pubkeys": {Taken: 1}, "user": {LeftOut: 1}, "product": {LeftOut: 1}}
				if !maps.Equal(r.Kinds, want) {
					t.Errorf("the report is %s", r.Text())
				}
				if r.Reasons["test: the note colour has no place here"] != 1 {
					t.Errorf("the reasons are %v", r.Reasons)
				}
				one := decode[result](t, s.Do("GET", "/v1/results/"+dumpedTestID(0), "", servertest.Admin()), 200)
				if one.ID != dumpedTestID(0) || one.CreatedAt != dumpedAt(0) || one.DurationSeconds != 100 || len(one.Results) != 20 || *one.CPID != "cpid-0" {
					t.Errorf("test 0 is %+v", one)
				}
				if one.Results[3] != "tempest.api.test_it's.Test.test_3" {
					t.Errorf("a result is %q", one.Results[3])
				}
				if got := s.Do("GET", "/v1/results/"+dumpedTestID(1), "", servertest.As(s.Token(auth.Reader))).Status; got == 200 {
					t.Error("a stranger reads Ada's test")
				}
				ada := decode[result](t, s.Do("GET", "/v1/results/"+dumpedTestID(1), "", servertest.Admin()), 200)
				if ada.Meta["user"] != dumpedOwner || ada.Meta["guideline"] != "2017.01" {
					t.Errorf("test 1 is noted as %v", ada.Meta)
				}
				if got := s.Do("GET", "/v1/results/"+dumpedTestID(2), "", servertest.As(s.Token(auth.Reader))).Status; got != 200 {
					t.Errorf("a stranger gets %d of a shared test", got)
				}
				if p := publishedRow(t, s, 3); p.Owner != dumpedOwner {
					t.Errorf("test 3 belongs to %q", p.Owner)
				}
				keys, err := refstackstore.New(s.Store).PublicKeys(t.Context(), "", dumpedOwner, store.Page{})
				if err != nil || len(keys.Items) != 1 || keys.Items[0].Comment != "ada@box" || keys.Items[0].CreatedAt.Format("2006-01-02 15:04:05") != dumpedAt(0) {
					t.Errorf("Ada's keys are %+v, %v", keys.Items, err)
				}
			})
		})
	}
}

func publishedRow(t testing.TB, s *servertest.Server, n int) *refstackstore.Published {
	t.Helper()
	p, err := refstackstore.New(s.Store).Published(t.Context(), store.Everything, uuid.MustParse(dumpedTestID(n)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dumpState is what the server has of the tests of a dump.
func dumpState(t testing.TB, s *servertest.Server, tests int) string {
	t.Helper()
	var b strings.Builder
	rows := resultstore.New(s.Store)
	runs, err := rows.ListRuns(t.Context(), resultstore.RunFilter{Scope: store.Everything, Page: store.Page{Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%d runs\n", len(runs.Items))
	for n := range tests {
		r, err := rows.Result(t.Context(), uuid.MustParse(dumpedTestID(n)))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		p := publishedRow(t, s, n)
		fmt.Fprintf(&b, "%d: %s %s %d %s %v %s %q %s\n", n, r.SHA256, r.Outcome, r.Tests, r.CreatedAt, r.Complete, r.Damage, p.Owner, p.CPID)
	}
	return b.String()
}

func TestDumpImport_Twice(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		dump := written(sqldumptest.MySQL, dumpOf(t, 5, 10))
		dry := importedDump(t, s, dump, func(d *refstack.DumpImport) { d.Import.DryRun = true })
		if got := dumpState(t, s, 5); got != "0 runs\n" {
			t.Fatalf("a dry run wrote %s", got)
		}
		first := importedDump(t, s, dump)
		if first.Text() != dry.Text() {
			t.Errorf("the dry run said %s, and was %s", dry.Text(), first.Text())
		}
		before := dumpState(t, s, 5)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(dump))
		_ = z.Close()
		again := importedDump(t, s, packed.String())
		if again.Kinds["test"] != (imports.Count{There: 5}) || again.Kinds["pubkeys"] != (imports.Count{There: 1}) {
			t.Errorf("the second time: %s", again.Text())
		}
		if after := dumpState(t, s, 5); after != before {
			t.Errorf("the second import made\n%s of\n%s", after, before)
		}
		other := importedDump(t, s, dump, func(d *refstack.DumpImport) { d.Import.Tenant = "b" })
		if other.Kinds["test"] != (imports.Count{Refused: 5}) || other.Kinds["pubkeys"].Taken != 1 {
			t.Errorf("for another tenant: %s", other.Text())
		}
	})
}

// TestDumpImport_Interrupted stops an import at many places of its way.
func TestDumpImport_Interrupted(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, st *store.Store) {
		dump := written(sqldumptest.MySQL, dumpOf(t, 12, 10))
		whole := servertest.New(t)
		want := importedDump(t, whole, dump)
		s := servertest.On(t, st)
		for stop := 1; ; stop += 3 {
			r, err := importingDump(storetest.Ending(t.Context(), stop), t, s, dump)
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
		if got, want := dumpState(t, s, 12), dumpState(t, whole, 12); got != want {
			t.Errorf("the store has\n%s, want\n%s", got, want)
		}
	})
}

func TestDumpImport_Damaged(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	tables := dumpOf(t, 8, 5)
	test, results := tables["test"], tables["results"]
	test.Rows[1][4] = "no-uuid"
	test.Rows[2][0] = "0000-00-00 00:00:00"
	test.Rows[4][8] = 7                     // verification_status
	test.Rows[5][4] = dumpedTestID(4)       // twice
	test.Rows[6][3] = 6                     // deleted
	results.Rows[7*5][6] = "caf\xe9"        // Latin-1
	results.Rows[7*5+1][6] = nil            // no name
	results.Rows[0][5] = dumpedTestID(1000) // no such test
	test.Add(dumpedAt(9), nil, nil, 0, dumpedTestID(9), "empty", "x", "version", 1)
	r := importedDump(t, s, written(sqldumptest.MySQL, tables))
	want := map[string]imports.Count{"test": {Taken: 5, LeftOut: 1, Refused: 3}, "results": {Refused: 12}, "meta": {Refused: 2}}
	for kind, c := range want {
		if r.Kinds[kind] != c {
			t.Errorf("%s: %+v, want %+v", kind, r.Kinds[kind], c)
		}
	}
	for _, says := range []string{"its id is no UUID", "is no time", "another test has this id", "is deleted", "its test is not in the dump", "none of its results", "verification_status 7", "have a name that is none", "duration_seconds is no number"} {
		if !strings.Contains(r.Text(), says) {
			t.Errorf("the report does not say %q:\n%s", says, r.Text())
		}
	}
	rows := resultstore.New(s.Store)
	for n, whole := range map[int]bool{0: true, 3: true, 7: false, 9: false} {
		got, err := rows.Result(t.Context(), uuid.MustParse(dumpedTestID(n)))
		if err != nil {
			t.Fatal(err)
		}
		if got.Complete != whole || (got.DamageCount == 0) != whole {
			t.Errorf("test %d is complete: %v, with the damage %s", n, got.Complete, got.Damage)
		}
	}
}

// TestDumpImport_Cut imports a dump with a broken line among the results, and half of one.
func TestDumpImport_Cut(t *testing.T) {
	t.Parallel()
	whole := written(sqldumptest.MySQL, dumpOf(t, 6, 20))
	at := strings.LastIndex(whole[:strings.Index(whole, "INSERT INTO `test`")], dumpedTestID(3))
	broken := whole[:at+5] + "\nmysqldump: Error 2013\n" + whole[at+5:]
	s := servertest.New(t)
	r := importedDump(t, s, broken)
	if r.Refused() == 0 || !strings.Contains(r.Text(), "the line ends within a text") {
		t.Errorf("the report is %s", r.Text())
	}
	for n := range 6 {
		got, err := resultstore.New(s.Store).Result(t.Context(), uuid.MustParse(dumpedTestID(n)))
		if err != nil {
			t.Fatal(err)
		}
		if got.Complete || got.DamageCount == 0 {
			t.Errorf("test %d says nothing of what was lost: %s", n, got.Damage)
		}
	}
	notes := strings.Index(whole, dumpedTestID(1))
	hidden := servertest.New(t)
	r = importedDump(t, hidden, whole[:notes+5]+"\n"+whole[notes+5:])
	if r.Kinds["test"].Taken != 0 || !strings.Contains(r.Text(), "may be somebody's") {
		t.Errorf("of a dump that has lost who tests belong to: %s", r.Text())
	}
	other := servertest.New(t)
	half := importedDump(t, other, whole[:strings.Index(whole, "INSERT INTO `test`")])
	if half.Kinds["test"].Taken != 0 || half.Kinds["results"].Refused != 121 || !strings.Contains(half.Text(), "the file is cut") {
		t.Errorf("of half a dump: %s", half.Text())
	}
	if r := importedDump(t, other, "hello\n"); !strings.Contains(r.Text(), "is no dump of a RefStack") {
		t.Errorf("of no dump: %s", r.Text())
	}
}

// BenchmarkDumpImport imports 100 000 results.
func BenchmarkDumpImport(b *testing.B) {
	const rows = 100_000
	dump := written(sqldumptest.MySQL, dumpOf(b, 100, rows/100))
	for b.Loop() {
		s := servertest.New(b)
		if r := importedDump(b, s, dump); r.Kinds["test"].Taken != 100 {
			b.Fatal(r.Text())
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// TestDumpImport_WhoseUnknown imports dumps that have lost whose the tests are: those that
// were cut before the table meta, and those that never had it. Nobody's test may be shown
// that is somebody's.
func TestDumpImport_WhoseUnknown(t *testing.T) {
	t.Parallel()
	all := dumpOf(t, 3, 4)
	cut := sqldumptest.Write(sqldumptest.SQLite, all["test"], all["results"], all["meta"])
	for name, dump := range map[string]string{
		"cut before meta": cut[:strings.Index(cut, "INSERT INTO meta")],
		"without meta":    sqldumptest.Write(sqldumptest.MySQL, all["results"], all["test"]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servertest.New(t)
			r := importedDump(t, s, dump)
			if c := r.Kinds["test"]; c.Taken != 0 || c.Refused != 3 {
				t.Errorf("the report is %s", r.Text())
			}
			for n := range 3 {
				if got := s.Do("GET", "/v1/results/"+dumpedTestID(n), "", servertest.As(s.Token(auth.Reader))).Status; got != 404 {
					t.Errorf("a stranger gets %d of test %d", got, n)
				}
			}
		})
	}
	signed := servertest.New(t)
	r := importedDump(t, signed, sqldumptest.Write(sqldumptest.MySQL, dumpOf(t, 4, 2)["meta"], dumpOf(t, 4, 2)["results"], dumpOf(t, 4, 2)["test"]))
	if c := r.Kinds["test"]; c.Taken != 3 || c.Refused != 1 || !strings.Contains(r.Text(), "lost keys") {
		t.Errorf("of tests without keys: %s", r.Text())
	}
	if got := signed.Do("GET", "/v1/results/"+dumpedTestID(3), "", servertest.As(signed.Token(auth.Reader))).Status; got != 404 {
		t.Errorf("a stranger gets %d of the signed test", got)
	}
	s := servertest.New(t)
	none := &sqldumptest.Table{Name: "meta", Columns: all["meta"].Columns}
	if c := importedDump(t, s, sqldumptest.Write(sqldumptest.MySQL, none, all["results"], all["test"])).Kinds["test"]; c.Taken != 3 {
		t.Errorf("of a meta without rows: %+v", c)
	}
}

// TestDumpImport_OtherOptions goes on with an import whose rows were read by another limit:
// no test is passed over.
func TestDumpImport_OtherOptions(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	tables := dumpOf(t, 6, 3)
	long := strings.Repeat("c", 4000)
	for _, n := range []int{0, 1, 2} {
		tables["test"].Rows[n][5] = long // cpid
	}
	dump := written(sqldumptest.MySQL, tables)
	for stop := 1; dumpState(t, s, 6) == "0 runs\n"; stop++ {
		_, err := importingDump(storetest.Ending(t.Context(), stop), t, s, dump, func(d *refstack.DumpImport) { d.Scratch.MaxRow = 2000 })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("it was not interrupted: %v", err)
		}
	}
	importedDump(t, s, dump)
	for n := range 6 {
		if got := s.Do("GET", "/v1/results/"+dumpedTestID(n), "", servertest.Admin()).Status; got != 200 {
			t.Errorf("test %d is answered %d", n, got)
		}
	}
}
