package retention

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
)

// exec runs statements about the same values, in the transaction.
func (s *Store) exec(statements []string, args ...any) error {
	for _, sql := range statements {
		if err := s.db.Tx.Exec(sql, args...).Error; err != nil {
			return store.Translate(err)
		}
	}
	return nil
}

func numbers(list []candidate) []int64 {
	keys := make([]int64, len(list))
	for i := range list {
		keys[i], _ = strconv.ParseInt(list[i].key, 10, 64) // they came from the database
	}
	return keys
}

func texts(list []candidate) []string {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].key
	}
	return keys
}

// removeKeys removes rows with which nothing goes.
func removeKeys(table, key string) func(context.Context, *Store, *Going, []candidate) ([]string, error) {
	return func(_ context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
		args := any(texts(list))
		if table == "audit" || table == "lab_build_data" {
			args = numbers(list)
		}
		return nil, tx.exec([]string{"DELETE FROM " + table + " WHERE " + key + " IN ?"}, args)
	}
}

func removeUploads(ctx context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	return tx.expire(ctx, list, results.RawExpired)
}

func removeAttachments(ctx context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	return tx.expire(ctx, list, results.AttachmentsExpired)
}

func removeTests(ctx context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	if err := tx.markImages(`SELECT o.product_id, o.image_unique_id FROM opportunity_results o JOIN results r ON r.id = o.file_id WHERE r.key IN ?`, numbers(list)); err != nil {
		return nil, err
	}
	return nil, tx.Results.Expire(numbers(list), results.TestsExpired)
}

func (s *Store) expire(ctx context.Context, list []candidate, part results.Expired) ([]string, error) {
	if err := s.Results.Expire(numbers(list), part); err != nil {
		return nil, err
	}
	return s.Results.BlobsOf(ctx, numbers(list))
}

func removeKeptFiles(_ context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	return tx.expireFiles("kept_files", "result_id IN ?", texts(list))
}

func removeReportFiles(_ context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	paths := make([]string, len(list))
	for i := range list {
		_, paths[i], _ = strings.Cut(list[i].key, between)
	}
	return tx.expireFiles("report_files", "path IN ? AND (tenant || '"+between+"' || path) IN ?", paths, texts(list))
}

func (s *Store) expireFiles(table, where string, args ...any) (blobs []string, err error) {
	err = s.db.Tx.Table(table).Where(where, args...).Distinct().Pluck("sha256", &blobs).Error
	if err == nil {
		err = s.db.Tx.Table(table).Where(where, args...).Update("expired", 1).Error
	}
	return blobs, store.Translate(err)
}

