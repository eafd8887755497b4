package store_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm/schema"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// models are the tables that have a Go type, those of this package and of all
// areas.
func models() []any {
	list := slices.Clone(store.Models())
	for _, area := range areas.Schemas() {
		list = append(list, area.Models...)
	}
	return list
}

// withoutModel are the tables that are only written and read as text.
var withoutModel = []string{
	"schema_versions",
	"test_names", "tests", "test_records", "name_lists", "name_list_parts", "test_lists", "test_failures", // results
	"kernel_sets", "kernel_tests", // reports
	"kernel_jobs", "kernel_builds", "kernel_boots", "test_groups", "test_cases", "labs", // reports
}

// Every table belongs to one model, or is known to have none.
func TestTablesAreThoseOfTheModels(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		want := slices.Clone(withoutModel)
		for _, model := range models() {
			want = append(want, tableOf(t, model))
		}
		got, err := store.Tables(context.Background(), s)
		slices.Sort(want)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("tables %v, %v\nmodels %v", got, err, want)
		}
	})
}

func tableOf(t *testing.T, model any) string {
	t.Helper()
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Table
}

// A column that names a blob and is on no list would lose the blob to the sweep.
// Such a column is called sha256, or something before it.
func TestBlobColumnsAreListed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var listed, found []store.BlobColumn
		for _, area := range areas.Schemas() {
			for _, c := range area.Blobs {
				listed = append(listed, store.BlobColumn{Table: c.Table, Column: c.Column})
			}
		}
		tables, err := store.Tables(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			columns, err := store.Columns(context.Background(), s, table)
			if err != nil {
				t.Fatal(err)
			}
			for name := range columns {
				if strings.HasSuffix(name, "sha256") {
					found = append(found, store.BlobColumn{Table: table, Column: name})
				}
			}
		}
		compare := func(a, b store.BlobColumn) int {
			return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column))
		}
		slices.SortFunc(listed, compare)
		slices.SortFunc(found, compare)
		if len(found) == 0 || !slices.Equal(listed, found) {
			t.Errorf("listed %v\nthere are %v", listed, found)
		}
	})
}

// Every field of every model needs a column of a type that takes it, and every
// column a field: what AutoMigrate would change, a migration has forgotten.
func TestModelsFitTheSchema(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, model := range models() {
			parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
			if err != nil {
				t.Fatal(err)
			}
			columns, err := store.Columns(context.Background(), s, parsed.Table)
			if err != nil || len(columns) == 0 {
				t.Errorf("table %s: %v, %v", parsed.Table, columns, err)
				continue
			}
			for name, column := range columns {
				field := parsed.FieldsByDBName[name]
				if field == nil {
					t.Errorf("%s.%s has no field in %T", parsed.Table, name, model)
					continue
				}
				checkColumn(t, fmt.Sprintf("%s.%s", parsed.Table, name), field, column)
			}
			for name := range parsed.FieldsByDBName {
				if _, ok := columns[name]; !ok {
					t.Errorf("%T: no column %s.%s", model, parsed.Table, name)
				}
			}
		}
	})
}

func checkColumn(t *testing.T, name string, field *schema.Field, column store.Column) {
	t.Helper()
	if field.AutoCreateTime > 0 || field.AutoUpdateTime > 0 {
		t.Errorf("%s: GORM would set a time of its own; add autoCreateTime:false or autoUpdateTime:false", name)
	}
	if field.PrimaryKey {
		column.Null = false // SQLite's integer keys are said to be nullable
	}
	if column.Null && !takesNull(field) {
		t.Errorf("%s may be null, %s cannot be", name, field.FieldType)
	}
	if got := kinds[strings.ToLower(column.Type)]; !slices.Contains(got, kindOf(field)) {
		t.Errorf("%s is %q, which does not keep a %s", name, column.Type, field.FieldType)
	}
}

func takesNull(field *schema.Field) bool {
	if field.TagSettings["SERIALIZER"] == "zeronull" {
		return true
	}
	return field.FieldType.Kind() == reflect.Pointer || field.FieldType.Kind() == reflect.Slice
}

