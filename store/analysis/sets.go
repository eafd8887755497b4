package analysis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// The kinds of sets, as references name them.
const (
	RunSet         = "run"
	PublishedSet   = "published"
	GroupSet       = "group"
	KernelSet      = "kernel"
	OpportunitySet = "opportunity"
	ImageSet       = "image"
)

// Set is a list of tests that can be compared. Fields that its kind does not have
// are empty.
type Set struct {
	Kind    string
	Parts   []string // of its reference
	Attempt int64    // of a run; always that of a result

	Tenant  string
	Private bool      // its owner alone sees it, so it is nobody's previous
	Time    time.Time // where it stands in its line

	// Complete is whether nothing is missing from a file; of other sets it is not
	// known before their tests are: see Counted.
	Complete bool
	Counted  bool // complete is what has a test that passed or failed

	// Expired: single tests of it have gone, all or some, so nothing can be said of what
	// became of them.
	Expired bool

	CloudID   *int64
	Cloud     string // its label
	RunName   string
	Job       *string
	Branch    *string
	Kernel    *string
	GroupName string
	ProductID *string
	Product   string // its name
	Release   string
	ImageID   string
	SpecName  string
	Platform  *string
	CPID      string

	uploads []*Upload
	viewer  store.Viewer // of reports
}

// Upload is one result of a set: a file, the status of an opportunity, or both.
type Upload struct {
	Result *results.Result // nil without a file

	Source      string // run, published or opportunity
	ID          string // of the result of the opportunity
	Opportunity string
	ProductID   string
	Status      string // what the agent of the opportunity reported
	Synthetic   bool
	Platform    *string
	PrimarySnap *string
	SpecName    *string

	origin *Origin // only of uploads of a line
	tenant string  // the same; empty is that of the set
}

// Upload returns the upload of a row's place, nil when the set has none.
func (s *Set) Upload(key int64, id string) *Upload {
	for _, u := range s.uploads {
		if u.Result != nil && u.Result.Key == key || key == 0 && u.ID == id {
			return u
		}
	}
	return nil
}

// Immutable reports whether the tests of the set can never change.
func (s *Set) Immutable() bool {
	return s.Kind == RunSet || s.Kind == PublishedSet || s.Kind == OpportunitySet
}

// ID tells the set from others, and its content from what it was before when it
// is immutable.
func (s *Set) ID() string {
	id := s.Kind
	for _, u := range s.uploads {
		if u.Result != nil {
			id += "/" + strconv.FormatInt(u.Result.Key, 10)
		}
		id += "/" + u.ID
	}
	return id
}

// Find returns the set that a reference names, as the viewer sees it. parts are
// those of the reference; the attempt is that of a run, 0 for its current result.
// ErrNotFound: there is none, or he may not see it.
func (s *Store) Find(ctx context.Context, v store.Viewer, kind string, parts []string, attempt int64) (set *Set, err error) {
	switch kind {
	case RunSet:
		set, err = s.findRun(ctx, v, parts, attempt)
	case PublishedSet:
		set, err = s.findPublished(ctx, v, parts)
	case GroupSet:
		set, err = s.findGroup(ctx, v, parts)
	case KernelSet:
		set, err = s.findKernel(ctx, v, parts)
	case OpportunitySet:
		set, err = s.findOpportunity(ctx, v, parts)
	case ImageSet:
		set, err = s.findImage(ctx, v, parts)
	default:
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", kind, parts, err)
	}
	set.Kind, set.Parts = kind, parts
	set.Expired = set.Expired || slices.ContainsFunc(set.uploads, func(u *Upload) bool { return u.Result != nil && u.Result.Expired.Has(results.TestsExpired) })
	return set, nil
}

// StillThere returns ErrExpired when single tests of sets have gone since they were
// found: what was read of them meanwhile is not all.
func (s *Store) StillThere(ctx context.Context, sets ...*Set) error {
	for _, set := range sets {
		if set == nil {
			continue
		}
		if set.Expired {
			return fmt.Errorf("%s %q: %w", set.Kind, set.Parts, store.ErrExpired)
		}
		var keys []int64
		for _, u := range set.uploads {
			if u.Result != nil {
				keys = append(keys, u.Result.Key)
			}
		}
		for some := range slices.Chunk(keys, placesAtOnce) {
			if err := s.Results.StillThere(ctx, some...); err != nil {
				return err
			}
		}
		gone, err := s.partsGone(ctx, set)
		if err != nil {
			return err
		}
		if gone {
			return fmt.Errorf("%s %q: %w", set.Kind, set.Parts, store.ErrExpired)
		}
	}
	return nil
}