// removeRuns removes runs as somebody would by hand: their rows of tests go when the
// run of retention purges them.
func removeRuns(ctx context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	for _, id := range numbers(list) {
		if err := tx.Results.DeleteRun(ctx, store.Everything, id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func removeOutput(_ context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	return nil, tx.exec([]string{
		"DELETE FROM output_pieces WHERE opportunity_id IN ?",
		"UPDATE opportunities SET output_bytes = 0 WHERE id IN ?",
	}, texts(list))
}

const resultsOfOpportunities = "SELECT id FROM opportunity_results WHERE opportunity_id IN ?"

func removeOpportunities(_ context.Context, tx *Store, _ *Going, list []candidate) (blobs []string, err error) {
	ids := texts(list)
	if err := tx.markImages("SELECT product_id, image_unique_id FROM opportunities WHERE id IN ?", ids); err != nil {
		return nil, err
	}
	err = tx.db.Tx.Raw("SELECT DISTINCT sha256 FROM kept_files WHERE result_id IN ("+resultsOfOpportunities+")", ids).Scan(&blobs).Error
	if err != nil {
		return nil, store.Translate(err)
	}
	var contexts []string
	if err := tx.db.Tx.Raw("SELECT DISTINCT context_id FROM opportunities WHERE id IN ?", ids).Scan(&contexts).Error; err != nil {
		return nil, store.Translate(err)
	}
	err = tx.exec([]string{
		"UPDATE results SET state = 2 WHERE state = 1 AND run_id IS NULL AND id IN (SELECT file_id FROM opportunity_results WHERE opportunity_id IN ? AND file_id IS NOT NULL)",
		"DELETE FROM kept_files WHERE result_id IN (" + resultsOfOpportunities + ")",
		"DELETE FROM opportunity_results WHERE opportunity_id IN ?",
		"DELETE FROM output_pieces WHERE opportunity_id IN ?",
		"DELETE FROM avoided_agents WHERE opportunity_id IN ?",
		"DELETE FROM leases WHERE opportunity_id IN ?",
		"DELETE FROM opportunities WHERE id IN ?",
	}, ids)
	if err == nil {
		err = tx.exec([]string{"DELETE FROM contexts WHERE id IN ? AND NOT EXISTS (SELECT 1 FROM opportunities p WHERE p.context_id = contexts.id)"}, contexts)
	}
	return blobs, err
}

// markImages notes that some tests of images have gone.
func (s *Store) markImages(of string, args ...any) error {
	return s.exec([]string{"UPDATE images SET expired = 1 WHERE expired = 0 AND (product_id, image_unique_id) IN (" + of + ")"}, args...)
}

func removeEvents(_ context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	keys := numbers(list)
	if err := tx.exec([]string{"DELETE FROM events WHERE seq IN ?"}, keys); err != nil {
		return nil, err
	}
	return nil, tx.NoteEventsRemoved(keys[len(keys)-1])
}

func removeTasks(_ context.Context, tx *Store, _ *Going, list []candidate) ([]string, error) {
	const members = "(SELECT id FROM lab_tasks WHERE root IN ?)"
	return nil, tx.exec([]string{
		"DELETE FROM lab_messages WHERE task IN " + members,
		"DELETE FROM lab_work WHERE task IN " + members,
		"DELETE FROM lab_boot_actions WHERE root IN ?",
		"DELETE FROM lab_tasks WHERE root IN ?",
	}, texts(list))
}

// removeReports removes jobs, builds or boots.
func (s *Store) removeReports(ctx context.Context, table string, list []candidate) error {
	keys := numbers(list)
	if table != "kernel_boots" {
		return s.exec([]string{"DELETE FROM " + table + " WHERE seq IN ?"}, keys)
	}
	kernels, err := s.kernelsOf(table, keys)
	if err != nil {
		return err
	}
	err = s.exec([]string{
		`DELETE FROM kernel_tests WHERE report_id IN (SELECT "_id" FROM kernel_boots WHERE seq IN ?)`,
		"DELETE FROM kernel_boots WHERE seq IN ?",
	}, keys)
	if err == nil {
		err = s.kernelsLeft(ctx, kernels)
	}
	return err
}

// kernelsOf are the kernels of reports.
func (s *Store) kernelsOf(table string, keys []int64) (list []kernel, err error) {
	err = s.db.Tx.Raw(`SELECT DISTINCT tenant, "job" AS job, COALESCE("git_branch", '') AS branch, "kernel" AS kernel FROM `+table+
		` WHERE seq IN ? AND "job" IS NOT NULL AND "kernel" IS NOT NULL ORDER BY tenant, job, branch, kernel`, keys).Scan(&list).Error
	return list, store.Translate(err)
}

// kernelsLeft notes that tests of kernels have gone: a kernel without any is no set
// any more.
func (s *Store) kernelsLeft(_ context.Context, list []kernel) error {
	const one = " WHERE tenant = ? AND job = ? AND git_branch = ? AND kernel = ?"
	for _, k := range list {
		err := s.db.DropKernel(k.Tenant, k.Job, k.Branch, k.Kernel)
		if err == nil {
			err = s.exec([]string{"UPDATE kernel_sets SET expired = 1" + one}, k.Tenant, k.Job, k.Branch, k.Kernel)
		}
		if err != nil {
			return fmt.Errorf("kernel %s of %s: %w", k.Kernel, k.Job, err)
		}
	}
	return nil
}