// kinds are what a column of each type keeps.
var kinds = map[string][]string{
	"integer": {"int", "bool"},
	"text":    {"text"},
	"blob":    {"bytes"},
	"int8":    {"int"},
	"bigint":  {"int"},
	"int2":    {"int"},
	"bool":    {"bool"},
	"boolean": {"bool"},
	"bytea":   {"bytes"},
}

func kindOf(field *schema.Field) string {
	if strings.HasPrefix(string(field.DataType), "text") {
		return "text"
	}
	switch field.IndirectFieldType.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "bytes"
	}
	return "int" // numbers, and times with their serializer
}

func TestMigrations_SameOnBothDatabases(t *testing.T) {
	t.Parallel()
	lite, err := fs.Glob(os.DirFS("migrations/sqlite"), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	pg, err := fs.Glob(os.DirFS("migrations/postgres"), "*.sql")
	if err != nil || !slices.Equal(lite, pg) {
		t.Errorf("SQLite has %v, PostgreSQL %v, %v", lite, pg, err)
	}
	for _, name := range lite {
		if len(name) < 7 || name[5] != '_' || strings.Trim(name[:5], "0123456789") != "" {
			t.Errorf("%s does not begin with five digits and _", name)
		}
		for _, dir := range []string{"sqlite", "postgres"} {
			text, err := os.ReadFile(filepath.Join("migrations", dir, name))
			if err != nil || strings.Contains(string(text), "goose Down") {
				t.Errorf("%s/%s: %v; there is no way down", dir, name, err)
			}
		}
	}
}

// PostgreSQL must sort every text by bytes, as SQLite does.
func TestPostgres_TextIsSortedByBytes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("migrations/postgres/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(strings.TrimSuffix(line, ","))
			if len(fields) > 1 && fields[1] == "text" && !strings.Contains(line, `COLLATE "C"`) {
				t.Errorf("%s:%d: %q lacks COLLATE \"C\"", file, i+1, line)
			}
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		s, err := store.Open(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		version, err := s.Version(ctx)
		pending, err2 := s.Pending(ctx)
		if version != 0 || pending == 0 || err != nil || err2 != nil {
			t.Errorf("an empty database is at %d with %d pending, %v, %v", version, pending, err, err2)
		}
		var wg sync.WaitGroup
		for range 4 { // replicas that start together
			wg.Go(func() {
				other, err := store.Open(ctx, cfg)
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				defer other.Close()
				if err := other.Migrate(ctx); err != nil {
					t.Errorf("Migrate: %v", err)
				}
			})
		}
		wg.Wait()
		version, err = s.Version(ctx)
		pending, err2 = s.Pending(ctx)
		if version == 0 || pending != 0 || err != nil || err2 != nil {
			t.Errorf("afterwards it is at %d with %d pending, %v, %v", version, pending, err, err2)
		}
	})
}

var saveSchema = flag.String("save-schema", "", "save the schema as storetest/testdata/released/`NAME`")

// Each directory in testdata/released is what a release left in a database:
// schema and some rows. Migrate must bring each of them up to date and lose
// nothing. A release adds one with -save-schema.
func TestMigrate_FromEveryRelease(t *testing.T) {
	t.Parallel()
	releases, err := os.ReadDir("storetest/testdata/released")
	if err != nil || len(releases) == 0 {
		t.Fatalf("saved schemas: %v, %v", releases, err)
	}
	for _, release := range releases {
		t.Run(release.Name(), func(t *testing.T) {
			t.Parallel()
			storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
				upgrade(t, cfg, filepath.Join("storetest/testdata/released", release.Name()))
			})
		})
	}
}