// partsGone reports whether a set that has no file of its own has lost tests.
func (s *Store) partsGone(ctx context.Context, set *Set) (bool, error) {
	var query string
	args := make([]any, 0, len(set.Parts))
	for _, p := range set.Parts {
		args = append(args, p)
	}
	switch set.Kind {
	case KernelSet:
		query = "SELECT COUNT(*) FROM kernel_sets WHERE job = ? AND git_branch = ? AND kernel = ? AND expired = 1 AND tenant IN (?, '')"
		args = append(args, set.Tenant)
	case ImageSet:
		query = "SELECT COUNT(*) FROM images WHERE product_id = ? AND image_unique_id = ? AND expired = 1"
	case GroupSet:
		query = `SELECT 1 - COUNT(*) FROM test_groups WHERE "_id" = ?`
	default:
		return false, nil
	}
	var n int64
	if err := s.db.Read(ctx).Raw(query, args...).Row().Scan(&n); err != nil {
		return false, store.Translate(err)
	}
	return n > 0, nil
}

// found turns a query without a row into ErrNotFound.
func found(err error) error { return store.Translate(err) }

func (s *Store) findRun(ctx context.Context, v store.Viewer, parts []string, attempt int64) (*Set, error) {
	id, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return nil, store.ErrNotFound
	}
	where := append(v.Seen("runs.tenant"), v.Private("r.tenant", "r.private_to")...)
	where = append(where, tables.If("runs.id = ?", id), tables.If("r.state = 1"))
	if attempt > 0 {
		where = append(where, tables.If("r.run_id = runs.id AND r.attempt = ?", attempt))
	} else {
		where = append(where, tables.If("r.key = runs.result_key"))
	}
	set, key, err := scanRun(s.db.Read(ctx).Raw(runSets+tables.Where(where), tables.Args(where)...).Row())
	if err != nil {
		return nil, found(err)
	}
	r, err := s.resultByKey(ctx, key)
	if err != nil {
		return nil, err
	}
	set.Attempt = r.Attempt
	return set.ofFile(r, RunSet), nil
}

// runSets is what scanRun reads: runs and results, of which conditions say how they
// belong together.
const runSets = "SELECT r.key, runs.id, runs.tenant, runs.created_at, runs.cloud_id, runs.name, COALESCE(clouds.label, '')" +
	" FROM runs LEFT JOIN clouds ON clouds.id = runs.cloud_id, results r"

// scanRun reads a run as a set, and the key of its result.
func scanRun(row interface{ Scan(dest ...any) error }) (set *Set, key int64, err error) {
	set = &Set{Kind: RunSet}
	var id, at int64
	if err := row.Scan(&key, &id, &set.Tenant, &at, &set.CloudID, &set.RunName, &set.Cloud); err != nil {
		return nil, 0, err
	}
	set.Parts, set.Time = []string{strconv.FormatInt(id, 10)}, store.FromMicros(at)
	return set, key, nil
}

// ofFile makes a set of the tests of one file.
func (s *Set) ofFile(r *results.Result, source string) *Set {
	s.Expired = s.Expired || r.Expired.Has(results.TestsExpired)
	s.Complete = r.Whole()
	s.Private = r.PrivateTo != ""
	s.uploads = []*Upload{{Result: r, Source: source}}
	return s
}

func (s *Store) resultByKey(ctx context.Context, key int64) (*results.Result, error) {
	var r results.Result
	err := s.db.Read(ctx).Take(&r, "key = ? AND state = 1", key).Error
	return &r, found(err)
}

