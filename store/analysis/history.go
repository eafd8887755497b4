package analysis

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// HistoryQuery asks for the results of one test. Fields that are nil do not narrow;
// a source that does not have a field has no value there.
type HistoryQuery struct {
	Name       string
	Sources    []string // those that are looked at
	CloudIDs   []int64
	Runs       []string // ids of runs, groups or opportunities
	ProductIDs []string
	Products   []string            // their names
	Reports    map[string][]string // fields of reports: job, kernel, git_branch and the six of the context
	Outcomes   []string
	Since      *time.Time
	Until      *time.Time
	Limit      int
	After      string // Next of the page before
}

// Past is one result of a test, as it was stored.
type Past struct {
	Row
	Origin
	Replaced bool // by a report that came later

	key int64 // inside its source, after the time
}

// Origin is where a result of a test came from: when it was stored, the set that
// holds it, and what it tested.
type Origin struct {
	StoredAt time.Time
	Kind     string
	Parts    []string
	Attempt  int64
	Version  string // empty: nobody knows

	RunID     int64
	ProductID *string
	CloudID   *int64
	Job       *string
}

// at is zero for nil.
func (o *Origin) at() time.Time {
	if o == nil {
		return time.Time{}
	}
	return o.StoredAt
}

// The fields of the contexts of the sources, in which the values of a Past's
// context stand.
var (
	reportContext      = []string{"arch", "board", "build_environment", "defconfig_full", "device_type", "lab_name"}
	opportunityContext = []string{"platform", "primary_snap_name", "spec_name"}
)

// historySource is where results of tests are kept. At the same time the first
// comes first.
type historySource struct {
	names []string // of sources that it may hold
	query func(s *Store, v store.Viewer, q *HistoryQuery) (columns string, where []tables.Condition, possible bool)
	at    string
	key   string
	read  func(rows *sql.Rows) (*Past, error)
}

var historySources = []historySource{
	{names: []string{RunSet, PublishedSet}, query: runHistory, at: "r.created_at", key: "r.key", read: readRunPast},
	{names: []string{CaseSource, BootSource}, query: reportHistory, at: "kernel_tests.stored_at", key: "kernel_tests.seq", read: func(rows *sql.Rows) (*Past, error) { return readReportPast(rows) }},
	{names: []string{OpportunitySet}, query: fileHistory, at: "o.created_at", key: "r.key", read: readFilePast},
	{names: []string{OpportunitySet}, query: ownHistory, at: "o.created_at", key: "0", read: readOwnPast},
}

const historyCursor = "test-history"

// pastPlace is where a page ended.
type pastPlace struct {
	at, source, key int64
	id              string
}

func parsePlace(after string) (*pastPlace, error) {
	if after == "" {
		return nil, nil
	}
	values, err := store.DecodeCursor(historyCursor, after)
	if err != nil {
		return nil, err
	}
	var p pastPlace
	ok := len(values) == 4
	for i, into := range []*int64{&p.at, &p.source, &p.key} {
		if ok {
			*into, ok = values[i].(int64)
		}
	}
	if ok {
		p.id, ok = values[3].(string)
	}
	if !ok || strings.ContainsRune(p.id, 0) {
		return nil, store.ErrBadCursor
	}
	return &p, nil
}

// History returns the results of one test, the newest first. ErrBadCursor: After is
// none of this list.
func (s *Store) History(ctx context.Context, v store.Viewer, q HistoryQuery) (store.List[Past], error) {
	var list store.List[Past]
	after, err := parsePlace(q.After)
	if err != nil {
		return list, err
	}
	type found struct {
		Past
		source int64
	}
	var all []found
	for n, src := range historySources {
		some := slices.ContainsFunc(src.names, func(name string) bool { return slices.Contains(q.Sources, name) })
		columns, where, possible := src.query(s, v, &q)
		if !some || !possible {
			continue
		}
		where = append(where, src.bounds(&q, after, int64(n))...)
		rows, err := s.pasts(ctx, src, columns, where, q.Limit+1)
		if err != nil {
			return list, fmt.Errorf("history: %w", err)
		}
		for i := range rows {
			all = append(all, found{rows[i], int64(n)})
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(b.StoredAt.Compare(a.StoredAt), cmp.Compare(a.source, b.source), cmp.Compare(b.key, a.key), cmp.Compare(b.ID, a.ID))
	})
	if len(all) > q.Limit {
		all = all[:q.Limit]
		last := &all[q.Limit-1]
		list.Next = store.EncodeCursor(historyCursor, []any{store.Micros(last.StoredAt), last.source, last.key, last.ID})
	}
	for i := range all {
		all[i].Name = q.Name
		list.Items = append(list.Items, all[i].Past)
	}
	return list, nil
}