func upgrade(t *testing.T, cfg store.Config, dir string) {
	ctx := context.Background()
	old, err := store.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := os.ReadFile(filepath.Join(dir, old.Dialect()+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range strings.Split(string(dump), ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			if err := store.Exec(ctx, old, statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	s := storetest.Open(t, cfg)
	fresh := cfg
	fresh.DataDir = t.TempDir()
	if s.Dialect() == "postgres" {
		fresh.Database = storetest.Postgres(t)
	}
	want := describe(t, storetest.Open(t, fresh))
	if got := describe(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("upgraded: %v\nfresh: %v", got, want)
	}

	rows := results.New(s)
	run, err := rows.Run(ctx, store.Everything, 1)
	if err != nil || run.LastStatus == nil || run.LastStatus.Text != "test complete" || !run.Finished {
		t.Errorf("run 1: %+v, %v", run, err)
	}
	result, err := rows.CurrentResult(ctx, 1)
	if err != nil || result.Outcome != "fail" || string(result.Damage) != "[ ]" {
		t.Fatalf("result of run 1: %+v, %v", result, err)
	}
	test, err := rows.Test(ctx, result, 2)
	if err != nil || test.Name != "pkg.test_b" || test.Attachments[0].Spans[0].Length != 8 || test.Start.Nanosecond() != 5000 {
		t.Errorf("test 2: %+v, %v", test, err)
	}
	token, err := s.Token(ctx, "tok_1")
	if err != nil || !token.Admin || !slices.Equal(token.AllowFrom, []string{"10.0.0.0/8"}) {
		t.Errorf("token: %+v, %v", token, err)
	}
	// Numbers go on where they were.
	if next := (&results.Run{}); rows.CreateRun(ctx, next) != nil || next.ID <= run.ID {
		t.Errorf("the next run is %d, want more than %d", next.ID, run.ID)
	}
}

func describe(t *testing.T, s *store.Store) map[string]any {
	t.Helper()
	tables := map[string]any{}
	indexes, err := store.Indexes(context.Background(), s)
	if err != nil || len(indexes) == 0 {
		t.Fatalf("indexes: %v, %v", indexes, err)
	}
	tables["indexes"] = indexes
	for _, model := range slices.Concat(models(), []any{&testNames{}, &tests{}}) {
		parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
		if err != nil {
			t.Fatal(err)
		}
		columns, err := store.Columns(context.Background(), s, parsed.Table)
		if err != nil {
			t.Fatal(err)
		}
		tables[parsed.Table] = columns
	}
	return tables
}

// The two tables without a model.
type (
	testNames struct{ ID int64 }
	tests     struct{ N int64 }
)

func (testNames) TableName() string { return "test_names" }
func (tests) TableName() string     { return "tests" }

// TestSaveSchema writes the files for TestMigrate_FromEveryRelease.
func TestSaveSchema(t *testing.T) {
	if *saveSchema == "" {
		t.Skip("only with -save-schema")
	}
	dir := filepath.Join("storetest/testdata/released", *saveSchema)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		cfg.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC) }
		s := storetest.Open(t, cfg)
		fillForRelease(t, s)
		text, err := store.Dump(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, s.Dialect()+".sql"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	})
}

// fillForRelease writes the rows that upgrade looks for.
func fillForRelease(t *testing.T, s *store.Store) {
	ctx := context.Background()
	yes := true
	rows := results.New(s)
	cloud := &results.Cloud{Label: "c'1", Endpoint: "http://198.51.100.7:5000/v2.0", ExtraConfig: store.JSON(`{"a":{"b":"c"}}`)}
	final := &results.Result{RunID: 1, SHA256: strings.Repeat("a", 64), ContentSHA256: strings.Repeat("a", 64), Outcome: "fail", Damage: store.JSON("[ ]")}
	steps := []func() error{
		func() error {
			return s.CreateToken(ctx, &store.Token{ID: "tok_1", Hash: make([]byte, 32), Kind: "u", Roles: store.Strings{"admin"}, AllowFrom: store.Strings{"10.0.0.0/8"}})
		},
		func() error { return s.CheckFingerprint(ctx, []byte("fingerprint")) },
		func() error { return rows.CreateCloud(ctx, cloud) },
		func() error { return rows.CreateRun(ctx, &results.Run{CloudID: &cloud.ID}) },
		func() error { _, _, err := rows.AddStatus(ctx, 1, "test complete", &yes); return err },
		func() error { return rows.BeginResult(ctx, final) },
		func() error {
			return rows.InsertTests(ctx, final.Key, []results.Test{
				{N: 1, Name: "", Status: results.TestExists, Records: 1},
				{N: 2, Name: "pkg.test_b", Status: results.TestFail, Start: time.Unix(1_400_000_000, 5000), Records: 2, Tags: []string{"worker-0"},
					Attachments: []results.Attachment{{Name: "traceback", MIME: "text/plain", Size: 8, Spans: []results.Span{{Offset: 1, Length: 8}}}}},
			})
		},
		func() error { _, err := rows.PublishResult(ctx, final); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}
