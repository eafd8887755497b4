package analysis

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Line is a line of sets that are looked at together: the runs of a cloud, the
// kernels of a job or the images of a product. Exactly one field is not nil.
type Line struct {
	CloudID   *int64
	Job       *string
	ProductID *string
}

// LineTests returns every result that the newest sets of a line have, by context,
// name and, of one test, the newest first. All fields of the line's tests count.
// ErrNotFound: the viewer sees no such cloud or product.
func (s *Store) LineTests(ctx context.Context, v store.Viewer, line Line, sets int) (Rows, error) {
	switch {
	case line.CloudID != nil:
		return s.cloudTests(ctx, v, *line.CloudID, sets)
	case line.ProductID != nil:
		return s.productTests(ctx, v, *line.ProductID, sets)
	}
	return s.jobTests(ctx, v, *line.Job, sets)
}

func (s *Store) cloudTests(ctx context.Context, v store.Viewer, cloud int64, sets int) (Rows, error) {
	var tenant string
	where := append(v.Seen("clouds.tenant"), tables.If("id = ?", cloud))
	if err := s.db.Read(ctx).Raw("SELECT tenant FROM clouds"+tables.Where(where), tables.Args(where)...).Row().Scan(&tenant); err != nil {
		return nil, fmt.Errorf("cloud %d: %w", cloud, found(err))
	}
	newest := append(v.Seen("runs.tenant"), tables.If("runs.cloud_id = ?", cloud), tables.If("runs.result_key IS NOT NULL"))
	runs := "SELECT runs.id FROM runs" + tables.Where(newest) + fmt.Sprintf(" ORDER BY runs.created_at DESC, runs.id DESC LIMIT %d", sets)
	var list []results.Result
	q := s.db.Read(ctx).Where("state = 1 AND run_id IN (SELECT id FROM ("+runs+") AS newest)", tables.Args(newest)...)
	for _, c := range v.Private("tenant", "private_to") {
		q = q.Where(c.SQL, c.Args...)
	}
	if err := q.Find(&list).Error; err != nil {
		return nil, fmt.Errorf("runs of cloud %d: %w", cloud, store.Translate(err))
	}
	set := &Set{Kind: RunSet, CloudID: &cloud}
	for i := range list {
		r := &list[i]
		run := strconv.FormatInt(r.RunID, 10)
		set.uploads = append(set.uploads, &Upload{Result: r, Source: RunSet, tenant: r.Tenant, origin: &Origin{
			StoredAt: r.CreatedAt, Kind: RunSet, Parts: []string{run}, Attempt: r.Attempt, Version: RunSet + ":" + run, RunID: r.RunID, CloudID: &cloud,
		}})
	}
	return s.uploadRows(ctx, set, nil, nil), nil
}

func (s *Store) productTests(ctx context.Context, v store.Viewer, product string, sets int) (Rows, error) {
	set := &Set{Kind: ImageSet}
	if err := s.product(ctx, v, set, product); err != nil {
		return nil, fmt.Errorf("product %s: %w", product, err)
	}
	var images []string
	err := s.db.Read(ctx).Raw("SELECT image_unique_id FROM images WHERE product_id = ? AND advertised_at > 0"+
		fmt.Sprintf(" ORDER BY advertised_at DESC, image_unique_id DESC LIMIT %d", sets), product).Scan(&images).Error
	if err != nil {
		return nil, fmt.Errorf("images of product %s: %w", product, store.Translate(err))
	}
	where := append(in("o.image_unique_id", images), tables.If("o.product_id = ?", product))
	if len(images) == 0 {
		return s.uploadRows(ctx, set, nil, nil), nil
	}
	list, err := s.opportunityRows(ctx, where, "")
	if err != nil {
		return nil, fmt.Errorf("results of product %s: %w", product, err)
	}
	for i := range list {
		row := &list[i]
		row.tenant = set.Tenant
		row.origin = &Origin{
			StoredAt: store.FromMicros(row.at), Kind: OpportunitySet, Parts: []string{row.Opportunity}, Version: row.image, ProductID: &product,
		}
	}
	if set.uploads, err = s.withFiles(ctx, list); err != nil {
		return nil, fmt.Errorf("results of product %s: %w", product, err)
	}
	return s.uploadRows(ctx, set, opportunityContext, nil), nil
}

func (s *Store) jobTests(ctx context.Context, v store.Viewer, job string, sets int) (Rows, error) {
	kernels := append(v.Seen("tenant"), tables.If("job = ?", job))
	rows, err := s.db.Read(ctx).Raw("SELECT git_branch, kernel FROM kernel_sets"+tables.Where(kernels)+
		fmt.Sprintf(" GROUP BY git_branch, kernel ORDER BY MIN(first_at) DESC, kernel DESC LIMIT %d", sets), tables.Args(kernels)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("kernels of job %.40q: %w", job, store.Translate(err))
	}
	defer rows.Close()
	some := tables.Condition{SQL: "1 = 0"}
	for rows.Next() {
		var branch, kernel string
		if err := rows.Scan(&branch, &kernel); err != nil {
			return nil, store.Translate(err)
		}
		some.SQL += " OR kernel = ? AND COALESCE(git_branch, '') = ?"
		some.Args = append(some.Args, kernel, branch)
	}
	if err := rows.Err(); err != nil {
		return nil, store.Translate(err)
	}
	var fields []string
	for _, f := range reportContext {
		fields = append(fields, s.bytewise("CASE WHEN "+f+" IS NULL THEN '' ELSE '=' || "+f+" END"))
	}
	where := append(seesReports(v), tables.If("job = ?", job), tables.Condition{SQL: "(" + some.SQL + ")", Args: some.Args})
	found, err := s.db.Read(ctx).Raw("SELECT "+strings.Join(fields, ", ")+", name, source, status, duration_us, report_id, tenant, seq, stored_at, COALESCE(git_branch, ''), kernel"+
		" FROM kernel_tests"+tables.Where(where)+" ORDER BY "+strings.Join(append(slices.Clone(fields), "name", "stored_at DESC", "seq DESC"), ", "), tables.Args(where)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("tests of job %.40q: %w", job, store.Translate(err))
	}
	return newJobRows(found, job), nil
}

// jobRows are reportRows with their origins.
type jobRows struct {
	*reportRows
	job            string
	at             int64
	branch, kernel string
}

func newJobRows(rows *sql.Rows, job string) *jobRows {
	r := &jobRows{reportRows: newReportRows(rows, len(reportContext)), job: job}
	r.dest = append(r.dest, &r.at, &r.branch, &r.kernel)
	return r
}

// Next returns the next test.
func (r *jobRows) Next() (*Row, error) {
	row, err := r.reportRows.Next()
	if row == nil || err != nil {
		return nil, err
	}
	row.From = &Origin{StoredAt: store.FromMicros(r.at), Kind: KernelSet, Parts: []string{r.job, r.branch, r.kernel}, Version: r.kernel, Job: &r.job}
	return row, nil
}
