package analysis

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Found is a single test that a search has found: one of a result by the result's
// id and its number, or a report by its id.
type Found struct {
	Source string // run, case, boot or opportunity
	Result uuid.UUID
	N      int64
	Report string
}

// Locate returns what is stored of tests that were found, without their names and
// words. What is gone meanwhile has no Kind.
func (s *Store) Locate(ctx context.Context, list []Found) ([]Past, error) {
	var runs []uuid.UUID
	var opportunities, reports []string
	for i := range list {
		switch list[i].Source {
		case RunSet:
			runs = append(runs, list[i].Result)
		case OpportunitySet:
			opportunities = append(opportunities, list[i].Result.String())
		default:
			reports = append(reports, list[i].Report)
		}
	}
	files, err := s.Results.ResultsByID(ctx, runs)
	if err != nil {
		return nil, err
	}
	byOpportunity, err := s.locateOpportunities(ctx, opportunities)
	if err != nil {
		return nil, err
	}
	byReport, err := s.locateReports(ctx, reports)
	if err != nil {
		return nil, err
	}
	out := make([]Past, len(list))
	for i := range list {
		f, p := &list[i], &out[i]
		switch f.Source {
		case RunSet:
			p.ofRun(files[f.Result], f.N)
		case OpportunitySet:
			if at, known := byOpportunity[f.Result.String()]; known {
				*p = at
				p.N = f.N
			}
		default:
			*p = byReport[f.Report]
		}
	}
	return out, nil
}

func (p *Past) ofRun(r *results.Result, n int64) {
	if r != nil {
		p.Row = Row{Source: RunSet, File: true, Tenant: r.Tenant, Upload: r.Key, N: n}
		p.Kind, p.RunID, p.Attempt = RunSet, r.RunID, r.Attempt
	}
}

func (s *Store) locateOpportunities(ctx context.Context, ids []string) (map[string]Past, error) {
	by := map[string]Past{}
	if len(ids) == 0 {
		return by, nil
	}
	where := append(in("o.id", ids), tables.If("r.state = 1"))
	rows, err := s.db.Read(ctx).Raw("SELECT r.key, "+opportunityColumns+" FROM opportunity_results o JOIN results r ON r.id = o.file_id"+opportunityJoins+tables.Where(where), tables.Args(where)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("tests of opportunities: %w", store.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var p Past
		if err := p.readOpportunity(rows, &p.Upload); err != nil {
			return nil, store.Translate(err)
		}
		p.File = true
		by[p.ID] = p
	}
	return by, store.Translate(rows.Err())
}

func (s *Store) locateReports(ctx context.Context, ids []string) (map[string]Past, error) {
	by := map[string]Past{}
	if len(ids) == 0 {
		return by, nil
	}
	where := append(in("report_id", ids), tables.If("replaced = 0"))
	rows, err := s.db.Read(ctx).Raw(reportPasts+tables.Where(where), tables.Args(where)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("tests of reports: %w", store.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		p, err := readReportPast(rows)
		if err != nil {
			return nil, store.Translate(err)
		}
		by[p.ID] = *p
	}
	return by, store.Translate(rows.Err())
}
