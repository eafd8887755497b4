package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// TestsNamed calls visit with the tests of some names that the sets have, in no
// order, with the place of the set in the list. Of the fields those count that are
// asked for. The sets are of one kind.
func (s *Store) TestsNamed(ctx context.Context, sets []*Set, fields, names []string, visit func(set int, row *Row)) error {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for some := range slices.Chunk(names, placesAtOnce) {
		var err error
		if len(sets) > 0 && (sets[0].Kind == KernelSet || sets[0].Kind == GroupSet) {
			err = s.reportsNamed(ctx, sets, fields, some, visit)
		} else {
			err = s.uploadsNamed(ctx, sets, fields, some, visit)
		}
		if err != nil {
			return fmt.Errorf("tests by name: %w", err)
		}
	}
	return nil
}

func (s *Store) uploadsNamed(ctx context.Context, sets []*Set, fields, names []string, visit func(set int, row *Row)) error {
	type of struct {
		set    int
		upload *Upload
	}
	uploads := map[int64][]of{}
	var keys []int64
	for n, set := range sets {
		for _, u := range set.uploads {
			if u.Result != nil {
				uploads[u.Result.Key] = append(uploads[u.Result.Key], of{n, u})
				keys = append(keys, u.Result.Key)
			}
			if u.hasOwnTest() && slices.Contains(names, *u.SpecName) {
				visit(n, &Row{Context: u.context(fields), Name: *u.SpecName, Source: u.Source, Status: u.Status, Synthetic: u.Synthetic, ID: u.ID})
			}
		}
	}
	hashes := make([]any, 0, len(names))
	for _, name := range names {
		hashes = append(hashes, tables.Bytes(results.NameHash(name)))
	}
	for some := range slices.Chunk(keys, placesAtOnce) {
		where := append(in("m.hash", hashes), in("t.result_key", some)...)
		err := s.testsWhere(ctx, where, func(row *Row) {
			for _, o := range uploads[row.Upload] {
				row.Context, row.Source = o.upload.context(fields), o.upload.Source
				visit(o.set, row)
			}
		})
		if err != nil {
			return store.Translate(err)
		}
	}
	return nil
}

// testsWhere visits tests t of files by their names m. The row is a new one each
// time.
func (s *Store) testsWhere(ctx context.Context, where []tables.Condition, visit func(*Row)) error {
	rows, err := s.db.Read(ctx).Raw("SELECT t.result_key, t.n, m.name, t.status FROM test_names m JOIN tests t ON t.name_id = m.id"+tables.Where(where), tables.Args(where)...).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row := Row{File: true}
		var status results.TestStatus
		if err := rows.Scan(&row.Upload, &row.N, &row.Name, &status); err != nil {
			return err
		}
		row.Status = status.String()
		visit(&row)
	}
	return rows.Err()
}

func (s *Store) reportsNamed(ctx context.Context, sets []*Set, fields, names []string, visit func(set int, row *Row)) error {
	hashes := make([]any, 0, len(names))
	for _, name := range names {
		hashes = append(hashes, tables.Bytes(results.NameHash(name)))
	}
	var keys []string
	for _, f := range fields {
		keys = append(keys, "CASE WHEN "+f+" IS NULL THEN '' ELSE '=' || "+f+" END")
	}
	for n, set := range sets {
		where := append(s.reportWhere(set), in("hash", hashes)...)
		query := "SELECT " + strings.Join(append(slices.Clone(keys), "name", "source", "status", "duration_us", "report_id", "tenant", "seq"), ", ") +
			" FROM kernel_tests" + tables.Where(where)
		args := tables.Args(where)
		if set.Kind == GroupSet {
			query, args = groupsBelow+query, append([]any{set.Parts[0]}, args...)
		}
		found, err := s.db.Read(ctx).Raw(query, args...).Rows()
		if err != nil {
			return store.Translate(err)
		}
		rows := newReportRows(found, len(fields))
		for {
			row, err := rows.Next()
			if err != nil {
				rows.Close()
				return err
			}
			if row == nil {
				break
			}
			visit(n, row)
		}
		rows.Close()
	}
	return nil
}
