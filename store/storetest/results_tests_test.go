package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// oddTests are tests with everything that strangers may put into a stream.
func oddTests() []resultstore.Test {
	at := time.Date(2014, 8, 15, 10, 34, 49, 10_492_000, time.UTC)
	return []resultstore.Test{
		{N: 1, Name: "", Status: resultstore.TestSkip, Records: 1},
		{N: 2, Name: "plain", Status: resultstore.TestSuccess, Start: at, Stop: at.Add(time.Microsecond), Records: 1, Tags: []string{"worker-0"}},
		{N: 3, Name: "Robert'); DROP TABLE tests;--", Status: resultstore.TestFail, Start: at, Records: 3, Tags: []string{"", "é", "\xff\x00"}},
		{N: 4, Name: strings.Repeat("ä\"<\n../%_", 8000), Status: resultstore.TestXFail, Stop: at, Records: 1},
		{N: 5, Name: "Plain", Status: resultstore.TestUXSuccess, Records: 1,
			Attachments: []resultstore.Attachment{
				{Name: "traceback", MIME: "text/x-traceback;charset=utf8", Size: 12, Spans: []resultstore.Span{{Offset: 3, Length: 4}, {Offset: 10, Length: 8}}},
				{Name: "\x00\xff", MIME: "", Size: 0},
				{Name: "inline", MIME: "text/plain", Size: 100, Inline: []byte("cut here")},
				{Name: "back", Size: 2, Spans: []resultstore.Span{{Offset: 1 << 40, Length: 1}, {Offset: 0, Length: 1}}},
			}},
		{N: 6, Name: "inprogress", Status: resultstore.TestInProgress, Records: 1},
		{N: 7, Name: "unknown", Status: resultstore.TestUnknown, Records: 1},
		{N: 8, Name: "told by its file", Status: resultstore.TestSuccess, Records: 4, Record: 3, Flaky: true,
			Length:      resultstore.Length{Duration: 1500 * time.Microsecond, HasDuration: true},
			Origin:      resultstore.Origin{File: 7, Suite: "été", Host: "arm-1", Prefix: 4, Properties: []resultstore.Property{{Name: "board", Value: "a\x00b"}, {}}},
			Attachments: []resultstore.Attachment{{Name: "shot", Size: 9, File: 3, Derived: true, Spans: []resultstore.Span{{Offset: 5, Length: 9}}}},
			Others:      []resultstore.TestRecord{{N: 8, Record: 0, Status: resultstore.TestFail, Length: resultstore.Length{HasDuration: true}, Origin: resultstore.Origin{File: 2, Suite: "s"}}}},
		{N: 1000, Name: "exists", Status: resultstore.TestExists, Records: 1},
	}
}

func TestTests_RoundTrip(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		want := oddTests()
		r := begin(t, s, upload{sha: "a"})
		if err := s.InsertTests(ctx, r.Key, want); err != nil {
			t.Fatalf("InsertTests: %v", err)
		}
		r, err := s.PublishResult(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r})
		if err != nil || !reflect.DeepEqual(list.Items, want) {
			t.Errorf("ListTests: %+v, %v\nwant %+v", list.Items, err, want)
		}
		for _, test := range want {
			got, err := s.Test(ctx, r, test.N)
			if err != nil || !reflect.DeepEqual(*got, test) {
				t.Errorf("Test(%d): %+v, %v\nwant %+v", test.N, got, err, test)
			}
		}
		if _, err := s.Test(ctx, r, 9); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Test(9): %v, want ErrNotFound", err)
		}
	})
}

func TestInsertTests_Refused(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		r := begin(t, s, upload{sha: "a", tests: 10})
		for _, tt := range []struct {
			name string
			test resultstore.Test
			want error
		}{
			{"the same n", resultstore.Test{N: 10, Name: "other"}, store.ErrConflict},
			{"U+0000", resultstore.Test{N: 11, Name: "a\x00b"}, store.ErrInvalid},
			{"no UTF-8", resultstore.Test{N: 11, Name: "caf\xe9"}, store.ErrInvalid},
		} {
			if err := s.InsertTests(ctx, r.Key, []resultstore.Test{tt.test}); !errors.Is(err, tt.want) {
				t.Errorf("InsertTests with %s: %v, want %v", tt.name, err, tt.want)
			}
		}
		if err := s.InsertTests(ctx, 4711, someTests(1)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("InsertTests to no result: %v, want ErrConflict", err)
		}
		if err := s.InsertTests(ctx, r.Key, nil); err != nil {
			t.Errorf("InsertTests of none: %v", err)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.InsertTests(cancelled, r.Key, someTests(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("InsertTests for a caller that is gone: %v, want context.Canceled", err)
		}
	})
}

