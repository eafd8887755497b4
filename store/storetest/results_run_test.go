package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

func newCloud(t *testing.T, s *resultstore.Store, label string) *resultstore.Cloud {
	t.Helper()
	c := &resultstore.Cloud{Label: label, Endpoint: "http://198.51.100.7:5000/v2.0", AdminEndpoint: "http://198.51.100.7:35357",
		TestUser: "demo", AdminUser: "admin", AltUser: "alt", CPID: "cp-" + label}
	if err := s.CreateCloud(context.Background(), c); err != nil {
		t.Fatalf("CreateCloud: %v", err)
	}
	return c
}

func newRun(t *testing.T, s *resultstore.Store) *resultstore.Run {
	t.Helper()
	r := &resultstore.Run{}
	if err := s.CreateRun(context.Background(), r); err != nil {
		t.Fatalf("CreateRun: %v", err)
	}
	return r
}

func TestCloud(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		c := newCloud(t, s, "one")
		got, err := s.Cloud(ctx, c.ID)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("Cloud: %+v, %v\nwant %+v", got, err, c)
		}

		// Order, spaces, escapes and number formats must survive.
		config := store.JSON("{ \"b\":{\"k\":\"\\u0000 <é>\"},\n\"a\" : {\"n\":\"1.0\"} }")
		err = s.UpdateCloud(ctx, c.ID, func(c *resultstore.Cloud) error {
			c.ExtraConfig, c.Label, c.ID = config, "renamed", 4711
			return nil
		})
		if err != nil {
			t.Fatalf("UpdateCloud: %v", err)
		}
		got, err = s.Cloud(ctx, c.ID)
		if err != nil || string(got.ExtraConfig) != string(config) || got.Label != "renamed" || !got.CreatedAt.Equal(c.CreatedAt) {
			t.Errorf("after UpdateCloud: %+v, %v", got, err)
		}
		if err := s.UpdateCloud(ctx, c.ID, func(*resultstore.Cloud) error { return errRefused }); err != errRefused {
			t.Errorf("UpdateCloud: %v, want the error of change", err)
		}
		for name, err := range map[string]error{
			"Cloud":       second(s.Cloud(ctx, 99)),
			"UpdateCloud": s.UpdateCloud(ctx, 99, func(*resultstore.Cloud) error { return nil }),
			"DeleteCloud": s.DeleteCloud(ctx, 99, true),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of none: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestListClouds(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		for _, label := range []string{"a", "b", "a", "A"} {
			newCloud(t, s, label)
		}
		for _, tt := range []struct {
			name   string
			filter resultstore.CloudFilter
			want   string
		}{
			{"all, newest first", resultstore.CloudFilter{}, "[4 3 2 1]"},
			{"label, case matters", resultstore.CloudFilter{Label: "a"}, "[3 1]"},
			{"cpid", resultstore.CloudFilter{CPID: "cp-b"}, "[2]"},
			{"none", resultstore.CloudFilter{Label: "c"}, "[]"},
			{"a page", resultstore.CloudFilter{Page: store.Page{Limit: 2, Offset: 1}}, "[3 2]"},
			{"a page past the end", resultstore.CloudFilter{Page: store.Page{Offset: 9}}, "[]"},
		} {
			list, err := s.ListClouds(context.Background(), tt.filter)
			ids := []int64{}
			for _, c := range list.Items {
				ids = append(ids, c.ID)
			}
			if err != nil || fmt.Sprint(ids) != tt.want {
				t.Errorf("%s: %v, %v; want %s", tt.name, ids, err, tt.want)
			}
		}
	})
}