// bounds are the times that are asked for, and what comes after the cursor.
func (src *historySource) bounds(q *HistoryQuery, after *pastPlace, source int64) []tables.Condition {
	var list []tables.Condition
	if q.Since != nil {
		list = append(list, tables.If(src.at+" >= ?", store.Micros(*q.Since)))
	}
	if q.Until != nil {
		list = append(list, tables.If(src.at+" < ?", store.Micros(*q.Until)))
	}
	switch {
	case after == nil:
	case source > after.source:
		list = append(list, tables.If(src.at+" <= ?", after.at))
	case source < after.source:
		list = append(list, tables.If(src.at+" < ?", after.at))
	case src.key == "0":
		list = append(list, tables.If("("+src.at+", o.id) < (?, ?)", after.at, after.id))
	default:
		list = append(list, tables.If("("+src.at+", "+src.key+") < (?, ?)", after.at, after.key))
	}
	return list
}

func (s *Store) pasts(ctx context.Context, src historySource, columns string, where []tables.Condition, limit int) ([]Past, error) {
	id := src.key
	if id == "0" {
		id = "o.id"
	}
	rows, err := s.db.Read(ctx).Raw(columns+tables.Where(where)+fmt.Sprintf(" ORDER BY %s DESC, %s DESC LIMIT %d", src.at, id, limit), tables.Args(where)...).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	var list []Past
	for rows.Next() {
		p, err := src.read(rows)
		if err != nil {
			return nil, store.Translate(err)
		}
		list = append(list, *p)
	}
	return list, store.Translate(rows.Err())
}

// in narrows a column to some values; nil does not.
func in[T any](column string, values []T) []tables.Condition {
	if values == nil {
		return nil
	}
	c := tables.Condition{SQL: tables.InList(column, len(values))}
	for _, v := range values {
		c.Args = append(c.Args, v)
	}
	return []tables.Condition{c}
}

// fileStatuses are the numbers of subunit whose outcome is one of some.
var fileOutcomes = map[results.TestStatus]string{
	results.TestSuccess: "pass", results.TestXFail: "pass", results.TestFail: "fail", results.TestUXSuccess: "fail",
	results.TestInProgress: "error", results.TestUnknown: "error", results.TestSkip: "skip", results.TestExists: "unknown",
}

// ofFileOutcomes narrows tests of files to some outcomes.
func ofFileOutcomes(outcomes []string) []tables.Condition {
	if outcomes == nil {
		return nil
	}
	numbers := []int64{}
	for status, outcome := range fileOutcomes {
		if slices.Contains(outcomes, outcome) {
			numbers = append(numbers, int64(status))
		}
	}
	slices.Sort(numbers)
	return in("t.status", numbers)
}

// ofWords narrows a column of words to those whose outcome is one of some; every
// other word is unknown.
func ofWords(column string, words map[string]string, outcomes []string) []tables.Condition {
	if outcomes == nil {
		return nil
	}
	var some, all []string
	for word, outcome := range words {
		all = append(all, word)
		if slices.Contains(outcomes, outcome) {
			some = append(some, word)
		}
	}
	slices.Sort(some)
	slices.Sort(all)
	c := in("UPPER("+column+")", append([]string{}, some...))[0]
	if slices.Contains(outcomes, "unknown") {
		others := in("UPPER("+column+")", all)[0]
		c = tables.Condition{SQL: "(" + c.SQL + " OR NOT " + others.SQL + ")", Args: append(c.Args, others.Args...)}
	}
	return []tables.Condition{c}
}

var (
	caseWords        = map[string]string{"PASS": "pass", "FAIL": "fail", "ERROR": "error", "SKIP": "skip"}
	bootWords        = map[string]string{"PASS": "pass", "FAIL": "fail", "OFFLINE": "error", "UNTRIED": "skip"}
	opportunityWords = map[string]string{"PASSED": "pass", "FAILED": "fail", "ERROR": "error", "SKIPPED": "skip"}
)

// named is the condition that a test of a file has the name.
func named(name string) tables.Condition {
	return tables.If("t.name_id = (SELECT id FROM test_names WHERE hash = ?)", tables.Bytes(results.NameHash(name)))
}