func TestUpdateTests(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		const n = 3000
		r := begin(t, s, upload{sha: "a", tests: n})
		before, _ := s.ListTests(ctx, resultstore.TestFilter{Result: r, Page: store.Page{Limit: n}})
		want := before.Items
		var changes []resultstore.Test
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range want {
			if i%3 == 0 {
				continue
			}
			w := &want[i]
			w.Others, w.Record = []resultstore.TestRecord{w.Deciding()}, 1 // what it has shown so far stays
			w.Status, w.Records, w.Start, w.Tags = resultstore.TestFail, 2, at.Add(time.Duration(i)*time.Second), []string{"retry"}
			w.Attachments = []resultstore.Attachment{{Name: "log", Size: 1, Spans: []resultstore.Span{{Offset: int64(i), Length: 1}}}}
			change := *w
			change.Name, change.Others = "", nil // not looked at
			changes = append(changes, change)
		}
		if err := s.UpdateTests(ctx, r.Key, changes); err != nil {
			t.Fatalf("UpdateTests: %v", err)
		}
		after, err := s.ListTests(ctx, resultstore.TestFilter{Result: r, Page: store.Page{Limit: n}})
		if err != nil || !reflect.DeepEqual(after.Items, want) {
			t.Errorf("after UpdateTests, %v: the tests are not those that were written", err)
		}
		err = s.UpdateTests(ctx, r.Key, []resultstore.Test{{N: 1, Status: resultstore.TestSkip}, {N: n + 1}})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("UpdateTests of a missing one: %v, want ErrNotFound", err)
		}
		if got, _ := s.Test(ctx, r, 1); got.Status != resultstore.TestSuccess {
			t.Errorf("test 1 is %s, want the slice with the missing one undone", got.Status)
		}
	})
}

// TestTestRecords reads every record of a test, however it came to the store,
// and finds none left of a result that was discarded.
func TestTestRecords(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		at := time.Date(2026, 1, 1, 0, 0, 0, 123_000, time.UTC)
		record := func(n, k int64, status resultstore.TestStatus) resultstore.TestRecord {
			return resultstore.TestRecord{
				N: n, Record: k, Status: status, Start: at.Add(time.Duration(k) * time.Second), Tags: []string{"try", strconv.FormatInt(k, 10)},
				Attachments: []resultstore.Attachment{{Name: "log", MIME: "text/plain", Size: 3, Spans: []resultstore.Span{{Offset: 10 * k, Length: 3}}}},
			}
		}
		r := begin(t, s, upload{sha: "a"})
		first := record(1, 1, resultstore.TestSuccess)
		inserted := resultstore.Test{
			N: 1, Name: "a", Status: first.Status, Records: 2, Record: 1, Start: first.Start, Tags: first.Tags, Attachments: first.Attachments,
			Others: []resultstore.TestRecord{record(1, 0, resultstore.TestExists)},
		}
		if err := s.InsertTests(ctx, r.Key, []resultstore.Test{inserted, {N: 2, Name: "b", Records: 1}}); err != nil {
			t.Fatal(err)
		}
		worse := record(1, 2, resultstore.TestFail)
		update := resultstore.Test{N: 1, Status: worse.Status, Records: 3, Record: 2, Start: worse.Start, Tags: worse.Tags, Attachments: worse.Attachments}
		if err := s.UpdateTests(ctx, r.Key, []resultstore.Test{update}); err != nil {
			t.Fatal(err)
		}
		if err := s.AddTestRecords(ctx, r.Key, []resultstore.TestRecord{record(1, 3, resultstore.TestSkip)}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetTestRecords(ctx, r.Key, []resultstore.TestRecords{{N: 1, Records: 4}}); err != nil {
			t.Fatal(err)
		}
		if err := s.AddTestRecords(ctx, r.Key, []resultstore.TestRecord{record(1, 3, resultstore.TestSkip)}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("AddTestRecords of a number that is there: %v, want ErrConflict", err)
		}
		want := []resultstore.TestRecord{record(1, 0, resultstore.TestExists), first, worse, record(1, 3, resultstore.TestSkip)}
		list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r})
		if err != nil || len(list.Items) != 2 || !reflect.DeepEqual(list.Items[0].AllRecords(), want) || len(list.Items[1].AllRecords()) != 1 {
			t.Errorf("ListTests: %+v, %v, want the records %+v", list.Items, err, want)
		}
		one, err := s.Test(ctx, r, 1)
		if err != nil || !reflect.DeepEqual(one.AllRecords(), want) || len(one.AllAttachments()) != 4 || one.Status != resultstore.TestFail {
			t.Errorf("Test: %+v, %v, want the records %+v", one, err, want)
		}
		if err := s.DiscardResult(ctx, r.Key); err != nil {
			t.Fatal(err)
		}
		if err := s.AddTestRecords(ctx, r.Key, want); !errors.Is(err, store.ErrConflict) {
			t.Errorf("AddTestRecords to a discarded result: %v, want ErrConflict", err)
		}
	})
}

