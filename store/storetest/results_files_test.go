package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

func someFiles(n int) []resultstore.ResultFile {
	list := make([]resultstore.ResultFile, n)
	for i := range list {
		list[i] = resultstore.ResultFile{
			N: int64(i), Name: fmt.Sprint("f", i), Part: int64(i / 2), PartName: fmt.Sprint("p", i/2), SHA256: fmt.Sprint("sha", i/2), PartBytes: 9, Packing: "zip",
			ContentSHA256: "content", ContentOffset: int64(10 * i), Bytes: 10, DerivedSHA256: "", Format: "tap", Writer: "w", Outcome: "pass",
			Tests: 1, Counts: store.JSON("{}"), Damage: store.JSON("[]"), DamageCount: 0, Warnings: store.JSON("[]"),
		}
	}
	return list
}

func TestResultFiles(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		r := begin(t, s, upload{sha: "a", tests: 3})
		want := someFiles(301)
		if err := s.InsertFiles(ctx, r.Key, want); err != nil {
			t.Fatal(err)
		}
		r, err := s.PublishResult(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].ResultKey = r.Key
		}
		if got, err := s.ResultFiles(ctx, r); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ResultFiles: %d, %v; want %d like the first, %+v", len(got), err, len(want), want[0])
		}
		if got, err := s.ResultFile(ctx, r, 300); err != nil || !reflect.DeepEqual(*got, want[300]) {
			t.Errorf("ResultFile(300): %+v, %v", got, err)
		}
		if _, err := s.ResultFile(ctx, r, 301); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ResultFile(301): %v, want ErrNotFound", err)
		}
		if parts, err := s.ResultParts(ctx, r); err != nil || len(parts) != 151 || parts[150].PartName != "p150" || parts[1].SHA256 != "sha1" {
			t.Errorf("ResultParts: %d, %v", len(parts), err)
		}
		names, err := s.FileNames(ctx, r, []resultstore.Test{{Origin: resultstore.Origin{File: 3}}, {Origin: resultstore.Origin{File: 3}}, {Origin: resultstore.Origin{File: 999}}})
		if err != nil || !reflect.DeepEqual(names, map[int64]string{3: "f3", 999: ""}) {
			t.Errorf("FileNames: %v, %v", names, err)
		}
		if err := s.InsertFiles(ctx, r.Key, want[:1]); !errors.Is(err, store.ErrConflict) {
			t.Errorf("InsertFiles of a published result: %v, want ErrConflict", err)
		}
		if err := s.DeleteResult(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ResultFiles(ctx, r); err != nil || len(got) != 0 {
			t.Errorf("files of a deleted result: %d, %v", len(got), err)
		}
	})
}

// A copy with more tests takes the place of a result, or nothing happens.
func TestExtendResult(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		run := newRun(t, s)
		first := begin(t, s, upload{run: run.ID, sha: "a"})
		first, err := s.ExtendResult(ctx, first, nil)
		if err != nil || first.Attempt != 1 {
			t.Fatalf("of a run without a result: %+v, %v", first, err)
		}
		base := begin(t, s, upload{run: run.ID, sha: "b"})
		if err := s.InsertTests(ctx, base.Key, oddTests()); err != nil {
			t.Fatal(err)
		}
		further := []resultstore.TestRecord{{N: 3, Record: 1, Status: resultstore.TestSuccess}, {N: 3, Record: 2, Status: resultstore.TestSkip}}
		if err := s.AddTestRecords(ctx, base.Key, further); err != nil {
			t.Fatal(err)
		}
		if base, err = s.PublishResult(ctx, base); err != nil {
			t.Fatal(err)
		}
		extend := func(sha string, base *resultstore.Result) (*resultstore.Result, error) {
			r := begin(t, s, upload{run: run.ID, sha: sha})
			if base != nil {
				if err := s.CopyTests(ctx, r.Key, base); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.InsertTests(ctx, r.Key, []resultstore.Test{{N: 2000, Name: "more " + sha, Records: 1}}); err != nil {
				t.Fatal(err)
			}
			extended, err := s.ExtendResult(ctx, r, base)
			if err != nil {
				_ = s.DiscardResult(ctx, r.Key)
			}
			return extended, err
		}
		if _, err := extend("c", first); !errors.Is(err, store.ErrConflict) {
			t.Errorf("of a result that is not current: %v, want ErrConflict", err)
		}
		if _, err := extend("d", nil); !errors.Is(err, store.ErrConflict) {
			t.Errorf("of none, where there is one: %v, want ErrConflict", err)
		}
		got, err := extend("b", base)
		if err != nil || got.ID != base.ID || got.Attempt != 2 || !got.CreatedAt.Equal(base.CreatedAt) || got.Key == base.Key {
			t.Fatalf("extended: %+v, %v; base %+v", got, err, base)
		}
		current, err := s.CurrentResult(ctx, run.ID)
		if err != nil || current.Key != got.Key || current.ID != base.ID {
			t.Errorf("current: %+v, %v", current, err)
		}
		want := oddTests()
		want[2].Others = further
		want = append(want, resultstore.Test{N: 2000, Name: "more b", Records: 1})
		list, err := s.ListTests(ctx, resultstore.TestFilter{Result: got})
		if err != nil || !reflect.DeepEqual(list.Items, want) {
			t.Errorf("tests: %+v, %v\nwant %+v", list.Items, err, want)
		}
		if _, err := extend("e", base); !errors.Is(err, store.ErrConflict) {
			t.Errorf("of a result that was extended: %v, want ErrConflict", err)
		}
		list, err = s.ListTests(ctx, resultstore.TestFilter{Result: base})
		if err != nil || len(list.Items) != 0 {
			t.Errorf("tests of what was extended: %d, %v; want none left", len(list.Items), err)
		}
		if all, err := s.ListResults(ctx, resultstore.ResultFilter{RunID: run.ID}); err != nil || len(all.Items) != 2 {
			t.Errorf("results of the run: %d, %v; want 2", len(all.Items), err)
		}
		if _, err := s.Result(ctx, uuid.New()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another result: %v", err)
		}
	})
}

// What a backup copies are files: the name of a list of files is none, neither once its
// result is there nor before and after the rows of its files. One file needs no row.
func TestNamedBlobs(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		expect := func(when string, want ...string) {
			t.Helper()
			var got []string
			err := s.NamedBlobs(ctx, func(sha string) error { got = append(got, sha); return nil })
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %q, %v; want %q", when, got, err, want)
			}
		}
		one := begin(t, s, upload{sha: "alone", tests: 1})
		if _, err := s.PublishResult(ctx, one); err != nil {
			t.Fatal(err)
		}
		several := begin(t, s, upload{sha: "list", tests: 1})
		expect("before the rows of the files", "alone")
		if err := s.InsertFiles(ctx, several.Key, someFiles(4)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PublishResult(ctx, several); err != nil {
			t.Fatal(err)
		}
		expect("published", "alone", "content", "sha0", "sha1")
		packed := begin(t, s, upload{sha: "sha1", tests: 1})
		if err := s.InsertFiles(ctx, packed.Key, someFiles(4)[2:]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PublishResult(ctx, packed); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteResult(ctx, several.ID); err != nil {
			t.Fatal(err)
		}
		expect("several are deleted", "alone", "content", "sha1")
	})
}
