package analysis

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
)

// failingSource is where failing tests of a tenant are kept. A condition on the
// time, the order and the limit stand behind its query.
type failingSource struct {
	query string // begins with the conditions on the tenant
	at    string
	read  func(rows *sql.Rows) (*Past, error)
}

// failingStatuses are the numbers of subunit that come to fail or error.
var failingStatuses = fmt.Sprintf("t.status IN (%d, %d, %d, %d)", results.TestUnknown, results.TestInProgress, results.TestUXSuccess, results.TestFail)

var failingSources = []failingSource{
	{
		query: "SELECT m.name, r.created_at, r.key, t.n, t.status, r.run_id, r.attempt, r.tenant, runs.cloud_id, p.id FROM results r" +
			" JOIN runs ON runs.id = r.run_id LEFT JOIN published_results p ON p.result_key = r.key" +
			" JOIN tests t ON t.result_key = r.key AND " + failingStatuses + " JOIN test_names m ON m.id = t.name_id" +
			" WHERE r.tenant = ? AND r.state = 1 AND r.count_fail + r.count_uxsuccess + r.count_inprogress + r.count_unknown > 0",
		at: "r.created_at", read: readFailingRun,
	},
	{
		query: "SELECT kernel_tests.name, " + reportPasts[len("SELECT "):] +
			" WHERE kernel_tests.tenant = ? AND (source = 1 AND UPPER(status) IN ('FAIL', 'ERROR') OR source = 2 AND UPPER(status) IN ('FAIL', 'OFFLINE'))",
		at: "kernel_tests.stored_at", read: readFailingReport,
	},
	{
		query: "SELECT m.name, r.key, t.n, t.status, " + opportunityColumns + " FROM opportunity_results o JOIN results r ON r.id = o.file_id" + opportunityJoins +
			" JOIN tests t ON t.result_key = r.key AND " + failingStatuses + " JOIN test_names m ON m.id = t.name_id WHERE prod.tenant = ? AND r.state = 1",
		at: "o.created_at", read: readFailingFile,
	},
	{
		query: "SELECT o.spec_name, " + opportunityColumns + " FROM opportunity_results o" + opportunityJoins + " LEFT JOIN results r ON r.id = o.file_id AND r.state = 1" +
			" WHERE prod.tenant = ? AND (r.key IS NULL OR UPPER(o.test_status) <> 'PASSED' AND " + failedNothing + ")" +
			" AND (o.synthetic OR UPPER(o.test_status) IN ('FAILED', 'ERROR'))",
		at: "o.created_at", read: readFailingOwn,
	},
}

// Failing calls visit with tests of a tenant that failed, or gave no verdict, and
// were stored since a time: of every source the newest, at most so many.
func (s *Store) Failing(ctx context.Context, tenant string, since time.Time, most int, visit func(p *Past) error) error {
	for _, src := range failingSources {
		if err := s.eachFailing(ctx, src, tenant, since, most, visit); err != nil {
			return fmt.Errorf("failing tests: %w", err)
		}
	}
	return nil
}

func (s *Store) eachFailing(ctx context.Context, src failingSource, tenant string, since time.Time, most int, visit func(p *Past) error) error {
	query := src.query + " AND " + src.at + " >= ?" + fmt.Sprintf(" ORDER BY %s DESC LIMIT %d", src.at, most)
	rows, err := s.db.Read(ctx).Raw(query, tenant, store.Micros(since)).Rows()
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
