package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

func TestLabDesigns(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		sealed := []byte{0, 1, 255, 'x'}
		for i, name := range []string{"cedar", "oak", "cedar"} {
			d := &labstore.Design{ID: fmt.Sprintf("01%d", i), Name: name, Digest: "d", Size: 4, Nodes: 2, Sealed: sealed, CreatedBy: "me"}
			if err := s.CreateDesign(ctx, d); err != nil || d.CreatedAt.IsZero() {
				t.Fatalf("CreateDesign: %v, at %v", err, d.CreatedAt)
			}
		}
		if err := s.CreateDesign(ctx, &labstore.Design{ID: "010", Name: "x", Sealed: sealed}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the same id again: %v, want ErrConflict", err)
		}
		for asked, want := range map[string]string{"cedar": "012", "oak": "011", "010": "010"} {
			d, err := s.Design(ctx, asked)
			if err != nil || d.ID != want || !bytes.Equal(d.Sealed, sealed) || d.Nodes != 2 {
				t.Errorf("Design(%s): %+v, %v, want %s", asked, d, err, want)
			}
		}
		first, err := s.ListDesigns(ctx, "", store.Page{Limit: 2})
		if err != nil || len(first.Items) != 2 || first.Items[0].ID != "012" || first.Next == "" || first.Items[0].Sealed != nil {
			t.Fatalf("first page: %+v, %v", first, err)
		}
		rest, err := s.ListDesigns(ctx, "", store.Page{Limit: 2, After: first.Next})
		if err != nil || len(rest.Items) != 1 || rest.Items[0].ID != "010" || rest.Next != "" {
			t.Errorf("second page: %+v, %v", rest, err)
		}
		if named, err := s.ListDesigns(ctx, "oak", store.Page{}); err != nil || len(named.Items) != 1 {
			t.Errorf("by name: %+v, %v", named, err)
		}
		if _, err := s.ListDesigns(ctx, "", store.Page{After: "nonsense"}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("a bad cursor: %v", err)
		}
		if err := s.DeleteDesign(ctx, "012"); err != nil {
			t.Fatal(err)
		}
		if d, err := s.Design(ctx, "cedar"); err != nil || d.ID != "010" {
			t.Errorf("after the delete: %+v, %v, want the older one", d, err)
		}
		for name, err := range map[string]error{
			"Design":       second(s.Design(ctx, "none")),
			"DeleteDesign": s.DeleteDesign(ctx, "012"),
			"SnapshotOf":   second(s.SnapshotOf(ctx, "none")),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
	})
}

// movedClock is a time that tests move.
type movedClock struct{ at atomic.Int64 }

func newMovedClock() *movedClock {
	c := new(movedClock)
	c.at.Store(time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *movedClock) now() time.Time { return time.UnixMicro(c.at.Load()).UTC() }

func (c *movedClock) advance(d time.Duration) time.Time {
	c.at.Add(d.Microseconds())
	return c.now()
}

// taskWithDesign adds a top task that was created with a design.
func taskWithDesign(t *testing.T, s *labstore.Store, id, status, digest string) {
	t.Helper()
	now := s.Now()
	row := &labstore.Task{
		ID: id, Root: id, Status: status, Action: "deploy_nodes", DesignRef: "slipway:/designs/x", Plan: store.JSON(`{}`),
		Request: store.JSON(fmt.Sprintf(`{"digest":%q,"base_url":"http://h","targets":[]}`, digest)), CreatedAt: now, UpdatedAt: now,
	}
	if err := s.CreateTask(context.Background(), row); err != nil {
		t.Fatalf("CreateTask: %v", err)
	}
}

func TestLabSnapshots(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		clock := newMovedClock()
		cfg.Now = clock.now
		s := labstore.New(Open(t, cfg))
		keep := func(digest string) {
			t.Helper()
			if err := s.KeepSnapshot(ctx, digest, []byte("sealed "+digest)); err != nil {
				t.Fatalf("KeepSnapshot: %v", err)
			}
		}
		for _, digest := range []string{"unused", "of a task", "of an old task", "of a deployment", "of an ended one", "renewed"} {
			keep(digest)
		}
		taskWithDesign(t, s, "t1", "queued", "of a task")
		taskWithDesign(t, s, "t2", "complete", "of an old task")
		for i, digest := range []string{"of a deployment", "of an ended one"} {
			d := &labstore.Deployment{Node: fmt.Sprintf("n%d", i), Task: "gone", Root: "gone", Digest: digest, Ended: i == 1}
			if err := s.BeginDeployment(ctx, d, nil); err != nil {
				t.Fatal(err)
			}
		}
		now := clock.advance(time.Hour)
		keep("renewed") // a task is about to be created with it
		if got, err := s.SnapshotOf(ctx, "renewed"); err != nil || string(got) != "sealed renewed" {
			t.Errorf("SnapshotOf: %q, %v", got, err)
		}
		if n, err := s.PurgeSnapshots(ctx, now.Add(-time.Hour)); err != nil || n != 0 {
			t.Errorf("purge of what is older than everything: %d, %v", n, err)
		}
		if n, err := s.PurgeSnapshots(ctx, now); err != nil || n != 2 {
			t.Errorf("purge: %d went, %v; want 2", n, err)
		}
		var left []string
		for _, digest := range []string{"unused", "of a task", "of an old task", "of a deployment", "of an ended one", "renewed"} {
			if _, err := s.SnapshotOf(ctx, digest); err == nil {
				left = append(left, digest)
			}
		}
		if want := []string{"of a task", "of an old task", "of a deployment", "renewed"}; !slices.Equal(left, want) {
			t.Errorf("left %q, want %q", left, want)
		}
		if _, err := s.PurgeTasks(ctx, now); err != nil {
			t.Fatal(err)
		}
		if n, err := s.PurgeSnapshots(ctx, now.Add(time.Minute)); err != nil || n != 2 {
			t.Errorf("purge without the old task: %d went, %v; want its design and the renewed one", n, err)
		}
	})
}
