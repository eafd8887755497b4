package analysis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Match is how many failing tests of something that was stored an issue matches: of
// a result of a run, of a report, of the file of an opportunity, or of its own test.
// It goes away with what it is of.
type Match struct {
	IssueID           string    `gorm:"primaryKey"`
	Place             string    `gorm:"primaryKey"`
	At                time.Time `gorm:"serializer:micros;type:bigint"` // when that was stored
	Tests             int64
	ResultKey         *int64
	Seq               *int64
	OpportunityResult *string
}

// TableName names the table.
func (Match) TableName() string { return "issue_matches" }

// NewMatch is a match of an issue with one failing test.
func NewMatch(issue string, p *Past) Match {
	m := Match{IssueID: issue, At: p.StoredAt, Tests: 1}
	if p.Upload != 0 {
		m.ResultKey, m.Place = &p.Upload, "result/"+strconv.FormatInt(p.Upload, 10)
	}
	switch {
	case p.Row.Source == OpportunitySet:
		m.OpportunityResult, m.Place = &p.ID, cmp.Or(m.Place, "opportunity/"+p.ID)
	case p.Upload == 0:
		m.Seq, m.Place = &p.N, "report/"+strconv.FormatInt(p.N, 10)
	}
	return m
}

// Matched is how many failing tests an issue matches, and when the newest of them
// was stored.
type Matched struct {
	Tests int64
	Last  *time.Time
}

// Matches returns what issues match of what was stored since a time, as far as it
// was settled. Issues that match nothing are left out.
func (s *Store) Matches(ctx context.Context, issues []string, since time.Time) (map[string]Matched, error) {
	by := map[string]Matched{}
	if len(issues) == 0 {
		return by, nil
	}
	rows, err := s.db.Read(ctx).Raw("SELECT m.issue_id, SUM(m.tests), MAX(m.at) FROM issue_matches m LEFT JOIN results r ON r.key = m.result_key"+
		" WHERE m.issue_id IN ? AND m.at >= ? AND (m.result_key IS NULL OR r.state = 1) GROUP BY m.issue_id", issues, store.Micros(since)).Rows()
	if err != nil {
		return nil, fmt.Errorf("matches: %w", store.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var m Matched
		var at int64
		if err := rows.Scan(&id, &m.Tests, &at); err != nil {
			return nil, store.Translate(err)
		}
		last := store.FromMicros(at)
		m.Last = &last
		by[id] = m
	}
	return by, store.Translate(rows.Err())
}

// QueuedTenant returns a tenant of which failures wait to be settled; ErrNotFound:
// none waits.
func (s *Store) QueuedTenant(ctx context.Context) (string, error) {
	var list []string
	if err := s.db.Read(ctx).Raw("SELECT tenant FROM queued_failures ORDER BY id LIMIT 1").Scan(&list).Error; err != nil {
		return "", fmt.Errorf("queued failures: %w", store.Translate(err))
	}
	if len(list) == 0 {
		return "", store.ErrNotFound
	}
	return list[0], nil
}

// QueuedFailures returns failures of a tenant that wait to be settled, the oldest
// first.
func (s *Store) QueuedFailures(ctx context.Context, tenant string, limit int) ([]store.QueuedFailure, error) {
	var list []store.QueuedFailure
	if err := s.db.Read(ctx).Where("tenant = ?", tenant).Order("id").Limit(limit).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("queued failures: %w", store.Translate(err))
	}
	return list, nil
}

// SettleFailures takes failures off the queue and keeps what the issues of the tenant
// match of them. ErrConflict: the issues are no longer these, so find out anew.
// Several servers may settle the same at once.
func (s *Store) SettleFailures(ctx context.Context, tenant string, queued []store.QueuedFailure, issues []Issue, matches []Match) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.lockIssues(ctx, tenant); err != nil {
			return err
		}
		now, err := tx.AllIssues(ctx, tenant)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(now, issues, func(a, b Issue) bool { return a.ID == b.ID && a.UpdatedAt.Equal(b.UpdatedAt) }) {
			return fmt.Errorf("settle failures: %w", store.ErrConflict)
		}
		if err := tx.keepMatches(matches); err != nil {
			return err
		}
		ids := make([]int64, len(queued))
		for i := range queued {
			ids[i] = queued[i].ID
		}
		if err := tx.db.Tx.Delete(&store.QueuedFailure{}, "id IN ?", ids).Error; err != nil {
			return fmt.Errorf("settle failures: %w", store.Translate(err))
		}
		return nil
	})
}

