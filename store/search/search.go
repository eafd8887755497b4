// Package search finds single tests, whoever reported them: in results of runs, in
// test groups, among boots, and in the files that came with results of opportunities.
package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/results"
)

// Store is the store with what reads across areas. It writes nothing.
type Store struct{ db *tables.DB }

// New returns a Store that reads what s does.
func New(s *store.Store) *Store { return &Store{s.DB(tables.Key{})} }

// Source says who reported a test. At the same time runs come first.
type Source int

// The sources.
const (
	RunSource         Source = iota // a test of a result of a run
	CaseSource                      // a test case of a test group
	OpportunitySource               // a test of the file that came with an opportunity's result
	BootSource                      // a boot
)

// BootName is the name that every boot has as a test.
const BootName = "boot"

// TestResult is a single test, whoever reported it. What its source does not
// know is empty.
type TestResult struct {
	Source    Source
	Name      string
	Status    string // in the words of the source
	CreatedAt time.Time
	Duration  *time.Duration
	Run       string    // the id of the run, the test group, the boot or the opportunity
	ResultID  uuid.UUID // of a run or an opportunity: which result
	N         int64     // the test's place in the result
	CaseID    string
	CloudID   *int64
	ProductID *string
	Product   *string // its name
	Job       *string
	Kernel    *string
	LabName   *string

	Flaky      bool
	Suite      string
	File       string // its name
	Properties []results.Property

	key int64 // inside its source, after the time
}

// Query asks for single tests. Conditions name the fields name, status,
// outcome, created_on, job, kernel, lab_name, cloud_id, product, product_id and
// run; a source that does not have a field has no value there.
type Query struct {
	Sources []Source // none: all
	Where   []reports.Condition
	// Viewer is who asks. He sees tests of his tenant and of none, and not what is
	// private to others; of opportunities those of his own tenant, since products
	// are seen by nobody else.
	Viewer store.Viewer
	Page   store.Page // no offset, no total
	// NameGlobs are patterns that a name must fit, all of them: * is any text and ?
	// one character. With HasTook a test must have taken Took at least.
	NameGlobs []string
	Took      time.Duration
	HasTook   bool
	// Scan is how many uploads of each source are looked at for one page; 0 is
	// DefaultScan.
	Scan int
}

// DefaultScan bounds what a search for something rare costs: so many results,
// or ten times as many test cases, are looked at before the page ends as it is.
const DefaultScan = 20_000

// testCursor is the last test of the page before.
type testCursor struct {
	at     int64
	source Source
	key, n int64
}

const testResultsCursor = "test-results"

func parseTestCursor(after string) (*testCursor, error) {
	if after == "" {
		return nil, nil
	}
	values, err := store.DecodeCursor(testResultsCursor, after)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, v := range values {
		if n, ok := v.(int64); ok {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) != 4 || len(values) != 4 {
		return nil, store.ErrBadCursor
	}
	return &testCursor{numbers[0], Source(numbers[1]), numbers[2], numbers[3]}, nil
}

func (c *testCursor) String() string {
	return store.EncodeCursor(testResultsCursor, []any{c.at, int64(c.source), c.key, c.n})
}

func (f *TestResult) cursor() *testCursor {
	return &testCursor{store.Micros(f.CreatedAt), f.Source, f.key, f.N}
}

// compare orders places in the list: the newest first.
func (c *testCursor) compare(o *testCursor) int {
	return cmp.Or(cmp.Compare(o.at, c.at), cmp.Compare(c.source, o.source), cmp.Compare(o.key, c.key), cmp.Compare(o.n, c.n))
}

// SearchTestResults returns single tests of all sources, the newest upload first
// and in an upload the last test first. It pages by cursor only, and returns
// ErrBadCursor for the cursor of another list. Because one call looks at a limited
// number of uploads, a page may hold fewer tests than asked for, or none, and
// still have a next page.
func (s *Store) SearchTestResults(ctx context.Context, q Query) (store.List[TestResult], error) {
	var list store.List[TestResult]
	cursor, err := parseTestCursor(q.Page.After)
	if err != nil {
		return list, err
	}
	limit := q.Page.Size()
	var end *testCursor // as far as every source has looked
	for _, source := range testSources(q) {
		if len(q.Sources) > 0 && !slices.Contains(q.Sources, source.source) {
			continue
		}
		found, reached, err := s.searchSource(ctx, source, q, cursor, limit+1)
		if err != nil {
			return list, fmt.Errorf("search tests: %w", err)
		}
		if reached != nil && (end == nil || reached.compare(end) < 0) {
			end = reached
		}
		list.Items = append(list.Items, found...)
	}
	slices.SortFunc(list.Items, func(a, b TestResult) int { return a.cursor().compare(b.cursor()) })
	if end != nil { // beyond it another source may have tests that come first
		n := slices.IndexFunc(list.Items, func(f TestResult) bool { return f.cursor().compare(end) > 0 })
		if n >= 0 {
			list.Items = list.Items[:n]
		}
		list.Next = end.String()
	}
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.Next = list.Items[limit-1].cursor().String()
	}
	return list, nil
}
