package retention

import (
	"context"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// unit is the rows of one table that expire each on its own, with what goes with them.
// Its texts are SQL about the rows of from.
type unit struct {
	name    string
	classes []string // of the rules that count for it; the first one is its own
	from    string   // table and alias
	key     string   // tells its rows apart, and orders those of one time
	text    bool     // the key is a text
	time    string   // whose age counts
	sort    string   // in which order they go; empty: by time
	inOrder bool     // the key rises with the time, which has no index, and is the order

	tenant, product, job string // whose a row is; empty: it has none
	rows, bytes          string // how much of it there is; $ and the name of a unit is whether that goes by the same plan, and is counted there
	where                string // what can expire at all
	stays                string // what does not, whatever the rules say; empty: nothing

	// keeps says which of the rows stay for a reason that is no SQL; nil: none.
	keeps func(ctx context.Context, s *Store, list []candidate) (map[string]bool, error)

	// remove removes rows in a transaction, and returns the names of blobs that may be
	// unused afterwards.
	remove func(ctx context.Context, tx *Store, going *Going, list []candidate) (blobs []string, err error)
}

// class is how the unit is counted.
func (u *unit) class() string { return u.classes[0] }

// What rows take in the database with their indexes, about, in bytes.
const (
	nameBytes  = 120
	reportSize = "2500"
)

// units are all of them, in the order in which they are removed: parts of something
// before the whole.
func (s *Store) units() []unit {
	fileProduct := "COALESCE((SELECT o.product_id FROM opportunity_results o WHERE o.file_id = r.id), '')"
	result := unit{from: "results r", key: "r.key", time: "r.created_at", tenant: "r.tenant", product: fileProduct, rows: "1", stays: s.resultStays("r")}
	raw, attachments, tests := result, result, result
	raw.name, raw.classes, raw.bytes, raw.where, raw.remove = "uploads", []string{Raw}, "r.bytes", "r.state = 1 AND (r.expired & 1) = 0", removeUploads
	attachments.name, attachments.classes, attachments.remove = "attachments", []string{Attachments}, removeAttachments
	attachments.bytes = "CASE WHEN r.content_sha256 <> r.sha256 THEN r.content_bytes ELSE 0 END"
	attachments.where = "r.state = 1 AND (r.expired & 2) = 0"
	tests.name, tests.classes, tests.rows, tests.bytes, tests.remove = "tests", []string{Tests}, "r.tests", "r.tests * 160", removeTests
	tests.where = "r.state = 1 AND r.tests > 0 AND r.expired < 4"
	list := []unit{s.outputUnit(), raw, keptFileUnit(), s.reportFileUnit(), attachments, tests, s.runUnit(), s.opportunityUnit()}
	for _, r := range []struct{ class, table, more string }{{Jobs, "kernel_jobs", ""}, {Builds, "kernel_builds", ""}, {Boots, "kernel_boots", ""}} {
		list = append(list, reportUnit(r.class, r.table))
	}
	return append(list, groupUnit(), eventUnit(), deliveryUnit(), auditUnit(), taskUnit(), buildDataUnit())
}

func (s *Store) outputUnit() unit {
	return unit{
		name: "output", classes: []string{Output}, from: "opportunities p", key: "p.id", text: true, time: "p.updated_at",
		tenant: "p.tenant", product: "p.product_id", rows: "1", bytes: "p.output_bytes",
		where: "p.output_bytes > 0 AND p.deadline IS NULL", stays: keptImage("p.product_id", "p.image_unique_id"), remove: removeOutput,
	}
}

func keptFileUnit() unit {
	const files = "FROM kept_files f WHERE f.result_id = o.id AND f.expired = 0"
	return unit{
		name: "files", classes: []string{Raw}, from: "opportunity_results o", key: "o.id", text: true, time: "o.created_at",
		tenant: "(SELECT p.tenant FROM opportunities p WHERE p.id = o.opportunity_id)", product: "o.product_id",
		rows: "(SELECT COUNT(*) " + files + ")", bytes: "(SELECT SUM(f.bytes) " + files + ")",
		where: "EXISTS (SELECT 1 " + files + ")", stays: resultOfOpportunityStays("o"), remove: removeKeptFiles,
	}
}

// between stands between the parts of a key; neither has it.
const between = "\x01"

func (s *Store) reportFileUnit() unit {
	return unit{
		name: "report_files", classes: []string{Raw}, from: "report_files f", key: "(f.tenant || '" + between + "' || f.path)", text: true, time: "f.uploaded_at",
		tenant: "f.tenant", rows: "1", bytes: "f.bytes", where: "f.expired = 0", stays: s.fileStays("f"), remove: removeReportFiles,
	}
}

func (s *Store) runUnit() unit {
	return unit{
		name: "runs", classes: []string{Results}, from: "runs u", key: "u.id", tenant: "u.tenant", rows: "1",
		time: "COALESCE((SELECT MAX(r.created_at) FROM results r WHERE r.run_id = u.id AND r.state = 1 AND r.created_at > u.created_at), u.created_at)",
		bytes: `600 + COALESCE((SELECT SUM(CASE WHEN (r.expired & 1) = 0 AND NOT ($uploads) THEN r.bytes ELSE 0 END
			+ CASE WHEN r.content_sha256 <> r.sha256 AND (r.expired & 2) = 0 AND NOT ($attachments) THEN r.content_bytes ELSE 0 END
			+ CASE WHEN r.expired < 4 AND NOT ($tests) THEN r.tests * 160 ELSE 0 END) FROM results r WHERE r.run_id = u.id AND r.state = 1), 0)`,
		sort: "u.created_at", where: "1 = 1", stays: s.runStays("u"), remove: removeRuns,
	}
}

func (s *Store) opportunityUnit() unit {
	return unit{
		name: "opportunities", classes: []string{Opportunities}, from: "opportunities p", key: "p.id", text: true, time: "p.updated_at",
		tenant: "p.tenant", product: "p.product_id", rows: "1", bytes: "1500 + CASE WHEN $output THEN 0 ELSE p.output_bytes END",
		where: "p.deadline IS NULL", stays: opportunityStays("p"), remove: removeOpportunities,
	}
}

func reportUnit(class, table string) unit {
	return unit{
		name: class, classes: []string{class, Reports}, from: table + " x", key: "x.seq", time: `x."created_on"`,
		tenant: "x.tenant", job: `COALESCE(x."job", '')`, rows: "1", bytes: reportSize, where: "1 = 1", stays: kernelStays("x"),
		remove: func(ctx context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
			return nil, tx.removeReports(ctx, table, list)
		},
	}
}

func groupUnit() unit {
	return unit{
		name: Groups, classes: []string{Groups, Reports}, from: "test_groups x", key: "x.seq", time: `x."created_on"`,
		tenant: "x.tenant", job: `COALESCE(x."job", '')`, rows: "1", bytes: reportSize, where: `x."parent_id" IS NULL`,
		stays: kernelStays("x"), keeps: newestGroups, remove: removeGroups,
	}
}

func eventUnit() unit {
	return unit{
		name: Events, classes: []string{Events}, from: "events e", key: "e.seq", time: "e.time", inOrder: true,
		tenant: "e.tenant", product: "COALESCE(e.product_id, '')", rows: "1", bytes: "LENGTH(e.data) + 300",
		where: "NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.enabled = $true AND w.tenant = e.tenant AND w.cursor < e.seq)",
		stays: "EXISTS (SELECT 1 FROM opportunities p WHERE p.id = e.opportunity_id AND p.deadline IS NOT NULL)", remove: removeEvents,
	}
}

func deliveryUnit() unit {
	return unit{
		name: "deliveries", classes: []string{Webhooks}, from: "deliveries d JOIN webhooks w ON w.id = d.webhook_id", key: "d.id", text: true, time: "d.created_at",
		tenant: "w.tenant", product: "COALESCE(w.product_id, '')", rows: "1", bytes: "LENGTH(d.attempts) + 300", where: "d.next_at IS NULL",
		remove: removeKeys("deliveries", "id"),
	}
}

func auditUnit() unit {
	return unit{
		name: Audit, classes: []string{Audit}, from: "audit a", key: "a.id", time: "a.at", tenant: "a.tenant", rows: "1", bytes: "500", where: "1 = 1",
		remove: removeKeys("audit", "id"),
	}
}

func taskUnit() unit {
	return unit{
		name: Tasks, classes: []string{Tasks}, from: "lab_tasks t", key: "t.id", text: true, time: "t.updated_at", rows: "1", bytes: "3000",
		where: "t.parent = '' AND t.status IN ('complete', 'terminated')",
		stays: "(EXISTS (SELECT 1 FROM lab_deployments d WHERE d.root = t.id) OR EXISTS (SELECT 1 FROM lab_claims c WHERE c.root = t.id))", remove: removeTasks,
	}
}

func buildDataUnit() unit {
	return unit{
		name: BuildData, classes: []string{BuildData}, from: "lab_build_data b", key: "b.id", time: "b.collected_at", rows: "1", bytes: "LENGTH(b.data) + 200",
		where: "1 = 1", stays: "NOT EXISTS (SELECT 1 FROM lab_build_data n WHERE n.node = b.node AND n.generator = b.generator AND n.id > b.id)",
		remove: removeKeys("lab_build_data", "id"),
	}
}

// spelled puts what the databases spell differently, and the times of a plan, in the
// places of marks.
func (s *Store) spelled(sql string, p *Plan) string {
	yes, no := "1", "0"
	if s.db.Postgres {
		yes, no = "true", "false"
	}
	return strings.NewReplacer("$true", yes, "$false", no, "$now", strconv.FormatInt(store.Micros(p.AsOf), 10)).Replace(sql)
}

// matches is the condition that a row of the unit is one that a rule is about; false
// when the unit has none such.
func (u *unit) matches(r *Rule) (list []tables.Condition, ok bool) {
	for _, part := range []struct {
		column string
		value  *string
	}{{u.tenant, r.Tenant}, {u.product, r.Product}, {u.job, r.Job}} {
		switch {
		case part.value == nil:
		case part.column == "":
			return nil, false
		default:
			list = append(list, tables.If(part.column+" = ?", *part.value))
		}
	}
	return list, true
}
