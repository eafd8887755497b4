package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// PostgreSQL keeps the event log and the single tests of results in partitions, each
// of which has the rows of a span of days: what is old goes with its whole partition,
// and the indexes that are in use stay small. Events lie by their time. The tables of
// single tests lie by the key of their result, which says on which day it was drawn
// (DrawKey): so their primary keys are what they are on SQLite, every query that names
// a result looks into one partition, and those that follow the keys (a test's history)
// read the partitions in their order and stop early.
//
// Partitions are made ahead (MakePartitions), and by whoever finds that one is missing,
// in the transaction that needs it: no insert fails for want of one. There is no
// DEFAULT partition, because with one PostgreSQL neither reads partitions in order nor
// attaches or detaches one without locking the others out.
//
// # Other engines
//
// Citus was read about, not tried. Its tables are distributed by one column that is in
// every primary and unique key. Here that would be the tenant, which tests and
// test_lists would have to be given: their rows, their result and its run would lie on
// one node, and every request but those of administrators of all tenants asks one.
// test_names would be a reference table, keys that are unique over all tenants (ids,
// tokens' hashes) would become unique in each, and the sequence of events, whose order
// is that of commits (event.go), would stay on the coordinator. Citus partitions by
// time as PostgreSQL does, but does not know DETACH CONCURRENTLY.
// CockroachDB and YugabyteDB speak the protocol but lack what is relied on here:
// advisory locks that others see in pg_locks, LISTEN, and declarative partitions or
// their concurrent detaching. Nothing of this was tested: what is supported is
// PostgreSQL 14 and later.

// partitioned is a table that PostgreSQL keeps in partitions.
type partitioned struct {
	table  string
	with   []string // tables that have partitions of the same bounds
	column string
	unit   int64 // of the bounds: how much of the column is a day
}

var partitionedTables = []partitioned{
	{table: "events", column: "time", unit: int64(24 * time.Hour / time.Microsecond)},
	{table: "tests", with: []string{"test_records", "test_lists", "test_failures"}, column: "result_key", unit: 1 << keyBits},
}

// keyBits is how much of a drawn key is a number; above it is the day. Keys stay below
// 2^53 for more than three hundred years.
const keyBits = 36

// partitionsAhead is how many partitions there are after the one of today.
const partitionsAhead = 2

func partitionedTable(table string) (*partitioned, error) {
	i := slices.IndexFunc(partitionedTables, func(p partitioned) bool { return p.table == table })
	if i < 0 {
		return nil, fmt.Errorf("table %s has no partitions", table)
	}
	return &partitionedTables[i], nil
}

// Partition is a part of a table of PostgreSQL, with the rows of a span of days.
type Partition struct {
	Table string // events or tests
	Name  string

	// From and To bound the times of events, and the days on which the results of
	// tests began to be uploaded; To is not in it. A zero From is the beginning.
	From, To time.Time

	// MinKey and EndKey bound the keys of the results whose tests it has; EndKey is
	// not in it. Of events they bound times in microseconds.
	MinKey, EndKey int64

	Rows  int64 // as the planner guesses
	Bytes int64 // with indexes, and of tests with all that is stored of them
}

// Partitions lists the partitions of the table events or tests in their order. Those
// of tests stand for all tables with single tests: test_records, test_lists and
// test_failures. On SQLite there are none.
func (s *Store) Partitions(ctx context.Context, table string) ([]Partition, error) {
	p, err := partitionedTable(table)
	if err != nil || !s.db.Postgres {
		return nil, err
	}
	list, err := s.partitions(ctx, p, table)
	if err != nil {
		return nil, err
	}
	for _, with := range p.with {
		others, err := s.partitions(ctx, p, with)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if j := sameBounds(others, &list[i]); j >= 0 {
				list[i].Bytes += others[j].Bytes
			}
		}
	}
	return list, nil
}

func sameBounds(list []Partition, p *Partition) int {
	return slices.IndexFunc(list, func(o Partition) bool { return o.MinKey == p.MinKey && o.EndKey == p.EndKey })
}

const partitionsSQL = `SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), GREATEST(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = ?::regclass AND NOT i.inhdetachpending`

func (s *Store) partitions(ctx context.Context, p *partitioned, table string) ([]Partition, error) {
	rows, err := s.db.Read(ctx).Raw(partitionsSQL, table).Rows()
	if err != nil {
		return nil, fmt.Errorf("partitions of %s: %w", table, Translate(err))
	}
	defer rows.Close()
	var list []Partition
	for rows.Next() {
		part := Partition{Table: table}
		var bounds string
		if err := rows.Scan(&part.Name, &bounds, &part.Rows, &part.Bytes); err != nil {
			return nil, fmt.Errorf("partitions of %s: %w", table, Translate(err))
		}
		if err := part.parseBounds(p, bounds); err != nil {
			return nil, fmt.Errorf("partition %s: %w", part.Name, err)
		}
		list = append(list, part)
	}
	slices.SortFunc(list, func(a, b Partition) int { return a.To.Compare(b.To) })
	return list, Translate(rows.Err())
}

