package reports

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/storetest"
)

// storeBoots writes boots many to a transaction.
func storeBoots(tb testing.TB, s *reportstore.Store, list []*document.Document) {
	tb.Helper()
	for chunk := range slices.Chunk(list, 500) {
		err := s.InTx(context.Background(), func(tx *reportstore.Store) error {
			var rows []*reportstore.Report
			for _, b := range chunk {
				rows = append(rows, boots.row(b))
			}
			return tx.InsertReports(context.Background(), boots.table, rows...)
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// distinctBoots are the sample boots without those that are the same.
func distinctBoots(tb testing.TB) []*document.Document {
	seen := map[string]bool{}
	return slices.DeleteFunc(sampleBoots(tb), func(d *document.Document) bool {
		id := string(d.Identity())
		defer func() { seen[id] = true }()
		return seen[id]
	})
}

// TestStoreAnswersAsMemory asks random questions, and holds what the databases
// answer against what the query language says of documents in memory.
func TestStoreAnswersAsMemory(t *testing.T) {
	t.Parallel()
	docs := distinctBoots(t)
	storetest.EachOf(t, reportstore.New, func(t *testing.T, s *reportstore.Store) {
		storeBoots(t, s, docs)
		random := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			raw := randomQuestion(random, docs)
			q, err := query.Parser{Now: time.Now}.Parse(raw, boots.catalogue)
			if err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			wantCount, want := fromMemory(docs, q)
			var got []string
			count, err := s.FindReports(t.Context(), boots.table, boots.question(q), func(row *reportstore.Report) error {
				got = append(got, row.Get(boots.table, "_id").(string))
				return nil
			})
			if err != nil || count != wantCount || !slices.Equal(got, want) {
				t.Errorf("%s: count %d, want %d, %v\ngot  %.300v\nwant %.300v", raw, count, wantCount, err, got, want)
			}
		}
	})
}

// fromMemory is the answer that the store must give.
func fromMemory(docs []*document.Document, q query.Query) (count int64, ids []string) {
	found := slices.DeleteFunc(slices.Clone(docs), func(d *document.Document) bool { return !query.Match(q.Where, d.Value) })
	slices.SortStableFunc(found, func(a, b *document.Document) int {
		if c := q.Compare(a.Value, b.Value); c != 0 {
			return c
		}
		c := query.CompareValues(a.Get("_id"), b.Get("_id"))
		if q.Descending && len(q.Sort) > 0 {
			return -c
		}
		return c
	})
	count = int64(len(found))
	found = found[min(q.Skip, count):]
	if q.Limit > 0 {
		found = found[:min(q.Limit, int64(len(found)))]
	}
	for _, d := range found {
		ids = append(ids, d.Text("_id"))
	}
	return count, ids
}

// randomQuestion uses values that occur, so that questions have answers.
func randomQuestion(random *rand.Rand, docs []*document.Document) string {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	value := func(field string) string {
		v := docs[random.IntN(len(docs))].Value(field)
		if v == nil {
			return "null"
		}
		return fmt.Sprint(v)
	}
	var parts []string
	for range random.IntN(3) {
		f := pick("board", "lab_name", "status", "mach", "endian", "git_describe", "retries", "warnings", "arch", "job", "name", "_id")
		parts = append(parts, f+"="+url.QueryEscape(value(f)))
		if random.IntN(3) == 0 {
			parts = append(parts, f+"="+url.QueryEscape(value(f)))
		}
	}
	for range random.IntN(2) {
		f := pick("retries", "warnings", "time", "board", "git_describe", "created_on", "mach", "status")
		parts = append(parts, pick("gte", "lt", "gt", "lte", "ne")+"="+url.QueryEscape(f+","+value(f)))
	}
	for range random.IntN(3) {
		parts = append(parts, "sort="+pick("board", "retries", "time", "mach", "endian", "git_describe", "status", "created_on", "_id",
			"metadata", "metadata.rack", "metadata.a.b", "boot_log", "dtb", "dtb_append", "fastboot", "plan", "nonsense", "board.x", `q"uote`))
	}
	parts = append(parts, "sort_order="+pick("1", "-1"), "limit="+pick("0", "1", "7", "50", "5000"), "skip="+pick("0", "1", "30", "4000"))
	query := ""
	for _, p := range parts {
		query += "&" + p
	}
	return query[1:]
}

// TestRestored stores every sample boot and reads the same JSON back.
func TestRestored(t *testing.T) {
	t.Parallel()
	for _, d := range sampleBoots(t) {
		again, err := boots.document(boots.row(d))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(again.AppendJSON(nil, nil)), string(d.AppendJSON(nil, nil)); got != want {
			t.Fatalf("stored and read:\n%s\nwant:\n%s", got, want)
		}
	}
}

// TestInsertReports adds all of many or, when one is there already, none.
func TestInsertReports(t *testing.T) {
	t.Parallel()
	docs := distinctBoots(t)[:300]
	storetest.EachOf(t, reportstore.New, func(t *testing.T, s *reportstore.Store) {
		storeBoots(t, s, docs[:1])
		var rows []*reportstore.Report
		for _, d := range docs {
			rows = append(rows, boots.row(d))
		}
		if err := s.InsertReports(t.Context(), boots.table, rows[150:]...); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertReports(t.Context(), boots.table, append(rows[1:150:150], rows[0])...); !errors.Is(err, store.ErrConflict) {
			t.Errorf("one that is there: %v, want ErrConflict", err)
		}
		if n, err := s.CountReports(t.Context(), boots.table, nil); n != 151 || err != nil {
			t.Errorf("%d boots, %v, want 151", n, err)
		}
	})
}