func TestDeleteCloud(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		empty, full := newCloud(t, s, "empty"), newCloud(t, s, "full")
		var runs []int64
		for range 120 { // more than one slice
			r := &resultstore.Run{CloudID: &full.ID}
			if err := s.CreateRun(ctx, r); err != nil {
				t.Fatal(err)
			}
			runs = append(runs, r.ID)
		}
		other := newRun(t, s)
		if err := s.DeleteCloud(ctx, empty.ID, false); err != nil {
			t.Errorf("DeleteCloud without runs: %v", err)
		}
		if err := s.DeleteCloud(ctx, full.ID, false); !errors.Is(err, store.ErrConflict) {
			t.Errorf("DeleteCloud with runs: %v, want ErrConflict", err)
		}
		if _, err := s.Run(ctx, runs[0]); err != nil {
			t.Errorf("a run after the refusal: %v", err)
		}
		if err := s.DeleteCloud(ctx, full.ID, true); err != nil {
			t.Errorf("DeleteCloud with cascade: %v", err)
		}
		if _, err := s.Run(ctx, runs[119]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a run after its cloud: %v, want ErrNotFound", err)
		}
		if _, err := s.Run(ctx, other.ID); err != nil {
			t.Errorf("the run of nobody: %v", err)
		}
		// The number of a deleted cloud must not lead to another one.
		if c := newCloud(t, s, "next"); c.ID <= full.ID {
			t.Errorf("the next cloud is %d, want a number above %d", c.ID, full.ID)
		}
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		c := newCloud(t, s, "c")
		r := &resultstore.Run{CloudID: &c.ID, Tenant: "t", TokenHash: []byte("hash")}
		if err := s.CreateRun(ctx, r); err != nil {
			t.Fatal(err)
		}
		got, err := s.Run(ctx, r.ID)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("Run: %+v, %v\nwant %+v", got, err, r)
		}
		none := int64(99)
		if err := s.CreateRun(ctx, &resultstore.Run{CloudID: &none}); !errors.Is(err, store.ErrReference) {
			t.Errorf("CreateRun for no cloud: %v, want ErrReference", err)
		}
		err = s.UpdateRun(ctx, r.ID, func(r *resultstore.Run) error {
			r.CloudID, r.Attempts, r.Outcome = nil, 7, "pass"
			return nil
		})
		got, _ = s.Run(ctx, r.ID)
		if err != nil || got.CloudID != nil || got.Attempts != 0 || got.Outcome != "" {
			t.Errorf("UpdateRun: %+v, %v; want no cloud and the store's own columns untouched", got, err)
		}
	})
}

func TestAddStatus(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		id := newRun(t, s).ID
		yes, no := true, false
		var finishedAt time.Time
		for i, step := range []struct {
			said         *bool
			wantFinished bool
		}{{nil, false}, {&no, false}, {&yes, true}, {&no, true}, {&yes, true}, {nil, true}} {
			text := fmt.Sprintf("step %d; 50%% 'done' \"é\"\n", i)
			m, r, err := s.AddStatus(ctx, id, text, step.said)
			if err != nil {
				t.Fatalf("AddStatus: %v", err)
			}
			if r.Finished != step.wantFinished || (r.FinishedAt != nil) != step.wantFinished {
				t.Errorf("after step %d: finished %v at %v, want %v", i, r.Finished, r.FinishedAt, step.wantFinished)
			}
			if r.Finished && finishedAt.IsZero() {
				finishedAt = *r.FinishedAt
			}
			stored, err := s.Run(ctx, id)
			if err != nil || !reflect.DeepEqual(stored, r) || !reflect.DeepEqual(stored.LastStatus, m) {
				t.Errorf("Run: %+v, %v\nwant %+v", stored, err, r)
			}
			if r.Finished && !r.FinishedAt.Equal(finishedAt) {
				t.Errorf("finished at %v, want the first time %v", r.FinishedAt, finishedAt)
			}
		}
		list, err := s.ListStatuses(ctx, id, store.Page{Limit: 4, Total: true})
		if err != nil || len(list.Items) != 4 || list.Total != 6 || list.Items[0].Finished != nil || *list.Items[1].Finished {
			t.Errorf("ListStatuses: %+v, %v", list, err)
		}
		list, err = s.ListStatuses(ctx, id, store.Page{Limit: 4, After: list.Next})
		if err != nil || len(list.Items) != 2 || list.Next != "" || list.Items[0].Text[:6] != "step 4" {
			t.Errorf("ListStatuses, second page: %+v, %v", list, err)
		}
		if _, _, err := s.AddStatus(ctx, 99, "x", nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("AddStatus to no run: %v, want ErrNotFound", err)
		}
	})
}