func TestListTests(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		list := someTests(100)
		fail := resultstore.TestFail
		skip := resultstore.TestSkip
		final := &resultstore.Result{SHA256: "a", Tests: 100, Counts: resultstore.Counts{Success: 80, Fail: 20}}
		for i := range list {
			if i%5 == 0 {
				list[i].Status = fail
			}
		}
		list[50].Name = "pkg.Class.test_100%_ODD"
		if err := s.BeginResult(ctx, final); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertTests(ctx, final.Key, list); err != nil {
			t.Fatal(err)
		}
		r, err := s.PublishResult(ctx, final)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, upload{sha: "other", tests: 100}) // must not show
		for _, tt := range []struct {
			name      string
			filter    resultstore.TestFilter
			wantTotal int64
			want      string
		}{
			{"first page", resultstore.TestFilter{Page: store.Page{Limit: 3}}, 100, "[1 2 3]"},
			{"page by number", resultstore.TestFilter{Page: store.Page{Limit: 3, Offset: 96}}, 100, "[97 98 99]"},
			{"past the end", resultstore.TestFilter{Page: store.Page{Offset: 100}}, 100, "[]"},
			{"status", resultstore.TestFilter{Status: &fail, Page: store.Page{Limit: 3}}, 20, "[1 6 11]"},
			{"status, page by number", resultstore.TestFilter{Status: &fail, Page: store.Page{Limit: 3, Offset: 18}}, 20, "[91 96]"},
			{"status that nobody has", resultstore.TestFilter{Status: &skip}, 0, "[]"},
			{"part of the name", resultstore.TestFilter{Q: "test_00001"}, 10, "[11 12 13 14 15 16 17 18 19 20]"},
			{"part of the name, page by number", resultstore.TestFilter{Q: "test_00001", Page: store.Page{Limit: 2, Offset: 9}}, 10, "[20]"},
			{"case matters", resultstore.TestFilter{Q: "odd"}, 0, "[]"},
			{"no wildcards", resultstore.TestFilter{Q: "0%_O"}, 1, "[51]"},
			{"a wildcard matches only itself", resultstore.TestFilter{Q: "%"}, 1, "[51]"},
			{"status and part", resultstore.TestFilter{Status: &fail, Q: "test_00001"}, 2, "[11 16]"},
		} {
			tt.filter.Result, tt.filter.Page.Total = r, true
			list, err := s.ListTests(ctx, tt.filter)
			got := []int64{}
			for _, test := range list.Items {
				got = append(got, test.N)
			}
			if err != nil || fmt.Sprint(got) != tt.want || list.Total != tt.wantTotal {
				t.Errorf("%s: %v of %d, %v; want %s of %d", tt.name, got, list.Total, err, tt.want, tt.wantTotal)
			}
		}
		var all []int64
		page := store.Page{Limit: 7}
		for {
			list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r, Status: &fail, Page: page})
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range list.Items {
				all = append(all, test.N)
			}
			if page.After = list.Next; page.After == "" {
				break
			}
		}
		if len(all) != 20 || all[19] != 96 {
			t.Errorf("all pages: %v, want 20 tests up to 96", all)
		}
		for _, cursor := range []string{"x", "AQ", strings.Repeat("A", 5000)} {
			_, err := s.ListTests(ctx, resultstore.TestFilter{Result: r, Page: store.Page{After: cursor}})
			if !errors.Is(err, store.ErrBadCursor) {
				t.Errorf("cursor %.10q: %v, want ErrBadCursor", cursor, err)
			}
		}
	})
}