// numbersOf are the texts that are numbers.
func numbersOf(texts []string) []int64 {
	if texts == nil {
		return nil
	}
	numbers := []int64{}
	for _, text := range texts {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// publishedOf joins what was published: p where a result r is its list of passes, ps
// where it is its stream.
const publishedOf = " LEFT JOIN published_results p ON p.result_key = r.key LEFT JOIN published_results ps ON ps.stream_key = r.key"

func runHistory(_ *Store, v store.Viewer, q *HistoryQuery) (string, []tables.Condition, bool) {
	if q.ProductIDs != nil || q.Products != nil || len(q.Reports) > 0 {
		return "", nil, false
	}
	where := append([]tables.Condition{named(q.Name), tables.If("r.state = 1"), tables.If("r.run_id IS NOT NULL")}, v.Private("r.tenant", "r.private_to")...)
	where = slices.Concat(where, v.Seen("runs.tenant"), in("runs.cloud_id", q.CloudIDs), in("r.run_id", numbersOf(q.Runs)), ofFileOutcomes(q.Outcomes))
	switch run, published := slices.Contains(q.Sources, RunSet), slices.Contains(q.Sources, PublishedSet); {
	case run && !published:
		where = append(where, tables.If("p.id IS NULL"), tables.If("ps.id IS NULL"))
	case published && !run:
		where = append(where, tables.If("(p.id IS NOT NULL OR ps.id IS NOT NULL)"))
	}
	// the tests of a published result with a stream are the stream's, once
	where = append(where, tables.If("p.stream_key IS NULL"))
	return "SELECT r.created_at, r.key, t.n, t.status, COALESCE(t.duration_us, t.stop_us - t.start_us), r.run_id, r.attempt, r.tenant, runs.cloud_id, COALESCE(p.id, ps.id)" +
		" FROM tests t JOIN results r ON r.key = t.result_key JOIN runs ON runs.id = r.run_id" +
		publishedOf, where, true
}

func readRunPast(rows *sql.Rows) (*Past, error) {
	p := &Past{Row: Row{Source: RunSet, File: true}, Origin: Origin{Kind: RunSet}}
	var at int64
	var status results.TestStatus
	var took *int64
	var published *string
	if err := rows.Scan(&at, &p.Upload, &p.N, &status, &took, &p.RunID, &p.Attempt, &p.Tenant, &p.CloudID, &published); err != nil {
		return nil, err
	}
	run := strconv.FormatInt(p.RunID, 10)
	p.StoredAt, p.Status, p.Duration, p.key = store.FromMicros(at), status.String(), microseconds(took), p.Upload
	p.Parts, p.Version = []string{run}, RunSet+":"+run
	if published != nil {
		p.Source, p.Kind, p.Parts, p.Version = PublishedSet, PublishedSet, []string{*published}, ""
	}
	return p, nil
}

func reportHistory(_ *Store, v store.Viewer, q *HistoryQuery) (string, []tables.Condition, bool) {
	if q.CloudIDs != nil || q.ProductIDs != nil || q.Products != nil {
		return "", nil, false
	}
	where := append([]tables.Condition{tables.If("kernel_tests.hash = ?", tables.Bytes(results.NameHash(q.Name)))}, seesReports(v)...)
	if q.Runs != nil {
		groups, boots := in("kernel_tests.group_id", q.Runs)[0], in("kernel_tests.report_id", q.Runs)[0]
		where = append(where, tables.Condition{
			SQL: "(" + groups.SQL + " OR kernel_tests.source = 2 AND " + boots.SQL + ")", Args: slices.Concat(groups.Args, boots.Args),
		})
	}
	for _, field := range slices.Concat([]string{"job", "kernel", "git_branch"}, reportContext) {
		where = slices.Concat(where, in("kernel_tests."+field, q.Reports[field]))
	}
	var sources []tables.Condition
	for number, words := range map[int]map[string]string{1: caseWords, 2: bootWords} {
		if slices.Contains(q.Sources, reportSources[number]) {
			sources = append(sources, tables.If("kernel_tests.source = ?", number))
			if c := ofWords("kernel_tests.status", words, q.Outcomes); c != nil {
				last := &sources[len(sources)-1]
				*last = tables.Condition{SQL: "(" + last.SQL + " AND " + c[0].SQL + ")", Args: append(last.Args, c[0].Args...)}
			}
		}
	}
	if len(sources) == 2 {
		sources = []tables.Condition{{SQL: "(" + sources[0].SQL + " OR " + sources[1].SQL + ")", Args: tables.Args(sources)}}
	}
	return reportPasts, append(where, sources...), true
}

// reportPasts is what readReportPast reads.
const reportPasts = "SELECT kernel_tests.stored_at, kernel_tests.seq, kernel_tests.source, kernel_tests.status, kernel_tests.duration_us, kernel_tests.report_id," +
	" kernel_tests.group_id, kernel_tests.replaced, kernel_tests.tenant, kernel_tests.job, kernel_tests.git_branch, kernel_tests.kernel, kernel_tests.arch, kernel_tests.board," +
	" kernel_tests.build_environment, kernel_tests.defconfig_full, kernel_tests.device_type, kernel_tests.lab_name FROM kernel_tests"

func readReportPast(rows *sql.Rows, before ...any) (*Past, error) {
	p := &Past{Origin: Origin{Kind: KernelSet}}
	var at, replaced int64
	var source int
	var took *int64
	var group, branch, kernel *string
	fields := make([]*string, len(reportContext))
	dest := append(before, &at, &p.key, &source, &p.Status, &took, &p.ID, &group, &replaced, &p.Tenant, &p.Job, &branch, &kernel)
	for i := range fields {
		dest = append(dest, &fields[i])
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	for _, v := range fields {
		p.Context = append(p.Context, fieldValue(v))
	}
	p.StoredAt, p.Source, p.Duration, p.N = store.FromMicros(at), reportSources[source], microseconds(took), p.key
	p.Parts = []string{textOf(p.Job), textOf(branch), textOf(kernel)}
	if (p.Parts[0] == "" || p.Parts[2] == "") && group != nil { // it is of no kernel
		p.Kind, p.Parts = GroupSet, []string{*group}
	}
	p.Version, p.Replaced = textOf(kernel), replaced != 0
	return p, nil
}

// textOf is the empty text for nil.
func textOf(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}

// opportunityColumns are what readOpportunityPast reads, and opportunityJoins where
// they are.
const (
	opportunityColumns = "o.created_at, o.id, o.opportunity_id, o.product_id, o.test_status, o.synthetic, o.image_unique_id, v.platform, o.primary_snap_name, o.spec_name, prod.tenant"
	opportunityJoins   = " JOIN opportunities opp ON opp.id = o.opportunity_id JOIN spec_versions v ON v.id = opp.version_id JOIN products prod ON prod.id = o.product_id"
)

func opportunityWhere(v store.Viewer, q *HistoryQuery) []tables.Condition {
	where := append(v.Seen("prod.tenant"), tables.If("prod.deleted_at IS NULL"))
	return slices.Concat(where, in("o.product_id", q.ProductIDs), in("prod.name", q.Products), in("o.opportunity_id", q.Runs))
}

func fileHistory(_ *Store, v store.Viewer, q *HistoryQuery) (string, []tables.Condition, bool) {
	if q.CloudIDs != nil || len(q.Reports) > 0 {
		return "", nil, false
	}
	where := append(opportunityWhere(v, q), named(q.Name), tables.If("r.state = 1"))
	return "SELECT r.key, t.n, t.status, COALESCE(t.duration_us, t.stop_us - t.start_us), " + opportunityColumns +
		" FROM tests t JOIN results r ON r.key = t.result_key JOIN opportunity_results o ON o.file_id = r.id" + opportunityJoins, append(where, ofFileOutcomes(q.Outcomes)...), true
}

// failedNothing is hasOwnTest for a file.
const failedNothing = "r.count_fail + r.count_uxsuccess + r.count_inprogress + r.count_unknown = 0"

func ownHistory(_ *Store, v store.Viewer, q *HistoryQuery) (string, []tables.Condition, bool) {
	if q.CloudIDs != nil || len(q.Reports) > 0 {
		return "", nil, false
	}
	where := append(opportunityWhere(v, q), tables.If("o.spec_name = ?", q.Name),
		tables.If("(r.key IS NULL OR UPPER(o.test_status) <> 'PASSED' AND "+failedNothing+")"))
	if c := ofWords("o.test_status", opportunityWords, q.Outcomes); c != nil {
		synthetic := "o.synthetic AND ?"
		where = append(where, tables.Condition{
			SQL: "(" + synthetic + " OR NOT o.synthetic AND " + c[0].SQL + ")", Args: append([]any{slices.Contains(q.Outcomes, "error")}, c[0].Args...),
		})
	}
	return "SELECT " + opportunityColumns + " FROM opportunity_results o" + opportunityJoins + " LEFT JOIN results r ON r.id = o.file_id AND r.state = 1", where, true
}

func (p *Past) readOpportunity(rows *sql.Rows, before ...any) error {
	var at int64
	var product, image string
	fields := make([]*string, len(opportunityContext))
	p.Row.Source, p.Kind, p.Parts = OpportunitySet, OpportunitySet, make([]string, 1)
	dest := append(before, &at, &p.ID, &p.Parts[0], &product, &p.Status, &p.Synthetic, &image)
	for i := range fields {
		dest = append(dest, &fields[i])
	}
	if err := rows.Scan(append(dest, &p.Tenant)...); err != nil {
		return err
	}
	for _, v := range fields {
		p.Context = append(p.Context, fieldValue(v))
	}
	p.StoredAt, p.ProductID, p.Version = store.FromMicros(at), &product, image
	return nil
}

func readFilePast(rows *sql.Rows) (*Past, error) {
	p := &Past{}
	var status results.TestStatus
	var took *int64
	if err := p.readOpportunity(rows, &p.Upload, &p.N, &status, &took); err != nil {
		return nil, err
	}
	p.File, p.Status, p.Synthetic, p.Duration, p.key = true, status.String(), false, microseconds(took), p.Upload
	return p, nil
}

func readOwnPast(rows *sql.Rows) (*Past, error) {
	p := &Past{}
	return p, p.readOpportunity(rows)
}