func TestAddStatus_AtOnce(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		id := newRun(t, s).ID
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				if _, _, err := s.AddStatus(ctx, id, fmt.Sprint(i), nil); err != nil {
					t.Errorf("AddStatus: %v", err)
				}
			})
		}
		wg.Wait()
		list, err := s.ListStatuses(ctx, id, store.Page{})
		r, _ := s.Run(ctx, id)
		if err != nil || len(list.Items) != 64 || r.LastStatus.ID != list.Items[63].ID {
			t.Errorf("%d messages, %v, last %+v; want 64 and the newest", len(list.Items), err, r.LastStatus)
		}
	})
}

func TestListRuns(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		c := newCloud(t, s, "c")
		yes, no := true, false
		for i := range 6 {
			r := &resultstore.Run{Tenant: "t"}
			if i%2 == 0 {
				r.CloudID, r.Tenant = &c.ID, ""
			}
			if err := s.CreateRun(ctx, r); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				_, _, _ = s.AddStatus(ctx, r.ID, fmt.Sprint("status of ", r.ID), &yes)
			}
		}
		publish(t, s, upload{run: 2, sha: "x", outcome: "fail"})
		for _, tt := range []struct {
			name   string
			filter resultstore.RunFilter
			want   []int64
		}{
			{"all", resultstore.RunFilter{}, []int64{6, 5, 4, 3, 2, 1}},
			{"cloud", resultstore.RunFilter{CloudID: c.ID}, []int64{5, 3, 1}},
			{"finished", resultstore.RunFilter{Finished: &yes}, []int64{4, 2, 1}},
			{"unfinished of a tenant", resultstore.RunFilter{Finished: &no, Tenant: "t"}, []int64{6}},
			{"outcome", resultstore.RunFilter{Outcome: "fail"}, []int64{2}},
		} {
			list, err := s.ListRuns(ctx, tt.filter)
			var ids []int64
			for _, r := range list.Items {
				ids = append(ids, r.ID)
			}
			if err != nil || !slices.Equal(ids, tt.want) {
				t.Errorf("%s: %v, %v; want %v", tt.name, ids, err, tt.want)
			}
		}
		list, _ := s.ListRuns(ctx, resultstore.RunFilter{Finished: &yes})
		if got := list.Items[0].LastStatus; got == nil || got.Text != "status of 4" {
			t.Errorf("last status of run 4: %+v", got)
		}
		if list.Items[1].LastStatus != nil || list.Items[1].CurrentResult.Version() != 7 {
			t.Errorf("run 2: %+v, want a result and no status", list.Items[1])
		}
	})
}

func TestDeleteRun(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		id := newRun(t, s).ID
		_, _, _ = s.AddStatus(ctx, id, "x", nil)
		r := publish(t, s, upload{run: id, sha: "x", tests: 3000})
		half := begin(t, s, upload{run: id, sha: "y", tests: 10})
		if err := s.DeleteRun(ctx, id); err != nil {
			t.Fatalf("DeleteRun: %v", err)
		}
		if err := s.DeleteRun(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("DeleteRun again: %v, want ErrNotFound", err)
		}
		if _, err := s.Result(ctx, r.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("its result: %v, want ErrNotFound", err)
		}
		if list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r}); err != nil || len(list.Items) != 0 {
			t.Errorf("its tests: %d, %v; want none", len(list.Items), err)
		}
		if _, err := s.PublishResult(ctx, half); !errors.Is(err, store.ErrConflict) {
			t.Errorf("an upload that was under way: %v, want ErrConflict", err)
		}
		if next := newRun(t, s); next.ID <= id {
			t.Errorf("the next run is %d, want a number above %d", next.ID, id)
		}
	})
}