func TestEachTest(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		r := publish(t, s, upload{sha: "a", tests: 300})
		n := 0
		err := s.EachTest(ctx, resultstore.TestFilter{Result: r}, func(test *resultstore.Test) error {
			if n++; test.N != int64(n) {
				t.Errorf("test %d comes as number %d", test.N, n)
			}
			return nil
		})
		if err != nil || n != 300 {
			t.Errorf("EachTest: %d, %v; want 300", n, err)
		}
		err = s.EachTest(ctx, resultstore.TestFilter{Result: r}, func(*resultstore.Test) error { return errRefused })
		if err != errRefused {
			t.Errorf("EachTest: %v, want the error of f", err)
		}
	})
}

// Two uploads of the same suite, in opposite order: PostgreSQL must not end in
// deadlocks, and each name must get one number.
func TestInsertTests_AtOnce(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		const n = 4000
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				list := someTests(n)
				for j := range list {
					if i%2 == 1 {
						list[j].Name = fmt.Sprintf("pkg.Class.test_%06d", n-1-j)
					}
				}
				r := &resultstore.Result{SHA256: fmt.Sprint(i)}
				if err := s.BeginResult(ctx, r); err != nil {
					t.Error(err)
					return
				}
				if err := s.InsertTests(ctx, r.Key, list); err != nil {
					t.Errorf("InsertTests: %v", err)
				}
				got, err := s.ListTests(ctx, resultstore.TestFilter{Result: r, Page: store.Page{Limit: n}})
				if err != nil || len(got.Items) != n || got.Items[7].Name != list[7].Name {
					t.Errorf("upload %d: %d tests, %v; want %d", i, len(got.Items), err, n)
				}
			})
		}
		wg.Wait()
	})
}

func TestOpenAttachment(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := resultstore.New(New(t))
	w, err := s.Blobs.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "0123456789abcdef")
	sha, size, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	r := &resultstore.Result{}
	if err := s.BeginResult(ctx, r); err != nil {
		t.Fatal(err)
	}
	files := []resultstore.ResultFile{
		{N: 0, ContentSHA256: sha, Bytes: size}, {N: 1, ContentSHA256: strings.Repeat("0", 64)}, {N: 2, ContentSHA256: strings.Repeat("0", 64), DerivedSHA256: sha},
	}
	if err := s.InsertFiles(ctx, r.Key, files); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		a    resultstore.Attachment
		want string
	}{
		{"spans", resultstore.Attachment{Spans: []resultstore.Span{{Offset: 1, Length: 3}, {Offset: 10, Length: 0}, {Offset: 8, Length: 4}, {Offset: 0, Length: 1}}}, "12389ab0"},
		{"inline", resultstore.Attachment{Inline: []byte("here")}, "here"},
		{"nothing kept", resultstore.Attachment{Size: 5}, ""},
		{"derived", resultstore.Attachment{File: 2, Derived: true, Spans: []resultstore.Span{{Offset: 2, Length: 2}}}, "23"},
	} {
		got, err := s.OpenAttachment(ctx, r, &tt.a)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got.Size() != int64(len(tt.want)) || got.Size() != tt.a.Kept() {
			t.Errorf("%s: %d bytes, want %d", tt.name, got.Size(), len(tt.want))
		}
		if err := iotest.TestReader(got, []byte(tt.want)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := got.Close(); err != nil {
			t.Errorf("%s: close: %v", tt.name, err)
		}
	}
	beyond, err := s.OpenAttachment(ctx, r, &resultstore.Attachment{Spans: []resultstore.Span{{Offset: 10, Length: 100}}})
	if err != nil {
		t.Fatal(err)
	}
	defer beyond.Close()
	if b, err := io.ReadAll(beyond); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a span past the end: %q, %v; want io.ErrUnexpectedEOF", b, err)
	}
	for _, file := range []int64{1, 3} {
		if _, err := s.OpenAttachment(ctx, r, &resultstore.Attachment{File: file, Spans: []resultstore.Span{{Length: 1}}}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("file %d, without the blob: %v, want ErrNotFound", file, err)
		}
	}
}
