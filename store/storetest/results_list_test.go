package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// listed publishes a result with tests, and with their list unless bare.
func listed(t *testing.T, s *results.Store, r *results.Result, tests []results.Test, bare bool) *results.Result {
	t.Helper()
	ctx := context.Background()
	list := results.NewNameList()
	defer list.Close()
	list.Add(tests)
	err := errors.Join(s.BeginResult(ctx, r), s.InsertTests(ctx, r.Key, tests))
	if err == nil && !bare {
		err = s.InsertNameList(ctx, r, list)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err = s.PublishResult(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readList(t *testing.T, s *results.Store, r *results.Result, from string) (names []string) {
	t.Helper()
	reader, err := s.ReadList(context.Background(), r, from)
	if err != nil {
		t.Fatalf("ReadList(%q): %v", from, err)
	}
	for reader.Next() {
		test := reader.Test()
		names = append(names, fmt.Sprintf("%s/%d/%s", test.Name, test.N, test.Status))
	}
	if err := reader.Err(); err != nil {
		t.Fatalf("list from %q: %v", from, err)
	}
	return names
}

func TestReadList(t *testing.T) {
	t.Parallel()
	storetest.EachOf(t, results.New, func(t *testing.T, s *results.Store) {
		const n = 5000 // more than two parts
		tests := make([]results.Test, n)
		for i := range tests {
			tests[i] = results.Test{N: int64(i), Name: fmt.Sprintf("suite.é.test_%05d%s", (i*7919)%n, strings.Repeat("x", i%40)), Records: 1, Status: results.TestStatus(i % 8)}
		}
		tests[17].Name = ""
		var want []string
		byName := slices.Clone(tests)
		slices.SortFunc(byName, func(a, b results.Test) int { return strings.Compare(a.Name, b.Name) })
		for _, test := range byName {
			want = append(want, fmt.Sprintf("%s/%d/%s", test.Name, test.N, test.Status))
		}
		first := listed(t, s, &results.Result{SHA256: "a"}, tests, false)
		again := listed(t, s, &results.Result{SHA256: "b"}, tests, false)
		if first.ListID == 0 || first.ListID != again.ListID {
			t.Errorf("the same names are lists %d and %d", first.ListID, again.ListID)
		}
		old := listed(t, s, &results.Result{SHA256: "c"}, tests, true)
		for _, r := range []*results.Result{first, again, old} {
			if got := readList(t, s, r, ""); !slices.Equal(got, want) {
				t.Errorf("list of result %d: %d tests, want %d in the order of names", r.Key, len(got), len(want))
			}
			for range 50 {
				i := rand.IntN(n)
				if got := readList(t, s, r, byName[i].Name); !slices.Equal(got, want[i:]) {
					t.Errorf("list of result %d from %q: %d tests, want %d", r.Key, byName[i].Name, len(got), n-i)
				}
			}
			if got := readList(t, s, r, "t"); len(got) != 0 {
				t.Errorf("behind the last name: %q", got)
			}
		}
		if unlisted, err := s.UnlistedResults(context.Background(), 10); err != nil || len(unlisted) != 0 {
			t.Errorf("results without a list: %+v, %v", unlisted, err)
		}
		empty := listed(t, s, &results.Result{SHA256: "d"}, nil, false)
		if got := readList(t, s, empty, ""); len(got) != 0 || empty.ListID == 0 {
			t.Errorf("list of a result without tests: %q, list %d", got, empty.ListID)
		}
	})
}

func TestSweepNameLists(t *testing.T) {
	t.Parallel()
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx, now := context.Background(), time.Now()
		cfg.Now = func() time.Time { return now }
		s := results.New(storetest.Open(t, cfg))
		kept := listed(t, s, &results.Result{SHA256: "a"}, []results.Test{{N: 1, Name: "a", Records: 1}}, false)
		gone := listed(t, s, &results.Result{SHA256: "b"}, []results.Test{{N: 1, Name: "b", Records: 1, Status: results.TestFail, Failure: "why"}}, false)
		if err := s.DeleteResult(ctx, gone.ID); err != nil {
			t.Fatal(err)
		}
		if n, err := s.SweepNameLists(ctx); n != 0 || err != nil {
			t.Errorf("sweep of a young list: %d, %v", n, err)
		}
		now = now.Add(25 * time.Hour)
		if n, err := s.SweepNameLists(ctx); n != 1 || err != nil {
			t.Errorf("sweep: %d, %v, want 1", n, err)
		}
		if got := readList(t, s, kept, ""); len(got) != 1 {
			t.Errorf("the list of a result that is there: %q", got)
		}
		if texts, err := s.Failures(ctx, gone.Key, []int64{1}); len(texts) != 0 || err != nil {
			t.Errorf("failures of a deleted result: %v, %v", texts, err)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	storetest.EachOf(t, results.New, func(t *testing.T, s *results.Store) {
		ctx := context.Background()
		content := "head\x00er: no route to host\n" + strings.Repeat("line\n", 2000)
		blob, err := s.Blobs.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := blob.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		sha, _, err := blob.Commit()
		if err != nil {
			t.Fatal(err)
		}
		attached := func(name string, offset, length int64) results.Attachment {
			return results.Attachment{Name: name, MIME: "text/plain", Size: length, Spans: []results.Span{{Offset: offset, Length: length}}}
		}
		tests := []results.Test{
			{N: 1, Name: "a", Records: 1, Status: results.TestFail, Attachments: []results.Attachment{
				attached("traceback", 0, int64(len(content))), {Name: "message", Inline: []byte("it failed")}, attached("stdout", 0, 4)}},
			{N: 2, Name: "b", Records: 1, Status: results.TestInProgress, Attachments: []results.Attachment{attached("reason-2", 0, 4)}},
			{N: 3, Name: "c", Records: 1, Status: results.TestSuccess, Attachments: []results.Attachment{attached("message", 0, 4)}},
			{N: 4, Name: "d", Records: 1, Status: results.TestFail},
		}
		want := map[int64]string{1: ("it failed\n" + strings.Replace(content, "\x00", "", 1))[:results.FailureBytes-1], 2: "head"}
		// One that was stored before texts were kept gets them with its list.
		old := listed(t, s, &results.Result{SHA256: sha, ContentSHA256: sha}, tests, true)
		if err := s.ListResult(ctx, old); err != nil {
			t.Fatalf("ListResult: %v", err)
		}
		for i := range tests {
			if tests[i].Status.MayFail() {
				tests[i].Failure = results.FailureText(bytes.NewReader([]byte(content)), tests[i].Attachments)
			}
		}
		fresh := listed(t, s, &results.Result{SHA256: "b"}, tests, false)
		for _, r := range []*results.Result{old, fresh} {
			got, err := s.Failures(ctx, r.Key, []int64{1, 2, 3, 4, 5})
			if err != nil || len(got) != len(want) || got[1] != want[1] || got[2] != want[2] {
				t.Errorf("failures of result %d: %.300v, %v, want %.300v", r.Key, got, err, want)
			}
		}
	})
}
