package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// KernelTest is a test case or a boot as a test: what comparisons and histories know
// of it. It lies beside the report, goes with it, and stays as it was when the report
// is posted again.
type KernelTest struct {
	Source   TestSource
	ReportID string
	GroupID  *string
	Name     string // whole: of a case with the groups around it
	Status   string
	Duration *int64    // in milliseconds
	Created  int64     // in milliseconds
	Stored   time.Time // zero: now
	Failure  string    // what a failure says; empty for nothing

	Job, GitBranch, Kernel *string
	Context                [6]*string // in the order of contextColumns
}

// TestSource says what sort of report a KernelTest is.
type TestSource int64

// The sources.
const (
	CaseTest TestSource = 1
	BootTest TestSource = 2
)

const contextColumns = "arch, board, build_environment, defconfig_full, device_type, lab_name"

const insertKernelTests = "INSERT INTO kernel_tests (tenant, source, report_id, group_id, replaced, hash, name, status, duration_us, created_at, stored_at," +
	" job, git_branch, kernel, " + contextColumns + ", failure) VALUES "

// kernelTestSlice is how many tests one statement adds.
const kernelTestSlice = 64

// KeepTests notes reports that were written in this transaction as tests, and queues
// their kernels to be compared.
func (s *Store) KeepTests(ctx context.Context, tests ...KernelTest) error {
	now := s.Now()
	for some := range slices.Chunk(tests, kernelTestSlice) {
		marks := "(?" + strings.Repeat(", ?", 20) + ")"
		args := make([]any, 0, 21*len(some))
		for i := range some {
			t := &some[i]
			stored := store.Micros(now)
			if !t.Stored.IsZero() {
				stored = store.Micros(t.Stored)
			}
			args = append(args, s.scope.Tenant, int64(t.Source), t.ReportID, t.GroupID, 0, tables.Bytes(tables.NameHash(t.Name)), t.Name, t.Status,
				micros(t.Duration), t.Created*1000, stored, t.Job, t.GitBranch, t.Kernel)
			for _, v := range t.Context {
				args = append(args, v)
			}
			args = append(args, orNull(t.Failure))
		}
		insert := insertKernelTests + marks + strings.Repeat(", "+marks, len(some)-1)
		if err := s.insertTests(insert, args, slices.ContainsFunc(some, KernelTest.failed)); err != nil {
			return fmt.Errorf("keep tests: %w", store.Translate(err))
		}
	}
	return s.keepKernels(ctx, tests)
}

// insertTests adds tests, and queues those that failed to be held against known
// issues.
func (s *Store) insertTests(insert string, args []any, failures bool) error {
	if !failures {
		return s.db.Put(insert, args...)
	}
	var added []struct {
		Seq    int64
		Source TestSource
		Status string
	}
	if err := s.db.Tx.Raw(insert+" RETURNING seq, source, status", args...).Scan(&added).Error; err != nil {
		return err
	}
	var queued []store.QueuedFailure
	for i := range added {
		if a := &added[i]; (KernelTest{Source: a.Source, Status: a.Status}).failed() {
			queued = append(queued, store.QueuedFailure{Tenant: s.scope.Tenant, Seq: &a.Seq})
		}
	}
	return s.QueueFailures(queued...)
}

// failed reports whether the test failed, or the lab stood in its way.
func (t KernelTest) failed() bool {
	words := []string{"FAIL", "ERROR"}
	if t.Source == BootTest {
		words = []string{"FAIL", "OFFLINE"}
	}
	return slices.Contains(words, strings.ToUpper(t.Status))
}

