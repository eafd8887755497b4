package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// beginBytes starts a result with one passed test, of bytes that have this name.
func beginBytes(t *testing.T, s *resultstore.Store, runID int64, sha string) *resultstore.Result {
	t.Helper()
	r := &resultstore.Result{RunID: runID, SHA256: sha, ContentSHA256: sha, Outcome: "pass", Tests: 1, Counts: resultstore.Counts{Success: 1}}
	if err := s.BeginResult(context.Background(), r); err != nil {
		t.Fatalf("BeginResult: %v", err)
	}
	if err := s.InsertTests(context.Background(), r.Key, []resultstore.Test{{Name: "a", Status: resultstore.TestSuccess, Records: 1}}); err != nil {
		t.Fatalf("InsertTests: %v", err)
	}
	return r
}

func publishNew(t *testing.T, s *refstackstore.Store, p refstackstore.Published, stream *resultstore.Result) *refstackstore.Published {
	t.Helper()
	got, err := s.Publish(context.Background(), &p, beginBytes(t, s.Store, 0, uuid.NewString()), stream)
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return got
}

func TestPublish(t *testing.T) {
	t.Parallel()
	EachOf(t, refstackstore.New, func(t *testing.T, s *refstackstore.Store) {
		ctx := context.Background()
		p := publishNew(t, s, refstackstore.Published{CPID: "c", DurationSeconds: -7, Owner: "me"}, beginBytes(t, s.Store, 0, "stream"))
		got, err := s.Published(ctx, store.Everything, p.ID)
		if err != nil || *got != *p || got.Public || got.RunID == 0 || got.CreatedAt.IsZero() {
			t.Errorf("Published: %+v, %v; want %+v", got, err, p)
		}
		streamID := uuid.MustParse(p.StreamID)
		if byStream, err := s.PublishedByStream(ctx, store.Everything, streamID); err != nil || byStream.ID != p.ID {
			t.Errorf("PublishedByStream: %+v, %v", byStream, err)
		}
		passes, err1 := s.Result(ctx, p.ID)
		stream, err2 := s.Result(ctx, streamID)
		if err1 != nil || err2 != nil || passes.RunID != p.RunID || stream.RunID != p.RunID || passes.Attempt != 1 || stream.Attempt != 2 {
			t.Errorf("passes %+v, %v, stream %+v, %v: want two attempts of one run", passes, err1, stream, err2)
		}

		checkPrivate(t, s.Store, p, "me")
		if p, err = s.UpdatePublished(ctx, p.ID, func(p *refstackstore.Published) error { p.Shared = new("yes"); return nil }); err != nil {
			t.Fatal(err)
		}
		checkPrivate(t, s.Store, p, "")
		if p, err = s.UpdatePublished(ctx, p.ID, func(p *refstackstore.Published) error { p.Shared = nil; return nil }); err != nil {
			t.Fatal(err)
		}
		checkPrivate(t, s.Store, p, "me")

		if _, err := s.LinkStream(ctx, p.ID, beginBytes(t, s.Store, p.RunID, "other")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("LinkStream of another one: %v, want ErrConflict", err)
		}
		if same, err := s.LinkStream(ctx, p.ID, beginBytes(t, s.Store, p.RunID, "stream")); err != nil || same.StreamID != p.StreamID {
			t.Errorf("LinkStream of the same bytes: %+v, %v", same, err)
		}
		again, err := s.Publish(ctx, &refstackstore.Published{}, beginBytes(t, s.Store, p.RunID, passes.SHA256), nil)
		if err != nil || again.ID != p.ID || again.Owner != "me" {
			t.Errorf("Publish of the same bytes: %+v, %v", again, err)
		}
		for name, err := range map[string]error{
			"Published":         second(s.Published(ctx, store.Everything, uuid.New())),
			"PublishedByStream": second(s.PublishedByStream(ctx, store.Everything, uuid.New())),
			"LinkStream":        second(s.LinkStream(ctx, uuid.New(), beginBytes(t, s.Store, 0, "x"))),
			"UpdatePublished":   second(s.UpdatePublished(ctx, uuid.New(), nil)),
			"DeletePublished":   s.DeletePublished(ctx, uuid.New(), nil),
			"DeleteStream":      s.DeleteStream(ctx, uuid.New(), nil),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of none: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestUpdatePublished(t *testing.T) {
	t.Parallel()
	EachOf(t, refstackstore.New, func(t *testing.T, s *refstackstore.Store) {
		ctx := context.Background()
		p := publishNew(t, s, refstackstore.Published{Owner: "me"}, nil)
		yes := "yes"
		changed, err := s.UpdatePublished(ctx, p.ID, func(p *refstackstore.Published) error {
			p.Shared, p.Verification, p.RunID, p.StreamID = &yes, 1, 4711, "x"
			return nil
		})
		got, err2 := s.Published(ctx, store.Everything, p.ID)
		if err != nil || err2 != nil || !got.Public || *got.Shared != yes || got.Verification != 1 || got.RunID != p.RunID || got.StreamID != "" || changed.RunID != p.RunID {
			t.Errorf("after UpdatePublished: %+v, %v, %v", got, err, err2)
		}
		if _, err := s.UpdatePublished(ctx, p.ID, func(*refstackstore.Published) error { return errRefused }); !errors.Is(err, errRefused) {
			t.Errorf("UpdatePublished: %v, want the error of change", err)
		}
	})
}

func TestPublished_IsShared(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, " ": false, "false": false, "No": false, "0": false, "off": false, "true": true, "1": true, "x": true} {
		if got := (&refstackstore.Published{Shared: &value}).IsShared(); got != want {
			t.Errorf("shared = %q: %v, want %v", value, got, want)
		}
	}
	if (&refstackstore.Published{}).IsShared() {
		t.Error("without a note it is shared")
	}
}

func TestListPublished(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		now := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
		cfg.Now = func() time.Time { return now }
		s := refstackstore.New(Open(t, cfg))
		shared := "true"
		names := map[uuid.UUID]int{}
		for i, p := range []refstackstore.Published{{CPID: "x"}, {Owner: "me"}, {Owner: "me", Shared: &shared}, {CPID: "x", Owner: "you"}, {CPID: "X", Verification: 1}} {
			now = now.Add(time.Hour)
			names[publishNew(t, s, p, nil).ID] = i
		}
		start, one := now.Add(-4*time.Hour), int64(1)
		for _, tt := range []struct {
			name   string
			filter refstackstore.PublishedFilter
			want   string
		}{
			{"everybody's, newest first", refstackstore.PublishedFilter{}, "[4 2 0]"},
			{"an owner's", refstackstore.PublishedFilter{Owner: "me"}, "[2 1]"},
			{"cpid, case matters", refstackstore.PublishedFilter{CPID: "x"}, "[0]"},
			{"from, inclusive", refstackstore.PublishedFilter{From: start.Add(2 * time.Hour)}, "[4 2]"},
			{"to, inclusive", refstackstore.PublishedFilter{To: start.Add(2 * time.Hour)}, "[2 0]"},
			{"verified", refstackstore.PublishedFilter{Verification: &one}, "[4]"},
			{"a page", refstackstore.PublishedFilter{Page: store.Page{Limit: 1, Offset: 1}}, "[2]"},
		} {
			tt.filter.Page.Total = true
			list, err := s.ListPublished(context.Background(), tt.filter)
			got := []int{}
			for _, p := range list.Items {
				got = append(got, names[p.ID])
			}
			if err != nil || fmt.Sprint(got) != tt.want {
				t.Errorf("%s: %v, %v, want %s", tt.name, got, err, tt.want)
			}
		}
	})
}

// TestDeletePublished deletes a stream, a result with its stream, and a run.
func TestDeletePublished(t *testing.T) {
	t.Parallel()
	EachOf(t, refstackstore.New, func(t *testing.T, s *refstackstore.Store) {
		ctx := context.Background()
		ok := func(*refstackstore.Published) error { return nil }
		p := publishNew(t, s, refstackstore.Published{}, beginBytes(t, s.Store, 0, "one"))
		if err := s.DeletePublished(ctx, p.ID, func(*refstackstore.Published) error { return errRefused }); !errors.Is(err, errRefused) {
			t.Errorf("DeletePublished: %v, want the error of check", err)
		}
		if err := s.DeleteStream(ctx, p.ID, ok); err != nil {
			t.Fatalf("DeleteStream: %v", err)
		}
		got, err := s.Published(ctx, store.Everything, p.ID)
		if err != nil || got.StreamKey != 0 || got.StreamID != "" {
			t.Errorf("after DeleteStream: %+v, %v", got, err)
		}
		passes, err := s.Result(ctx, p.ID)
		if err != nil {
			t.Fatalf("the result after DeleteStream: %v", err)
		}
		if tests, err := s.ListTests(ctx, resultstore.TestFilter{Result: passes}); err != nil || len(tests.Items) != 1 {
			t.Errorf("the tests of the result after DeleteStream: %v, %v", tests.Items, err)
		}
		if got, err = s.LinkStream(ctx, p.ID, beginBytes(t, s.Store, p.RunID, "two")); err != nil || got.StreamID == "" {
			t.Fatalf("LinkStream: %+v, %v", got, err)
		}
		if err := s.DeletePublished(ctx, p.ID, ok); err != nil {
			t.Fatalf("DeletePublished: %v", err)
		}
		if run, err := s.Run(ctx, store.Everything, p.RunID); err != nil || run.CurrentResult != uuid.Nil {
			t.Errorf("the run after DeletePublished: %+v, %v", run, err)
		}
		for _, p := range []*refstackstore.Published{p, publishNew(t, s, refstackstore.Published{}, beginBytes(t, s.Store, 0, "three"))} {
			if err := s.DeleteRun(ctx, store.Everything, p.RunID); err != nil {
				t.Fatalf("DeleteRun: %v", err)
			}
			if _, err := s.Published(ctx, store.Everything, p.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("after DeleteRun: %v, want ErrNotFound", err)
			}
		}
		if n, err := s.SweepIngests(ctx); err != nil || n != 0 {
			t.Errorf("SweepIngests found %d results, %v; nothing should be left", n, err)
		}
	})
}

// TestLinkStream_AtOnce links two streams at the same moment: one of them stays.
func TestLinkStream_AtOnce(t *testing.T) {
	t.Parallel()
	EachOf(t, refstackstore.New, func(t *testing.T, s *refstackstore.Store) {
		p := publishNew(t, s, refstackstore.Published{}, nil)
		streams := []*resultstore.Result{beginBytes(t, s.Store, p.RunID, "one"), beginBytes(t, s.Store, p.RunID, "two")}
		errs := make([]error, len(streams))
		var wg sync.WaitGroup
		for i, stream := range streams {
			wg.Go(func() { _, errs[i] = s.LinkStream(context.Background(), p.ID, stream) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), store.ErrConflict) {
			t.Errorf("%v, want one ErrConflict", errs)
		}
	})
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	EachOf(t, refstackstore.New, func(t *testing.T, s *refstackstore.Store) {
		ctx := context.Background()
		sum := func(b byte) []byte { return append(make([]byte, 31), b) }
		for i, owner := range []string{"me", "you", "me"} {
			k := &refstackstore.PublicKey{ID: fmt.Sprint("k", i), Owner: owner, Format: "ssh-rsa", Key: "AAAA", Fingerprint: sum(byte(i))}
			if err := s.CreatePublicKey(ctx, k); err != nil {
				t.Fatalf("CreatePublicKey: %v", err)
			}
		}
		if err := s.CreatePublicKey(ctx, &refstackstore.PublicKey{ID: "k9", Fingerprint: sum(1)}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("CreatePublicKey of a known key: %v, want ErrConflict", err)
		}
		elsewhere := &refstackstore.PublicKey{ID: "k3", Tenant: "t", Owner: "me", Format: "ssh-rsa", Key: "AAAA", Fingerprint: sum(1)}
		if err := s.CreatePublicKey(ctx, elsewhere); err != nil {
			t.Errorf("CreatePublicKey of a key that another tenant knows: %v", err)
		}
		if list, err := s.PublicKeysByFingerprint(ctx, sum(1)); err != nil || len(list) != 2 || list[0].ID != "k1" || list[0].Owner != "you" || list[1].ID != "k3" {
			t.Errorf("PublicKeysByFingerprint: %+v, %v", list, err)
		}
		if list, err := s.PublicKeys(ctx, "", "me", store.Page{}); err != nil || len(list.Items) != 2 || list.Items[0].ID != "k0" {
			t.Errorf("PublicKeys: %+v, %v", list, err)
		}
		first, err := s.PublicKeys(ctx, "", "me", store.Page{Limit: 1})
		if err != nil || len(first.Items) != 1 || first.Next == "" {
			t.Fatalf("the first of the keys: %+v, %v", first, err)
		}
		if rest, err := s.PublicKeys(ctx, "", "me", store.Page{Limit: 1, After: first.Next}); err != nil || len(rest.Items) != 1 || rest.Items[0].ID == "k0" || rest.Next != "" {
			t.Errorf("the rest of the keys: %+v, %v", rest, err)
		}
		if list, err := s.PublicKeys(ctx, "t", "me", store.Page{}); err != nil || len(list.Items) != 1 || list.Items[0].ID != "k3" {
			t.Errorf("PublicKeys of a tenant: %+v, %v", list, err)
		}
		if list, err := s.PublicKeysNamed(ctx, "me"); err != nil || len(list) != 3 || list[0].ID != "k0" || list[2].ID != "k3" {
			t.Errorf("PublicKeysNamed: %+v, %v", list, err)
		}
		for _, not := range [][3]string{{"", "me", "k1"}, {"t", "you", "k1"}, {"", "me", "k3"}, {"t", "me", "k0"}} {
			if err := s.DeletePublicKey(ctx, not[0], not[1], not[2]); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("DeletePublicKey of another owner %q: %v, want ErrNotFound", not, err)
			}
		}
		if err := s.DeletePublicKey(ctx, "", "you", "k1"); err != nil {
			t.Errorf("DeletePublicKey: %v", err)
		}
		if list, err := s.PublicKeysByFingerprint(ctx, sum(1)); err != nil || len(list) != 1 || list[0].ID != "k3" {
			t.Errorf("PublicKeysByFingerprint after delete: %+v, %v", list, err)
		}
	})
}

// checkPrivate looks at a published result and its stream: whose they are, and
// who finds them in lists.
func checkPrivate(t *testing.T, s *resultstore.Store, p *refstackstore.Published, owner string) {
	t.Helper()
	ctx := context.Background()
	for _, id := range []uuid.UUID{p.ID, uuid.MustParse(p.StreamID)} {
		if r, err := s.Result(ctx, id); err != nil || r.PrivateTo != owner {
			t.Errorf("Result: %+v, %v, want it private to %q", r, err, owner)
		}
	}
	for _, tt := range []struct {
		name string
		as   *store.Viewer
		want int
	}{
		{"everything", nil, 2}, {"the owner's", &store.Viewer{Owner: "me"}, 2}, {"a stranger's", &store.Viewer{}, 2}, {"somebody else's", &store.Viewer{Owner: "you"}, 2},
		{"a tenant's administrator's", &store.Viewer{Scope: store.Scope{Tenant: "t"}, Owner: "me", Admin: true}, 2},
		{"an administrator's", &store.Viewer{Scope: store.Everything, Admin: true}, 2},
	} {
		if owner != "" && tt.as != nil && !tt.as.SeesPrivate("", owner) {
			tt.want = 0
		}
		list, err := s.ListResults(ctx, resultstore.ResultFilter{RunID: p.RunID, SeenBy: tt.as, Page: store.Page{Total: true}})
		if err != nil || len(list.Items) != tt.want || list.Total != int64(tt.want) {
			t.Errorf("%s list: %d of %d, %v, want %d", tt.name, len(list.Items), list.Total, err, tt.want)
		}
	}
}

// Signing bytes that everybody sees already takes them from nobody.
func TestPublish_publicBytes(t *testing.T) {
	t.Parallel()
	EachOf(t, refstackstore.New, func(t *testing.T, s *refstackstore.Store) {
		ctx := context.Background()
		old, err := s.PublishResult(ctx, beginBytes(t, s.Store, 0, "stream"))
		if err != nil {
			t.Fatal(err)
		}
		passes, stream := beginBytes(t, s.Store, old.RunID, "passes"), beginBytes(t, s.Store, old.RunID, "stream")
		if _, err := s.Publish(ctx, &refstackstore.Published{Owner: "me"}, passes, stream); !errors.Is(err, refstackstore.ErrPublic) || !errors.Is(err, store.ErrConflict) {
			t.Errorf("Publish with the run's own stream: %v, want ErrPublic", err)
		}
		if _, err := s.Publish(ctx, &refstackstore.Published{Owner: "me"}, stream, nil); !errors.Is(err, refstackstore.ErrPublic) {
			t.Errorf("Publish of the run's own result: %v, want ErrPublic", err)
		}
		if r, err := s.Result(ctx, old.ID); err != nil || r.PrivateTo != "" {
			t.Errorf("afterwards: %+v, %v", r, err)
		}
		if p, err := s.Publish(ctx, &refstackstore.Published{}, passes, stream); err != nil || p.StreamID != old.ID.String() {
			t.Errorf("Publish without an owner: %+v, %v", p, err)
		}
	})
}
