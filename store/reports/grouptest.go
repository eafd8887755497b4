package reports

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// GroupFields are the fields of a group that its cases have from it, as tests.
var GroupFields = []string{"job", "git_branch", "kernel", "arch", "board", "build_environment", "defconfig_full", "device_type", "lab_name"}

// RenameTests gives the tests of a group's cases the name that they have now, with the
// groups around them before it. What they were called before is in no history.
func (s *Store) RenameTests(ctx context.Context, group, around string) error {
	var list []struct {
		Seq          int64
		Tenant, Name string
		Case         string
		Source       TestSource
		Status       string
	}
	err := s.db.Tx.Raw(`SELECT k.seq, k.tenant, k.name, k.source, k.status, COALESCE(c."name", '') AS "case" FROM kernel_tests k JOIN test_cases c ON c."_id" = k.report_id`+
		" WHERE k.group_id = ? AND k.replaced = 0", group).Scan(&list).Error
	if err != nil {
		return fmt.Errorf("tests of group %s: %w", group, store.Translate(err))
	}
	for i := range list {
		t := &list[i]
		name := around + "." + t.Case
		if name == t.Name {
			continue
		}
		_, err := s.db.Exec("UPDATE kernel_tests SET name = $1, hash = $2 WHERE seq = $3", name, tables.NameHash(name), t.Seq)
		if err == nil && (KernelTest{Source: t.Source, Status: t.Status}).failed() {
			err = s.requeueFailure(t.Tenant, t.Seq)
		}
		if err != nil {
			return fmt.Errorf("rename tests of group %s: %w", group, store.Translate(err))
		}
	}
	return nil
}

// FieldChange is what a field of a group was, and is now.
type FieldChange struct {
	Field    string // one of GroupFields
	Was, Now *string
}

// ChangeTests gives the tests of a group's cases what changed in the group, where they
// had it from there.
func (s *Store) ChangeTests(ctx context.Context, group string, changes []FieldChange) error {
	was, err := s.kernelsOf(" WHERE group_id = ? AND replaced = 0", group)
	if err != nil {
		return fmt.Errorf("kernels of group %s: %w", group, err)
	}
	for _, c := range changes {
		if !slices.Contains(GroupFields, c.Field) {
			return fmt.Errorf("field %s of group %s: %w", c.Field, group, store.ErrInvalid)
		}
		err := s.db.Tx.Exec("UPDATE kernel_tests SET "+c.Field+" = ? WHERE group_id = ? AND replaced = 0 AND "+c.Field+" IS NOT DISTINCT FROM ?", c.Now, group, c.Was).Error
		if err != nil {
			return fmt.Errorf("field %s of tests of group %s: %w", c.Field, group, store.Translate(err))
		}
	}
	var list []struct {
		Seq                    int64
		Tenant, Status         string
		Source                 TestSource
		Created                int64
		Job, GitBranch, Kernel *string
	}
	err = s.db.Tx.Raw("SELECT seq, tenant, status, source, created_at / 1000 AS created, job, git_branch, kernel FROM kernel_tests WHERE group_id = ? AND replaced = 0", group).Scan(&list).Error
	if err != nil || len(list) == 0 {
		return store.Translate(err)
	}
	tests := make([]KernelTest, len(list))
	for i := range list {
		t := &list[i]
		tests[i] = KernelTest{Source: t.Source, Status: t.Status, Created: t.Created, Job: t.Job, GitBranch: t.GitBranch, Kernel: t.Kernel}
		if tests[i].failed() {
			if err := s.requeueFailure(t.Tenant, t.Seq); err != nil {
				return err
			}
		}
	}
	if err := s.For(store.Scope{Tenant: list[0].Tenant}).keepKernels(ctx, tests); err != nil {
		return err
	}
	return s.forgetKernels(was)
}
