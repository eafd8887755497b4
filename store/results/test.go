package results

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// TestStatus is what became of a test. The numbers are subunit's.
type TestStatus uint8

// A test that never said anything final is inprogress, or unknown when it said
// nothing at all; exists was listed and not run.
const (
	TestUnknown TestStatus = iota
	TestExists
	TestInProgress
	TestSuccess
	TestUXSuccess
	TestSkip
	TestFail
	TestXFail
)

var testStatusNames = [...]string{"unknown", "exists", "inprogress", "success", "uxsuccess", "skip", "fail", "xfail"}

// String returns subunit's word for the status.
func (s TestStatus) String() string {
	if int(s) < len(testStatusNames) {
		return testStatusNames[s]
	}
	return testStatusNames[TestUnknown]
}

// ParseTestStatus is the inverse of String; ok is false for other words.
func ParseTestStatus(word string) (status TestStatus, ok bool) {
	for i, name := range testStatusNames {
		if name == word {
			return TestStatus(i), true
		}
	}
	return TestUnknown, false
}

// Test is one test of a result.
type Test struct {
	N           int64  // its place in the result, given by the caller, unique there
	Name        string // the test id of the stream; may be empty
	Status      TestStatus
	Start, Stop time.Time // zero when the stream did not say
	Length
	Origin
	Flaky       bool  // an attempt before the one that counts failed
	Records     int64 // lives of this test id; more than one is a retry
	Record      int64 // the number of the one that decided the status, and that the other fields show; the first is 0
	Tags        []string
	Attachments []Attachment

	// Others are the records that did not decide the status, in any order. Only
	// ListTests and Test read them, the first 100 and the first 10 000. InsertTests writes those it is
	// given; further ones come with AddTestRecords.
	Others []TestRecord

	// Failure is what the deciding record says of its failure: see FailureText.
	// InsertTests and UpdateTests keep it; only Failures reads it.
	Failure string
}

// TestRecord is one life of a test, from its first event to its first final
// status.
type TestRecord struct {
	N           int64 // of the test
	Record      int64 // its number within the test
	Status      TestStatus
	Start, Stop time.Time // zero when the stream did not say
	Length
	Origin
	Tags        []string
	Attachments []Attachment
}

// Length is how long a test took by the words of its file, which is no more than
// that when it has no start or stop.
type Length struct {
	Duration    time.Duration
	HasDuration bool // false when the file does not say it
}

// Took returns how long a test took: what the file says, else what lies between its
// times. ok is false when neither is known.
func Took(l Length, start, stop time.Time) (took time.Duration, ok bool) {
	switch {
	case l.HasDuration:
		return l.Duration, true
	case start.IsZero(), stop.Before(start):
		return 0, false
	}
	return stop.Sub(start), true
}

// Origin is where in the upload a record stands, and what its file says beside
// the outcome.
type Origin struct {
	File       int64  // which of the result's files; see ResultFile
	Suite      string // empty when the file names none
	Host       string // likewise
	Prefix     int64  // bytes of the name that were put in front of it, because another suite or host has a test of the same name
	Properties []Property
}

// Property is a value that a file gives a test.
type Property struct{ Name, Value string }

// Deciding returns the record that the test shows.
func (t *Test) Deciding() TestRecord {
	return TestRecord{
		N: t.N, Record: t.Record, Status: t.Status, Start: t.Start, Stop: t.Stop,
		Length: t.Length, Origin: t.Origin, Tags: t.Tags, Attachments: t.Attachments,
	}
}

// flakyTag is the tag of tests that are flaky.
const flakyTag = "flaky"

// AllTags returns the tags of a test, and "flaky" when it is.
func (t *Test) AllTags() []string {
	if !t.Flaky || slices.Contains(t.Tags, flakyTag) {
		return t.Tags
	}
	return append(slices.Clone(t.Tags), flakyTag)
}

// AllRecords returns the records of a test in the order of their numbers.
func (t *Test) AllRecords() []TestRecord {
	list := append([]TestRecord{t.Deciding()}, t.Others...)
	slices.SortFunc(list, func(a, b TestRecord) int { return cmp.Compare(a.Record, b.Record) })
	return list
}