func (s *Store) findPublished(ctx context.Context, v store.Viewer, parts []string) (*Set, error) {
	where := append(v.Seen("r.tenant"), v.Private("r.tenant", "r.private_to")...)
	where = append(where, tables.If("p.id = ?", parts[0]), tables.If("r.state = 1"))
	query := "SELECT r.key, p.stream_key, p.cpid, p.created_at FROM published_results p JOIN results r ON r.key = p.result_key" + tables.Where(where)
	var set Set
	var key, at int64
	var stream *int64
	if err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Row().Scan(&key, &stream, &set.CPID, &at); err != nil {
		return nil, found(err)
	}
	r, err := s.resultByKey(ctx, key)
	if err != nil {
		return nil, err
	}
	private, tests := r.PrivateTo, r
	if stream != nil {
		if tests, err = s.resultByKey(ctx, *stream); err != nil {
			return nil, err
		}
	}
	set.Tenant, set.Time = r.Tenant, store.FromMicros(at)
	set.ofFile(tests, PublishedSet)
	set.Private = private != ""
	return &set, nil
}

// resultsOfOpportunities is what an upload of an opportunity is read from.
const resultsOfOpportunities = "SELECT o.id, o.opportunity_id, o.product_id, o.test_status, o.synthetic, v.platform, o.primary_snap_name," +
	" o.spec_name, o.file_id, o.created_at, opp.release, o.image_unique_id FROM opportunity_results o JOIN opportunities opp ON opp.id = o.opportunity_id" +
	" JOIN spec_versions v ON v.id = opp.version_id"

// opportunityRow is a row of resultsOfOpportunities.
type opportunityRow struct {
	Upload
	file    *string
	at      int64
	release string
	image   string
}

func (s *Store) opportunityRows(ctx context.Context, where []tables.Condition, order string) ([]opportunityRow, error) {
	rows, err := s.db.Read(ctx).Raw(resultsOfOpportunities+tables.Where(where)+order, tables.Args(where)...).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	var list []opportunityRow
	for rows.Next() {
		r := opportunityRow{Upload: Upload{Source: OpportunitySet}}
		var spec string
		err := rows.Scan(&r.ID, &r.Opportunity, &r.ProductID, &r.Status, &r.Synthetic, &r.Platform, &r.PrimarySnap, &spec, &r.file, &r.at, &r.release, &r.image)
		if err != nil {
			return nil, store.Translate(err)
		}
		r.SpecName = &spec
		list = append(list, r)
	}
	return list, store.Translate(rows.Err())
}

// withFiles adds the files of uploads.
func (s *Store) withFiles(ctx context.Context, list []opportunityRow) ([]*Upload, error) {
	var ids []uuid.UUID
	for i := range list {
		if list[i].file != nil {
			if id, err := uuid.Parse(*list[i].file); err == nil {
				ids = append(ids, id)
			}
		}
	}
	files, err := s.Results.ResultsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	uploads := make([]*Upload, 0, len(list))
	for i := range list {
		u := &list[i].Upload
		if list[i].file != nil {
			id, _ := uuid.Parse(*list[i].file)
			u.Result = files[id]
		}
		uploads = append(uploads, u)
	}
	return uploads, nil
}

func (s *Store) findOpportunity(ctx context.Context, v store.Viewer, parts []string) (*Set, error) {
	where := append(v.Seen("opp.tenant"), tables.If("o.opportunity_id = ?", parts[0]))
	list, err := s.opportunityRows(ctx, where, "")
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	row := &list[0]
	uploads, err := s.withFiles(ctx, list)
	if err != nil {
		return nil, err
	}
	set := &Set{Time: store.FromMicros(row.at), Release: row.release, ImageID: row.image, SpecName: *row.SpecName, Platform: row.Platform, uploads: uploads}
	set.Complete = !row.Synthetic && (row.Result == nil || row.Result.Whole())
	return set, s.product(ctx, v, set, row.ProductID)
}

// product fills in what the product of a set says of it. ErrNotFound: the viewer
// sees no such product.
func (s *Store) product(ctx context.Context, v store.Viewer, set *Set, id string) error {
	where := append(v.Seen("tenant"), tables.If("id = ?", id), tables.If("deleted_at IS NULL"))
	var release string
	query := "SELECT tenant, name, release FROM products" + tables.Where(where)
	if err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Row().Scan(&set.Tenant, &set.Product, &release); err != nil {
		return found(err)
	}
	set.ProductID = &id
	if set.Release == "" {
		set.Release = release
	}
	return nil
}