// SettleIssue keeps what an issue matches of all that was stored before. ErrConflict:
// it was changed meanwhile.
func (s *Store) SettleIssue(ctx context.Context, i *Issue, matches []Match) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.lockIssues(ctx, i.Tenant); err != nil {
			return err
		}
		res := tx.db.Tx.Model(&Issue{}).Where("id = ? AND updated_at = ?", i.ID.String(), store.Micros(i.UpdatedAt)).UpdateColumn("counted", true)
		err := store.Translate(res.Error)
		if err == nil && res.RowsAffected == 0 {
			err = store.ErrConflict
		}
		if err != nil {
			return fmt.Errorf("settle known issue %s: %w", i.ID, err)
		}
		return tx.keepMatches(matches)
	})
}

// matchSlice is how many matches one statement adds.
const matchSlice = 500

// keepMatches adds matches. What is gone meanwhile matches nothing.
func (s *Store) keepMatches(list []Match) error {
	for some := range slices.Chunk(list, matchSlice) {
		some, err := s.stillThere(some)
		if err == nil && len(some) > 0 {
			err = s.db.Tx.Clauses(clause.OnConflict{
				Columns: []clause.Column{{Name: "issue_id"}, {Name: "place"}}, DoUpdates: clause.AssignmentColumns([]string{"at", "tests"}),
			}).Create(&some).Error
		}
		if err != nil {
			return fmt.Errorf("keep matches: %w", store.Translate(err))
		}
	}
	return nil
}

// stillThere leaves out matches of what was deleted since it was read.
func (s *Store) stillThere(list []Match) ([]Match, error) {
	var keys, seqs []int64
	var ids []string
	for i := range list {
		switch m := &list[i]; {
		case m.OpportunityResult != nil:
			ids = append(ids, *m.OpportunityResult)
		case m.Seq != nil:
			seqs = append(seqs, *m.Seq)
		}
		if m := &list[i]; m.ResultKey != nil {
			keys = append(keys, *m.ResultKey)
		}
	}
	results, err := existing(s, "results", "key", keys)
	if err != nil {
		return nil, err
	}
	reports, err := existing(s, "kernel_tests", "seq", seqs)
	if err != nil {
		return nil, err
	}
	opportunities, err := existing(s, "opportunity_results", "id", ids)
	if err != nil {
		return nil, err
	}
	var there []Match
	for i := range list {
		m := &list[i]
		if m.ResultKey != nil && !results[*m.ResultKey] || m.Seq != nil && !reports[*m.Seq] || m.OpportunityResult != nil && !opportunities[*m.OpportunityResult] {
			continue
		}
		there = append(there, *m)
	}
	return there, nil
}

// existing says which rows there are, and keeps them there until the transaction
// ends.
func existing[T comparable](s *Store, table, column string, values []T) (map[T]bool, error) {
	there := map[T]bool{}
	if len(values) == 0 {
		return there, nil
	}
	query := "SELECT " + column + " FROM " + table + " WHERE " + column + " IN ?"
	if s.db.Postgres {
		query += " FOR KEY SHARE"
	}
	var list []T
	if err := s.db.Tx.Raw(query, values).Scan(&list).Error; err != nil {
		return nil, err
	}
	for _, v := range list {
		there[v] = true
	}
	return there, nil
}

// sweptAtOnce is how many matches one transaction forgets.
const sweptAtOnce = 1000

// SweepMatches forgets matches of what was stored before a time, which nobody counts
// any more.
func (s *Store) SweepMatches(ctx context.Context, before time.Time) error {
	for {
		n := int64(0)
		err := s.InTx(ctx, func(tx *Store) error {
			res := tx.db.Tx.Exec("DELETE FROM issue_matches WHERE (issue_id, place) IN (SELECT issue_id, place FROM issue_matches WHERE at < ? LIMIT ?)", store.Micros(before), sweptAtOnce)
			n = res.RowsAffected
			return store.Translate(res.Error)
		})
		if err != nil || n < sweptAtOnce {
			return err
		}
	}
}