// ByAttachment returns the records of a test in the order in which their attachments
// are numbered: that of AllRecords, but where lists leave records out, the one that
// decided comes first, so that its attachments have the same numbers everywhere.
func (t *Test) ByAttachment() []TestRecord {
	list := t.AllRecords()
	if t.Records <= listedRecords {
		return list
	}
	list = slices.DeleteFunc(list, func(r TestRecord) bool { return r.Record == t.Record })
	return slices.Insert(list, 0, t.Deciding())
}

// AllAttachments returns the attachments of all records of a test in the order of
// ByAttachment. Places in this list are the numbers under which callers know them.
func (t *Test) AllAttachments() []Attachment {
	var list []Attachment
	for _, r := range t.ByAttachment() {
		list = append(list, r.Attachments...)
	}
	return list
}

// TestFilter chooses tests of one result.
type TestFilter struct {
	Result   *Result      // required
	Status   *TestStatus  // nil for all
	Statuses []TestStatus // any of these; empty for all
	Q        string       // part of the name, case matters; empty for all
	Longest  bool         // the longest first, those of unknown length last; else in the order of N
	Worst    bool         // failures first, then errors; not with Longest
	Page     store.Page
}

func (f *TestFilter) order() store.Order[Test] {
	if f.Worst {
		return outcomeOrder
	}
	if f.Longest {
		return durationOrder
	}
	return testOrder
}

// sorted reports whether the order is another than that of N.
func (f *TestFilter) sorted() bool { return f.Longest || f.Worst }

// ListTests returns tests of a result in the order of the filter. ErrExpired: they have gone.
// Asking for the total costs nothing unless Q is set, and is then counted as far as store.CountLimit.
func (s *Store) ListTests(ctx context.Context, f TestFilter) (store.List[Test], error) {
	var list store.List[Test]
	if err := f.Result.Need(TestsExpired); err != nil {
		return list, err
	}
	if f.Page.Total {
		var err error
		if list.Total, list.More, err = s.countTests(ctx, f); err != nil {
			return list, fmt.Errorf("tests of result %s: %w", f.Result.ID, err)
		}
	}
	limit := f.Page.Size()
	err := s.selectTests(ctx, f, limit+1, func(t *Test) error {
		list.Items = append(list.Items, *t)
		return nil
	})
	if err != nil {
		return list, fmt.Errorf("tests of result %s: %w", f.Result.ID, err)
	}
	f.order().Cut(&list, limit)
	if err := s.readRecords(ctx, f.Result, list.Items, listedRecords); err != nil {
		return list, fmt.Errorf("tests of result %s: %w", f.Result.ID, err)
	}
	return list, s.StillThere(ctx, f.Result.Key)
}

// EachTest calls f with every test that the filter chooses, in the order of N,
// and holds only one of them at a time. Page is ignored. It ends with the first
// error of f, which it returns.
func (s *Store) EachTest(ctx context.Context, filter TestFilter, f func(*Test) error) error {
	filter.Page, filter.Longest, filter.Worst = store.Page{}, false, false
	if err := filter.Result.Need(TestsExpired); err != nil {
		return err
	}
	if err := s.selectTests(ctx, filter, -1, f); err != nil {
		return err
	}
	return s.StillThere(ctx, filter.Result.Key)
}

// Test returns one test of a result, or ErrNotFound. ErrExpired: all of them have gone.
func (s *Store) Test(ctx context.Context, r *Result, n int64) (*Test, error) {
	if err := r.Need(TestsExpired); err != nil {
		return nil, err
	}
	var found []Test
	where := []tables.Condition{tables.If("t.result_key = ?", r.Key), tables.If("t.n = ?", n)}
	err := s.scanTests(ctx, testSelect+tables.Where(where), tables.Args(where), func(t *Test) error {
		found = append(found, *t)
		return nil
	})
	if err == nil && len(found) == 0 {
		if err = s.StillThere(ctx, r.Key); err == nil {
			err = store.ErrNotFound
		}
	}
	if err == nil {
		err = s.readRecords(ctx, r, found, shownRecords)
	}
	if err != nil {
		return nil, fmt.Errorf("test %d of result %s: %w", n, r.ID, err)
	}
	return &found[0], nil
}
