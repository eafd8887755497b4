package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// beginDeployment starts a deployment of a node with boot actions of these ids.
// Those that begin with u report nothing.
func beginDeployment(t *testing.T, s *labstore.Store, node, task, root string, ids ...string) {
	t.Helper()
	d := &labstore.Deployment{Node: node, Task: task, Root: root, Digest: "d", DesignRef: "r", BaseURL: "http://h", Keyed: len(ids) > 0}
	actions := make([]labstore.BootAction, len(ids))
	for i, id := range ids {
		actions[i] = labstore.BootAction{ID: id, Node: node, Name: "name of " + id, Task: task, Root: root, Status: "incomplete"}
		if id[0] == 'u' {
			actions[i].Status = "unreported"
		}
	}
	if err := s.BeginDeployment(context.Background(), d, actions); err != nil {
		t.Fatalf("BeginDeployment: %v", err)
	}
}

func actionIDs(rows []labstore.BootAction) []string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestLabDeployment(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		beginDeployment(t, s, "n1", "t1", "root", "a1", "a2", "u3")
		beginDeployment(t, s, "n1", "t1", "root", "b1") // a server that takes the task over does so again
		beginDeployment(t, s, "n2", "t2", "root")
		d, err := s.Deployment(ctx, "n1")
		if err != nil || d.Task != "t1" || !d.Keyed || d.Ended || d.BaseURL != "http://h" || d.CreatedAt.IsZero() {
			t.Errorf("Deployment: %+v, %v", d, err)
		}
		rows, err := s.BootActions(ctx, "t1")
		if ids := actionIDs(rows); err != nil || !slices.Equal(ids, []string{"a1", "a2", "u3"}) {
			t.Errorf("BootActions: %v, %v", ids, err)
		}
		beginDeployment(t, s, "n1", "t9", "root", "c1", "c2") // a retry under the same top task
		rows, err = s.BootActionsOfNodes(ctx, "root")
		if ids := actionIDs(rows); err != nil || !slices.Equal(ids, []string{"c1", "c2"}) {
			t.Errorf("BootActionsOfNodes: %v, %v, want those of the newest deployment", ids, err)
		}
		if a, err := s.BootAction(ctx, "a1"); err != nil || a.Task != "t1" {
			t.Errorf("an action of an older deployment: %+v, %v", a, err)
		}
		many := make([]string, 450)
		for i := range many {
			many[i] = fmt.Sprintf("m%04d", i)
		}
		beginDeployment(t, s, "n3", "t3", "other", many...)
		if rows, err := s.BootActions(ctx, "t3"); err != nil || len(rows) != len(many) {
			t.Errorf("many boot actions: %d, %v", len(rows), err)
		}
		for name, err := range map[string]error{
			"Deployment":       second(s.Deployment(ctx, "none")),
			"BootAction":       second(s.BootAction(ctx, "none")),
			"SignalBootAction": second(s.SignalBootAction(ctx, "none", "success", nil)),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestSignalBootAction(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		taskWithDesign(t, s, "t1", "running", "d")
		beginDeployment(t, s, "n1", "t1", "t1", "a1", "u2")
		say := func(text string) []labstore.Message {
			return []labstore.Message{{Task: "t1", Text: text, ContextType: "bootaction", Context: "a1", Extra: store.JSON(`{"disk":"sda"}`), CreatedAt: s.Now()}}
		}
		steps := []struct {
			id, status, text string
			conflict         bool
			want             string
		}{
			{"a1", "", "starting", false, "incomplete"},
			{"a1", "", "half way", false, "incomplete"},
			{"u2", "", "nobody asked", true, "unreported"},
			{"u2", "success", "nobody asked", true, "unreported"},
			{"a1", "success", "done", false, "success"},
			{"a1", "failure", "too late", true, "success"},
			{"a1", "", "too late", true, "success"},
		}
		for _, step := range steps {
			got, err := s.SignalBootAction(ctx, step.id, step.status, say(step.text))
			if errors.Is(err, store.ErrConflict) != step.conflict || err == nil && got.Status != step.want {
				t.Errorf("%+v: %+v, %v", step, got, err)
			}
			if now, err := s.BootAction(ctx, step.id); err != nil || now.Status != step.want {
				t.Errorf("%+v: stored %+v, %v", step, now, err)
			}
		}
		said, err := s.Messages(ctx, []string{"t1"})
		var texts []string
		for _, m := range said["t1"] {
			texts = append(texts, m.Text)
			if string(m.Extra) != `{"disk":"sda"}` {
				t.Errorf("extra %s", m.Extra)
			}
		}
		if want := []string{"starting", "half way", "done"}; err != nil || !slices.Equal(texts, want) {
			t.Errorf("messages %q, %v; want %q: those of a refused signal are not kept", texts, err, want)
		}
	})
}

// TestSignalBootAction_purged signals when the task was purged already.
func TestSignalBootAction_purged(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		beginDeployment(t, s, "n1", "gone", "gone", "a1")
		messages := []labstore.Message{{Task: "gone", Text: "late", CreatedAt: s.Now()}}
		if a, err := s.SignalBootAction(ctx, "a1", "success", messages); err != nil || a.Status != "success" {
			t.Errorf("signal: %+v, %v", a, err)
		}
		if said, err := s.Messages(ctx, []string{"gone"}); err != nil || len(said) != 0 {
			t.Errorf("messages of a task that is gone: %v, %v", said, err)
		}
	})
}

// TestSignalBootAction_at_once lets many end one action. One of them does.
func TestSignalBootAction_at_once(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		beginDeployment(t, s, "n1", "t1", "t1", "a1")
		var wg sync.WaitGroup
		errs := make(chan error, 16)
		for range cap(errs) {
			wg.Go(func() {
				_, err := s.SignalBootAction(context.Background(), "a1", "success", nil)
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		ended := 0
		for err := range errs {
			switch {
			case err == nil:
				ended++
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("signal: %v", err)
			}
		}
		if ended != 1 {
			t.Errorf("%d signals ended the action, want 1", ended)
		}
	})
}