func micros(ms *int64) any {
	if ms == nil {
		return nil
	}
	return *ms * 1000
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// kernelSet is a kernel of a job and a branch.
type kernelSet struct{ job, branch, kernel string }

func (k kernelSet) compare(other kernelSet) int {
	return cmp.Or(cmp.Compare(k.job, other.job), cmp.Compare(k.branch, other.branch), cmp.Compare(k.kernel, other.kernel))
}

// keepKernels notes which kernels there are, since when, and whether any of their
// tests has passed or failed.
func (s *Store) keepKernels(ctx context.Context, tests []KernelTest) error {
	first, verdicts := map[kernelSet]int64{}, map[kernelSet]int64{}
	for i := range tests {
		t := &tests[i]
		if t.Job == nil || t.Kernel == nil {
			continue
		}
		k := kernelSet{job: *t.Job, kernel: *t.Kernel}
		if t.GitBranch != nil {
			k.branch = *t.GitBranch
		}
		if at, known := first[k]; !known || t.Created*1000 < at {
			first[k] = t.Created * 1000
		}
		if t.Status == "PASS" || t.Status == "FAIL" {
			verdicts[k] = 1
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(first), kernelSet.compare) { // nobody waits for another crosswise
		if err := s.keepKernel(ctx, k, first[k], verdicts[k]); err != nil {
			return err
		}
	}
	return nil
}

const putKernel = `INSERT INTO kernel_sets (tenant, job, git_branch, kernel, first_at, verdicts) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (tenant, job, git_branch, kernel) DO UPDATE SET
	first_at = CASE WHEN EXCLUDED.first_at < kernel_sets.first_at THEN EXCLUDED.first_at ELSE kernel_sets.first_at END,
	verdicts = CASE WHEN EXCLUDED.verdicts > kernel_sets.verdicts THEN EXCLUDED.verdicts ELSE kernel_sets.verdicts END`

// knownKernel returns since when a kernel is known, and its verdicts, or ErrNotFound.
func (s *Store) knownKernel(ctx context.Context, k kernelSet) (first, verdicts int64, err error) {
	rows, err := s.db.Query(ctx, "SELECT first_at, verdicts FROM kernel_sets WHERE tenant = ? AND job = ? AND git_branch = ? AND kernel = ?"+s.db.KeepKernel(),
		s.scope.Tenant, k.job, k.branch, k.kernel)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	err = store.ErrNotFound
	if rows.Next() {
		err = rows.Scan(&first, &verdicts)
	}
	return first, verdicts, cmp.Or(rows.Err(), err)
}

// keepKernel writes only what is news: labs post a thousand boots of one kernel at
// once, and none should wait for the others.
func (s *Store) keepKernel(ctx context.Context, k kernelSet, at, verdicts int64) error {
	first, most, err := s.knownKernel(ctx, k)
	if errors.Is(err, store.ErrNotFound) || err == nil && (at < first || verdicts > most) {
		err = s.db.Put(putKernel, s.scope.Tenant, k.job, k.branch, k.kernel, at, verdicts)
	}
	if err != nil {
		return fmt.Errorf("kernel %s of %s: %w", k.kernel, k.job, store.Translate(err))
	}
	return s.QueueSetSoon(ctx, store.PendingSet{Tenant: s.scope.Tenant, Kind: "kernel", Ref: store.SetRef("kernel", k.job, k.branch, k.kernel)})
}

// ReplaceTest notes that a report that is posted again tells of its test anew: what
// it told before stays in the history.
func (s *Store) ReplaceTest(reportID string) error {
	err := s.db.Tx.Exec("UPDATE kernel_tests SET replaced = 1 WHERE report_id = ? AND replaced = 0", reportID).Error
	if err != nil {
		return fmt.Errorf("replace the test of %s: %w", reportID, store.Translate(err))
	}
	return nil
}

// RetellTest is ReplaceTest for a report that was changed, with what it says now of
// status, name and duration; what it has from its group stays. A report that has no
// test yet stays without one.
func (s *Store) RetellTest(ctx context.Context, t KernelTest) error {
	var was []struct {
		Tenant, Name, Status                                              string
		GroupID                                                           *string
		DurationUS                                                        *int64 `gorm:"column:duration_us"`
		Job, GitBranch, Kernel                                            *string
		Arch, Board, BuildEnvironment, DefconfigFull, DeviceType, LabName *string
	}
	err := s.db.Tx.Raw("SELECT tenant, name, status, group_id, duration_us, job, git_branch, kernel, "+contextColumns+" FROM kernel_tests WHERE report_id = ? AND replaced = 0", t.ReportID).
		Scan(&was).Error
	if err != nil || len(was) == 0 {
		return store.Translate(err)
	}
	old := was[0]
	t.GroupID, t.Job, t.GitBranch, t.Kernel = old.GroupID, old.Job, old.GitBranch, old.Kernel
	t.Context = [6]*string{old.Arch, old.Board, old.BuildEnvironment, old.DefconfigFull, old.DeviceType, old.LabName}
	if old.Name == t.Name && old.Status == t.Status && (old.DurationUS == nil) == (t.Duration == nil) && (t.Duration == nil || *t.Duration*1000 == *old.DurationUS) {
		return s.retellFailure(&t, old.Tenant)
	}
	if err := s.ReplaceTest(t.ReportID); err != nil {
		return err
	}
	return s.For(store.Scope{Tenant: old.Tenant}).KeepTests(ctx, t)
}

// retellFailure sets what a failure says, and holds it against known issues anew.
func (s *Store) retellFailure(t *KernelTest, tenant string) error {
	var seqs []int64
	err := s.db.Tx.Raw("UPDATE kernel_tests SET failure = ? WHERE report_id = ? AND replaced = 0 RETURNING seq", orNull(t.Failure), t.ReportID).Scan(&seqs).Error
	if err != nil || !t.failed() {
		return store.Translate(err)
	}
	for i := range seqs {
		if err := s.requeueFailure(tenant, seqs[i]); err != nil {
			return err
		}
	}
	return nil
}

// requeueFailure forgets which issues match a test that has changed, and queues it
// anew.
func (s *Store) requeueFailure(tenant string, seq int64) error {
	if err := s.db.Tx.Exec("DELETE FROM issue_matches WHERE seq = ?", seq).Error; err != nil {
		return fmt.Errorf("matches of a test: %w", store.Translate(err))
	}
	return s.QueueFailures(store.QueuedFailure{Tenant: tenant, Seq: &seq})
}

// ReplaceReports removes the reports that meet the conditions because others take
// their place: as tests they stay in the history.
func (s *Store) ReplaceReports(ctx context.Context, c *Collection, where []Condition) error {
	parts := append(c.conditions(where), s.scope.Changeable(c.table+".tenant")...)
	err := s.db.Tx.Exec(`UPDATE kernel_tests SET replaced = 1 WHERE replaced = 0 AND report_id IN (SELECT "_id" FROM `+c.table+tables.Where(parts)+")", tables.Args(parts)...).Error
	if err != nil {
		return fmt.Errorf("replace in %s: %w", c.table, store.Translate(err))
	}
	_, err = s.DeleteReports(ctx, c, where)
	return err
}

// forgetTests removes the tests of reports that are about to be removed; of a boot
// also what it has replaced. It returns the kernels that they were tests of.
func (s *Store) forgetTests(c *Collection, from string, args []any) ([]tenantKernel, error) {
	if c != Cases && c != Boots {
		return nil, nil
	}
	where := ` WHERE report_id IN (SELECT "_id" FROM ` + from + ")"
	if c == Cases {
		where += " AND replaced = 0"
	}
	kernels, err := s.kernelsOf(where, args...)
	if err == nil {
		err = store.Translate(s.db.Tx.Exec("DELETE FROM kernel_tests"+where, args...).Error)
	}
	if err != nil {
		return nil, fmt.Errorf("tests of %s: %w", c.table, err)
	}
	return kernels, nil
}

// tenantKernel is a kernel of a job and a branch, of a tenant.
type tenantKernel struct{ Tenant, Job, Branch, Kernel string }

// kernelsOf are the kernels of the tests that meet a condition.
func (s *Store) kernelsOf(where string, args ...any) (list []tenantKernel, err error) {
	err = s.db.Tx.Raw("SELECT DISTINCT tenant, job, COALESCE(git_branch, '') AS branch, kernel FROM kernel_tests"+where+
		" AND job IS NOT NULL AND kernel IS NOT NULL ORDER BY tenant, job, branch, kernel", args...).Scan(&list).Error
	return list, store.Translate(err)
}

// forgetKernels removes those of the kernels that have no test any more: they are no
// sets, and stand in no line.
func (s *Store) forgetKernels(list []tenantKernel) error {
	for _, k := range list {
		err := s.db.DropKernel(k.Tenant, k.Job, k.Branch, k.Kernel)
		if err != nil {
			return fmt.Errorf("kernel %s of %s: %w", k.Kernel, k.Job, store.Translate(err))
		}
	}
	return nil
}

// UnkeptTests calls visit with cases or boots that have no test yet, because they
// were stored before there were any, with the place of each; those before after are
// passed over. It returns the place of the last one, 0 when there was none.
func (s *Store) UnkeptTests(ctx context.Context, c *Collection, after int64, limit int, visit func(*Report) error) (last int64, err error) {
	rows, err := s.db.Read(ctx).Raw("SELECT "+c.selected()+" FROM "+c.table+" WHERE seq > ? ORDER BY seq LIMIT "+fmt.Sprint(limit), after).Rows()
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", c.table, store.Translate(err))
	}
	defer rows.Close() // it is closed before visit; a panic must not leave it open
	var list []*Report
	scanner := newScanner(c)
	for rows.Next() && err == nil {
		var r *Report
		if r, err = scanner.scan(rows); err == nil {
			list = append(list, r)
		}
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return 0, fmt.Errorf("read %s: %w", c.table, store.Translate(err))
	}
	for _, r := range list {
		last = r.seq
		known, err := s.hasTest(r.Get(c, "_id").(string))
		if err == nil && !known {
			err = visit(r)
		}
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}

func (s *Store) hasTest(reportID string) (bool, error) {
	var n []int64
	err := s.db.Tx.Raw("SELECT seq FROM kernel_tests WHERE report_id = ? LIMIT 1", reportID).Scan(&n).Error
	return len(n) > 0, store.Translate(err)
}
