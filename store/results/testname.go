package results

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-lab/slipway/store"
)

// sweptNames is the setting that is another one after each removal of names: as long
// as it stays, the numbers of names that were found are those of the same names.
const sweptNames = "swept_test_names"

func (s *Store) sweptNames(ctx context.Context) ([]byte, error) {
	swept, err := s.Setting(ctx, sweptNames)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return swept, err
}

// noteSweptNames notes that names were removed, in the transaction that does it.
func (s *Store) noteSweptNames() error {
	return s.KeepSetting(sweptNames, []byte(s.NewID().String()))
}

// Statements for many names at a time. A name is found by its place in the list.
var (
	nameShapes = newShapes("INSERT INTO test_names (hash, name) VALUES ", "(?,?)", " ON CONFLICT DO NOTHING")
	findShapes = newShapes("SELECT v.column1, m.id FROM (VALUES ", "(?,?)", ") AS v CROSS JOIN test_names m ON m.hash = v.column2")
)

// pgInternNames sorts by hash, so that two uploads of the same suite do not wait for
// each other crosswise.
const (
	pgFindNames   = "SELECT u.i - 1, m.id FROM unnest($1::bytea[]) WITH ORDINALITY AS u (hash, i) JOIN test_names m ON m.hash = u.hash"
	pgInternNames = `INSERT INTO test_names (hash, name) SELECT u.hash, u.name FROM unnest($1::bytea[], $2::text[]) AS u (hash, name)
		ORDER BY u.hash ON CONFLICT DO NOTHING RETURNING id, hash`
)

// largeSlice is from how many rows on the numbers of names are remembered: small
// uploads cost little without.
const largeSlice = 256

// internNames returns the numbers of the names of rows, and makes those that are not
// there.
func (s *Store) internNames(ctx context.Context, rows []testRow) ([]int64, error) {
	swept, err := s.sweptNames(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]int64, len(rows))
	s.db.Names.Find(swept, len(rows), func(i int) []byte { return rows[i].hash }, names)
	found := missingOf(names)
	if len(found) == 0 {
		return names, nil
	}
	if err := s.lookForNames(ctx, rows, found, names); err != nil {
		return nil, err
	}
	if made := missingOf(names); len(made) > 0 {
		if err := s.makeNames(ctx, rows, made, names); err != nil {
			return nil, err
		}
	}
	for i := range names {
		if names[i] == 0 {
			return nil, fmt.Errorf("the name of test %d is not there", rows[i].n)
		}
	}
	if len(rows) >= largeSlice {
		s.AfterCommit(func() {
			s.db.Names.Keep(swept, len(found), func(k int) ([]byte, int64) { return rows[found[k]].hash, names[found[k]] })
		})
	}
	return names, nil
}

// missingOf returns the places of names that have no number yet.
func missingOf(names []int64) (at []int) {
	for i, id := range names {
		if id == 0 {
			at = append(at, i)
		}
	}
	return at
}

// makeNames makes the names of the rows at these places. SQLite numbers the rows of a
// statement one after the other, so that all numbers are known when it made all rows.
func (s *Store) makeNames(ctx context.Context, rows []testRow, at []int, names []int64) error {
	if s.db.Postgres {
		return s.makeNamesAtOnce(ctx, rows, at, names)
	}
	args := make([]any, 0, 2*64)
	return eachPart(nameShapes, at, func(sql string, part []int) error {
		args = args[:0]
		for _, i := range part {
			args = append(args, rows[i].hash, rows[i].name)
		}
		res, err := s.db.Exec(sql, args...)
		if err != nil {
			return err
		}
		made, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if made < int64(len(part)) {
			return s.lookForNames(ctx, rows, part, names)
		}
		last, err := res.LastInsertId()
		for k, i := range part {
			names[i] = last - int64(len(part)-1-k)
		}
		return err
	})
}

// makeNamesAtOnce is makeNames on PostgreSQL, which tells the numbers of what it made;
// what others have made in the meantime is looked for.
func (s *Store) makeNamesAtOnce(ctx context.Context, rows []testRow, at []int, names []int64) error {
	hashes, texts := make([][]byte, len(at)), make([]string, len(at))
	for k, i := range at {
		hashes[k], texts[k] = rows[i].hash, rows[i].name
	}
	made := make(map[string]int64, len(at))
	if err := s.readMadeNames(ctx, made, hashes, texts); err != nil {
		return err
	}
	var others []int
	for _, i := range at {
		if names[i] = made[string(rows[i].hash)]; names[i] == 0 {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return s.lookForNames(ctx, rows, others, names)
}

func (s *Store) readMadeNames(ctx context.Context, made map[string]int64, hashes [][]byte, texts []string) error {
	rows, err := s.db.Query(ctx, pgInternNames, hashes, texts)
	if err != nil {
		return err
	}
	defer rows.Close()
	var hash []byte
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id, &hash); err != nil {
			return err
		}
		made[string(hash)] = id
	}
	return rows.Err()
}

// lookForNames fills in the numbers of those names of the rows at these places that
// are there.
func (s *Store) lookForNames(ctx context.Context, rows []testRow, at []int, names []int64) error {
	if s.db.Postgres {
		var hashes [][]byte
		for _, i := range at {
			hashes = append(hashes, rows[i].hash)
		}
		return s.readNames(ctx, pgFindNames, at, names, hashes)
	}
	args := make([]any, 0, 2*64)
	return eachPart(findShapes, at, func(sql string, part []int) error {
		args = args[:0]
		for k, i := range part {
			args = append(args, k, rows[i].hash)
		}
		return s.readNames(ctx, sql, part, names, args...)
	})
}

// readNames reads places in at with the numbers of names.
func (s *Store) readNames(ctx context.Context, query string, at []int, names []int64, args ...any) error {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var id int64
		if err := rows.Scan(&place, &id); err != nil {
			return err
		}
		names[at[place]] = id
	}
	return rows.Err()
}
