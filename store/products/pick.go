package products

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// PickFilter says which queued opportunities an agent may have.
type PickFilter struct {
	Tenant   string
	Agent    string
	Platform string
	Group    string
	Products []string // empty: all
	Releases []string // empty: all
	Now      time.Time
	Silence  time.Duration // of agents that have no limit of their own; see Agent.SilenceUS
}

func (f PickFilter) apply(q *gorm.DB, postgres bool) *gorm.DB {
	// The state is written out for the partial index.
	now := store.Micros(f.Now)
	q = q.Where("state = '"+queued+"' AND tenant = ? AND deadline > ? AND not_before <= ?", f.Tenant, now, now).
		Where("platform_key IN ?", []string{"", f.Platform}).
		Where("group_key IN ?", []string{"", f.Group})
	if len(f.Products) > 0 {
		q = q.Where("product_id IN ?", f.Products)
	}
	if len(f.Releases) > 0 {
		q = q.Where("release IN ?", f.Releases)
	}
	return f.leaveToOthers(q, postgres)
}

// leaveToOthers keeps an agent from what it has released, lost or failed: during
// its pause, and as long as another agent is online that fits and has not. It is
// the rule of package waiting, May, in SQL.
func (f PickFilter) leaveToOthers(q *gorm.DB, postgres bool) *gorm.DB {
	has := func(list, column string) string {
		if !postgres {
			return "EXISTS (SELECT 1 FROM json_each(g." + list + ") WHERE value = opportunities." + column + ")"
		}
		return "jsonb_exists(g." + list + "::jsonb, opportunities." + column + ")"
	}
	heard, args := heardOf("g", f.Now, f.Silence)
	return q.Where(`NOT EXISTS (SELECT 1 FROM avoided_agents a WHERE a.opportunity_id = opportunities.id AND a.agent_id = ? AND (a.not_before > ? OR EXISTS (
		SELECT 1 FROM agents g WHERE g.tenant = opportunities.tenant AND g.mode = 'online' AND `+heard+`
			AND opportunities.platform_key IN ('', g.platform) AND opportunities.group_key IN ('', g.agent_group)
			AND (g.products = '[]' OR `+has("products", "product_id")+`) AND (g.releases = '[]' OR `+has("releases", "release")+`)
			AND NOT EXISTS (SELECT 1 FROM avoided_agents b WHERE b.opportunity_id = opportunities.id AND b.agent_id = g.id))))`,
		append([]any{f.Agent, store.Micros(f.Now)}, args...)...)
}

// Prospect is what an agent that asks for work may expect.
type Prospect struct {
	Work bool  // NextOpportunity would find something
	Due  bool  // a deadline has come, of any opportunity
	Held int64 // leases that the agent holds
}

const (
	heldLeases = "SELECT COUNT(*) FROM leases WHERE tenant = ? AND agent_id = ? AND ended = ''"
	queueOrder = "priority DESC, queued_at, opportunities.id"
)

// Prospect looks without locking anything.
func (s *Store) Prospect(ctx context.Context, f PickFilter) (Prospect, error) {
	// With an order and a limit PostgreSQL takes the index of the queue, and not
	// the whole table because it seems to be small.
	var p Prospect
	work := f.apply(s.db.Read(ctx).Model(&Opportunity{}).Select("1"), s.db.Postgres).Order(queueOrder).Limit(1)
	err := s.db.Read(ctx).Raw("SELECT (?) IS NOT NULL AS work, (SELECT 1 FROM opportunities WHERE deadline <= ? ORDER BY deadline LIMIT 1) IS NOT NULL AS due, ("+heldLeases+") AS held",
		work, store.Micros(f.Now), f.Tenant, f.Agent).Scan(&p).Error
	if err != nil {
		return p, fmt.Errorf("look for work of agent %q: %w", f.Agent, store.Translate(err))
	}
	return p, nil
}

// Candidate is an opportunity with what an agent has to know of it.
type Candidate struct {
	Opportunity Opportunity `gorm:"embedded"`
	Context     Context     `gorm:"embedded;embeddedPrefix:c_"`
	Version     SpecVersion `gorm:"embedded;embeddedPrefix:v_"`
	Held        int64       // leases that the agent holds already
}

// candidateColumns names the columns of Candidate.
const candidateColumns = `opportunities.*,
	c.id AS c_id, c.image_unique_id AS c_image_unique_id, c.image_reference AS c_image_reference, c.base_snaps AS c_base_snaps,
	c.extra_snaps AS c_extra_snaps, c.base_channel AS c_base_channel, c.update_channel AS c_update_channel,
	c.primary_snap_name AS c_primary_snap_name, c.primary_snap_revision AS c_primary_snap_revision,
	v.id AS v_id, v.spec_id AS v_spec_id, v.name AS v_name, v.platform AS v_platform, v.test_payload AS v_test_payload,
	v.spec_created_at AS v_spec_created_at`

// NextOpportunity returns the opportunity that comes next for an agent, locked
// so that no other agent gets it: highest priority, then longest wait.
// ErrNotFound: there is none.
func (s *Store) NextOpportunity(f PickFilter) (*Candidate, error) {
	var next Candidate
	q := f.apply(s.db.Tx.Table("opportunities"), s.db.Postgres).
		Select(candidateColumns+", ("+heldLeases+") AS held", f.Tenant, f.Agent).
		Joins("JOIN contexts c ON c.id = context_id JOIN spec_versions v ON v.id = version_id").
		Order(queueOrder).Limit(1)
	if s.db.Postgres {
		q = q.Clauses(clause.Locking{Strength: "UPDATE", Table: clause.Table{Name: "opportunities"}, Options: "SKIP LOCKED"})
	}
	res := q.Scan(&next)
	err := store.Translate(res.Error)
	if err == nil && res.RowsAffected == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("next opportunity: %w", err)
	}
	return &next, nil
}

// HandOut writes that an agent has picked an opportunity: its new state and the
// lease, at once on PostgreSQL.
func (s *Store) HandOut(o *Opportunity, l *Lease) error {
	if !s.db.Postgres {
		return errors.Join(s.SaveLease(l), s.SaveOpportunity(o))
	}
	_, err := s.db.Exec(`WITH lease AS (
			INSERT INTO leases (opportunity_id, attempt, tenant, product_id, agent_id, platform, agent_group, token, length_us, expires_at, ended)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ''))
		UPDATE opportunities SET state = $11, attempt = $2, last_queued_at = $12, updated_at = $13, deadline = $14, holder = $5 WHERE id = $1`,
		o.ID.String(), l.Attempt, l.Tenant, l.ProductID.String(), l.AgentID, l.Platform, l.AgentGroup, l.Token, l.LengthUS, store.Micros(l.ExpiresAt),
		o.State, store.Micros(o.LastQueuedAt), store.Micros(o.UpdatedAt), store.Micros(*o.Deadline))
	if err != nil {
		return fmt.Errorf("hand out opportunity %s: %w", o.ID, store.Translate(err))
	}
	return nil
}