func (s *Store) findImage(ctx context.Context, v store.Viewer, parts []string) (*Set, error) {
	set := &Set{ImageID: parts[1], Counted: true}
	if err := s.product(ctx, v, set, parts[0]); err != nil {
		return nil, err
	}
	where := []tables.Condition{tables.If("o.product_id = ?", parts[0]), tables.If("o.image_unique_id = ?", parts[1])}
	list, err := s.opportunityRows(ctx, where, " ORDER BY o.created_at DESC, o.id DESC")
	if err != nil {
		return nil, err
	}
	var newest []opportunityRow
	seen := map[[3]string]bool{}
	for i := range list {
		of := [3]string{fieldValue(list[i].Platform), fieldValue(list[i].PrimarySnap), fieldValue(list[i].SpecName)}
		if !seen[of] {
			seen[of] = true
			newest = append(newest, list[i])
		}
	}
	if set.uploads, err = s.withFiles(ctx, newest); err != nil {
		return nil, err
	}
	at, err := s.advertised(ctx, parts[0], parts[1])
	if err == nil {
		set.Kind, set.Parts = ImageSet, parts
		set.Expired, err = s.partsGone(ctx, set)
	}
	switch {
	case err != nil:
		return nil, err
	case at != 0:
		set.Time = store.FromMicros(at)
	case len(list) == 0:
		return nil, store.ErrNotFound
	default:
		set.Time = store.FromMicros(list[len(list)-1].at)
	}
	return set, nil
}

// advertised is when an image was advertised first, 0 for never.
func (s *Store) advertised(ctx context.Context, product, image string) (int64, error) {
	var at int64
	err := s.db.Read(ctx).Raw("SELECT COALESCE(MIN(advertised_at), 0) FROM images WHERE product_id = ? AND image_unique_id = ?", product, image).Row().Scan(&at)
	return at, store.Translate(err)
}

func (s *Store) findGroup(ctx context.Context, v store.Viewer, parts []string) (*Set, error) {
	set := &Set{Counted: true, viewer: v}
	var at int64
	where := append(v.Seen("tenant"), tables.If(`"_id" = ?`, parts[0])) // nothing hides what is named
	query := `SELECT tenant, COALESCE("name", ''), "created_on", "job", "git_branch", "kernel" FROM test_groups` + tables.Where(where)
	err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Row().Scan(&set.Tenant, &set.GroupName, &at, &set.Job, &set.Branch, &set.Kernel)
	if err != nil {
		return nil, found(err)
	}
	set.Time = store.FromMicros(at)
	return set, nil
}

// maxGroupDepth is how many groups may stand above one another.
const maxGroupDepth = 64

func (s *Store) findKernel(ctx context.Context, v store.Viewer, parts []string) (*Set, error) {
	set := &Set{Job: &parts[0], Kernel: &parts[2], Counted: true, viewer: v}
	if parts[1] != "" {
		set.Branch = &parts[1]
	}
	where := append(v.Seen("tenant"), tables.If("job = ?", parts[0]), tables.If("git_branch = ?", parts[1]), tables.If("kernel = ?", parts[2]))
	var at *int64
	var own *string
	var expired *int64
	err := s.db.Read(ctx).Raw("SELECT MIN(first_at), MAX(tenant), MAX(expired) FROM kernel_sets"+tables.Where(where), tables.Args(where)...).Row().Scan(&at, &own, &expired)
	if err == nil && at == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, found(err)
	}
	set.Tenant, set.Expired = *own, *expired != 0
	set.Time = store.FromMicros(*at)
	return set, nil
}

// kernelWhere are the conditions of the tests of a kernel.
func (s *Set) kernelWhere() []tables.Condition {
	list := []tables.Condition{tables.If(`"job" = ?`, *s.Job), tables.If(`"kernel" = ?`, *s.Kernel)}
	if s.Branch == nil {
		return append(list, tables.If(`"git_branch" IS NULL`))
	}
	return append(list, tables.If(`"git_branch" = ?`, *s.Branch))
}