// parseBounds reads FOR VALUES FROM ('1') TO ('2').
func (part *Partition) parseBounds(p *partitioned, bounds string) error {
	from, to, ok := strings.Cut(strings.TrimPrefix(bounds, "FOR VALUES FROM ("), ") TO (")
	if !ok {
		return fmt.Errorf("bounds %q", bounds)
	}
	if from != "MINVALUE" {
		n, err := strconv.ParseInt(strings.Trim(from, "'"), 10, 64)
		if err != nil {
			return fmt.Errorf("bounds %q: %w", bounds, err)
		}
		part.MinKey, part.From = n, dayTime(n/p.unit)
	}
	n, err := strconv.ParseInt(strings.Trim(to, "')"), 10, 64)
	if err != nil {
		return fmt.Errorf("bounds %q: %w", bounds, err)
	}
	part.EndKey, part.To = n, dayTime(n/p.unit)
	return nil
}

func dayOf(t time.Time) int64      { return t.Unix() / 86400 }
func dayTime(day int64) time.Time  { return time.Unix(day*86400, 0).UTC() }
func (part *Partition) days() days { return days{dayOf(part.From), dayOf(part.To)} }

// days are those from the first to the one before the second.
type days [2]int64

func (d days) has(day int64) bool { return d[0] <= day && day < d[1] }

// span is the span of days in which a day lies, by the setting.
func (c *core) span(day int64) days {
	t := dayTime(day)
	if c.config.DatabasePartition == partitionWeek {
		monday := day - (int64(t.Weekday())+6)%7
		return days{monday, monday + 7}
	}
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return days{dayOf(first), dayOf(first.AddDate(0, 1, 0))}
}

const (
	partitionMonth = "month"
	partitionWeek  = "week"
)

// knownPartitions are the days for which there are partitions, as far as this process
// knows.
type knownPartitions struct {
	mu   sync.Mutex
	days map[string][]days
}

func (k *knownPartitions) have(table string, day int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.days[table], func(d days) bool { return d.has(day) })
}

func (k *knownPartitions) learn(table string, list []days) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.days == nil {
		k.days = map[string][]days{}
	}
	k.days[table] = list
}

func (k *knownPartitions) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.days)
}

// needPartition makes the partition for a day in this transaction when there is none.
func (s *Store) needPartition(p *partitioned, day int64) error {
	if s.core.partitions.have(p.table, day) {
		return nil
	}
	ctx := s.db.Tx.Statement.Context
	if err := s.Lock(ctx, "partitions/"+p.table); err != nil {
		return err
	}
	var known []days
	for _, table := range append([]string{p.table}, p.with...) {
		list, err := s.partitions(ctx, p, table)
		if err != nil {
			return err
		}
		known = known[:0]
		for i := range list {
			known = append(known, list[i].days())
		}
		if slices.ContainsFunc(known, func(d days) bool { return d.has(day) }) {
			continue
		}
		fresh := between(known, s.core.span(day), day)
		if err := s.makePartition(p, table, fresh); err != nil {
			return fmt.Errorf("partition of %s: %w", table, Translate(err))
		}
		known = append(known, fresh)
	}
	s.AfterCommit(func() { s.core.partitions.learn(p.table, known) })
	return nil
}

// between is what of a span around a day no other partition has.
func between(known []days, span days, day int64) days {
	for _, d := range known {
		if d[1] <= day {
			span[0] = max(span[0], d[1])
		}
		if d[0] > day {
			span[1] = min(span[1], d[0])
		}
	}
	return span
}

// makePartition attaches a table of its own, which locks nobody out; CREATE TABLE …
// PARTITION OF waits for everybody who reads the table, and they for it.
func (s *Store) makePartition(p *partitioned, table string, d days) error {
	name := table + "_" + dayTime(d[0]).Format("20060102")
	for _, statement := range []string{
		fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)", name, table),
		fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)", table, name, d[0]*p.unit, d[1]*p.unit),
	} {
		if _, err := s.db.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// MakePartitions makes the partitions of today and of the next two spans, where they
// are missing, and ends removals that were interrupted. Any number of servers may do
// so at once. On SQLite it does nothing.
func (s *Store) MakePartitions(ctx context.Context) error {
	if !s.db.Postgres {
		return nil
	}
	var errs []error
	for i := range partitionedTables {
		p := &partitionedTables[i]
		day := dayOf(s.Now())
		for range 1 + partitionsAhead {
			errs = append(errs, s.InTx(ctx, func(tx *Store) error { return tx.needPartition(p, day) }))
			day = s.core.span(day)[1]
		}
		errs = append(errs, s.endDrops(ctx, p))
	}
	return errors.Join(errs...)
}

// PlaceKey sees to it that rows with a key that was drawn find their partition.
func (s *Store) PlaceKey(key int64) error {
	if !s.db.Postgres {
		return nil
	}
	tests, err := partitionedTable("tests")
	if err != nil {
		return err
	}
	return s.needPartition(tests, key>>keyBits)
}

// DrawKey is a key for a row of a table whose identity column is key. Keys rise in the
// order in which they are drawn, and say on which day that was, so that rows with the
// key find their partition (PlaceKey). On SQLite it is 0: the database numbers its rows by itself.
func (s *Store) DrawKey(table string) (int64, error) {
	switch {
	case !s.db.Postgres:
		return 0, nil
	case s.tx == nil:
		return 0, errors.New("store: DrawKey outside a transaction")
	}
	var n int64
	if err := s.db.Tx.Raw("SELECT nextval(pg_get_serial_sequence(?, 'key'))", table).Row().Scan(&n); err != nil {
		return 0, fmt.Errorf("key of %s: %w", table, Translate(err))
	}
	return dayOf(s.Now())<<keyBits | n&(1<<keyBits-1), nil
}
