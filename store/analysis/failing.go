package analysis

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// failingSource is where failing tests of a tenant are kept. Conditions on the time
// or on the key stand behind its query.
type failingSource struct {
	query string // ends with conditions, that on the tenant first
	at    string
	key   string // of what is queued
	read  func(rows *sql.Rows) (*Past, error)
}

// failingStatuses are the numbers of subunit that come to fail or error.
var failingStatuses = fmt.Sprintf("t.status IN (%d, %d, %d, %d)", results.TestUnknown, results.TestInProgress, results.TestUXSuccess, results.TestFail)

var failingSources = []failingSource{
	{
		query: "SELECT m.name, r.created_at, r.key, t.n, t.status, r.run_id, r.attempt, r.tenant, runs.cloud_id, COALESCE(p.id, ps.id) FROM results r" +
			" JOIN runs ON runs.id = r.run_id" + publishedOf +
			" JOIN tests t ON t.result_key = r.key AND " + failingStatuses + " JOIN test_names m ON m.id = t.name_id" +
			" WHERE r.tenant = ? AND r.state = 1 AND r.count_fail + r.count_uxsuccess + r.count_inprogress + r.count_unknown > 0",
		at: "r.created_at", key: "r.key", read: readFailingRun,
	},
	{
		query: "SELECT kernel_tests.name, " + reportPasts[len("SELECT "):] +
			" WHERE kernel_tests.tenant = ? AND (source = 1 AND UPPER(status) IN ('FAIL', 'ERROR') OR source = 2 AND UPPER(status) IN ('FAIL', 'OFFLINE'))",
		at: "kernel_tests.stored_at", key: "kernel_tests.seq", read: readFailingReport,
	},
	{
		query: "SELECT m.name, r.key, t.n, t.status, " + opportunityColumns + " FROM opportunity_results o JOIN results r ON r.id = o.file_id" + opportunityJoins +
			" JOIN tests t ON t.result_key = r.key AND " + failingStatuses + " JOIN test_names m ON m.id = t.name_id WHERE prod.tenant = ? AND r.state = 1",
		at: "o.created_at", key: "o.id", read: readFailingFile,
	},
	{
		query: "SELECT o.spec_name, " + opportunityColumns + " FROM opportunity_results o" + opportunityJoins + " LEFT JOIN results r ON r.id = o.file_id AND r.state = 1" +
			" WHERE prod.tenant = ? AND (r.key IS NULL OR UPPER(o.test_status) <> 'PASSED' AND " + failedNothing + ")" +
			" AND (o.synthetic OR UPPER(o.test_status) IN ('FAILED', 'ERROR'))",
		at: "o.created_at", key: "o.id", read: readFailingOwn,
	},
}

// FailingQuery asks for failing tests of a tenant: all that were stored since a time,
// or those of some that are queued.
type FailingQuery struct {
	Tenant string
	Since  time.Time
	Queued []store.QueuedFailure // nil: all
}

// Failing calls visit with tests of a tenant that failed, or gave no verdict, in no
// order.
func (s *Store) Failing(ctx context.Context, q FailingQuery, visit func(p *Past) error) error {
	for _, src := range failingSources {
		parts := []tables.Condition{tables.If(src.at+" >= ?", store.Micros(q.Since))}
		if q.Queued != nil {
			if parts = src.queued(q.Queued); parts == nil {
				continue
			}
		}
		if err := s.eachFailing(ctx, src, q.Tenant, parts, visit); err != nil {
			return fmt.Errorf("failing tests: %w", err)
		}
	}
	return nil
}

// queued narrows a source to what is queued; nil is nothing.
func (src *failingSource) queued(list []store.QueuedFailure) []tables.Condition {
	var numbers []int64
	var ids []string
	for i := range list {
		switch f := &list[i]; {
		case f.ResultKey != nil && src.key == "r.key":
			numbers = append(numbers, *f.ResultKey)
		case f.Seq != nil && src.key == "kernel_tests.seq":
			numbers = append(numbers, *f.Seq)
		case f.OpportunityResult != nil && src.key == "o.id":
			ids = append(ids, *f.OpportunityResult)
		}
	}
	if src.key == "o.id" {
		return in(src.key, ids)
	}
	return in(src.key, numbers)
}

func (s *Store) eachFailing(ctx context.Context, src failingSource, tenant string, where []tables.Condition, visit func(p *Past) error) error {
	query := src.query
	for _, c := range where {
		query += " AND " + c.SQL
	}
	rows, err := s.db.Read(ctx).Raw(query, append([]any{tenant}, tables.Args(where)...)...).Rows()
	if err != nil {
		return store.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		p, err := src.read(rows)
		if err == nil {
			err = visit(p)
		}
		if err != nil {
			return store.Translate(err)
		}
	}
	return store.Translate(rows.Err())
}

func readFailingRun(rows *sql.Rows) (*Past, error) {
	p := &Past{Row: Row{Source: RunSet, File: true}, Origin: Origin{Kind: RunSet}}
	var at int64
	var status results.TestStatus
	var published *string
	if err := rows.Scan(&p.Name, &at, &p.Upload, &p.N, &status, &p.RunID, &p.Attempt, &p.Tenant, &p.CloudID, &published); err != nil {
		return nil, err
	}
	p.StoredAt, p.Status, p.Parts = store.FromMicros(at), status.String(), []string{strconv.FormatInt(p.RunID, 10)}
	if published != nil {
		p.Source, p.Kind = PublishedSet, PublishedSet
	}
	return p, nil
}

func readFailingReport(rows *sql.Rows) (*Past, error) {
	var name string
	p, err := readReportPast(rows, &name)
	if err == nil {
		p.Name = name
	}
	return p, err
}

func readFailingFile(rows *sql.Rows) (*Past, error) {
	p := &Past{}
	var status results.TestStatus
	if err := p.readOpportunity(rows, &p.Name, &p.Upload, &p.N, &status); err != nil {
		return nil, err
	}
	p.File, p.Status, p.Synthetic = true, status.String(), false
	return p, nil
}

func readFailingOwn(rows *sql.Rows) (*Past, error) {
	p := &Past{}
	return p, p.readOpportunity(rows, &p.Name)
}
