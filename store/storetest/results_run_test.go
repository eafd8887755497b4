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
		got, err := s.Cloud(ctx, store.Everything, c.ID)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("Cloud: %+v, %v\nwant %+v", got, err, c)
		}

		// Order, spaces, escapes and number formats must survive.
		config := store.JSON("{ \"b\":{\"k\":\"\\u0000 <é>\"},\n\"a\" : {\"n\":\"1.0\"} }")
		err = s.UpdateCloud(ctx, store.Everything, c.ID, func(c *resultstore.Cloud) error {
			c.ExtraConfig, c.Label, c.ID = config, "renamed", 4711
			return nil
		})
		if err != nil {
			t.Fatalf("UpdateCloud: %v", err)
		}
		got, err = s.Cloud(ctx, store.Everything, c.ID)
		if err != nil || string(got.ExtraConfig) != string(config) || got.Label != "renamed" || !got.CreatedAt.Equal(c.CreatedAt) {
			t.Errorf("after UpdateCloud: %+v, %v", got, err)
		}
		if err := s.UpdateCloud(ctx, store.Everything, c.ID, func(*resultstore.Cloud) error { return errRefused }); err != errRefused {
			t.Errorf("UpdateCloud: %v, want the error of change", err)
		}
		for name, err := range map[string]error{
			"Cloud":       second(s.Cloud(ctx, store.Everything, 99)),
			"UpdateCloud": s.UpdateCloud(ctx, store.Everything, 99, func(*resultstore.Cloud) error { return nil }),
			"DeleteCloud": s.DeleteCloud(ctx, store.Everything, 99, true),
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
			{"all, newest first", resultstore.CloudFilter{Scope: store.Everything}, "[4 3 2 1]"},
			{"label, case matters", resultstore.CloudFilter{Scope: store.Everything, Label: "a"}, "[3 1]"},
			{"cpid", resultstore.CloudFilter{Scope: store.Everything, CPID: "cp-b"}, "[2]"},
			{"none", resultstore.CloudFilter{Scope: store.Everything, Label: "c"}, "[]"},
			{"a page", resultstore.CloudFilter{Scope: store.Everything, Page: store.Page{Limit: 2, Offset: 1}}, "[3 2]"},
			{"a page past the end", resultstore.CloudFilter{Scope: store.Everything, Page: store.Page{Offset: 9}}, "[]"},
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
		if err := s.DeleteCloud(ctx, store.Everything, empty.ID, false); err != nil {
			t.Errorf("DeleteCloud without runs: %v", err)
		}
		if err := s.DeleteCloud(ctx, store.Everything, full.ID, false); !errors.Is(err, store.ErrConflict) {
			t.Errorf("DeleteCloud with runs: %v, want ErrConflict", err)
		}
		if _, err := s.Run(ctx, store.Everything, runs[0]); err != nil {
			t.Errorf("a run after the refusal: %v", err)
		}
		if err := s.DeleteCloud(ctx, store.Everything, full.ID, true); err != nil {
			t.Errorf("DeleteCloud with cascade: %v", err)
		}
		if _, err := s.Run(ctx, store.Everything, runs[119]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a run after its cloud: %v, want ErrNotFound", err)
		}
		if _, err := s.Run(ctx, store.Everything, other.ID); err != nil {
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
		got, err := s.Run(ctx, store.Everything, r.ID)
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
		got, _ = s.Run(ctx, store.Everything, r.ID)
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
			stored, err := s.Run(ctx, store.Everything, id)
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
		r, _ := s.Run(ctx, store.Everything, id)
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
			{"all", resultstore.RunFilter{Scope: store.Everything}, []int64{6, 5, 4, 3, 2, 1}},
			{"cloud", resultstore.RunFilter{Scope: store.Everything, CloudID: c.ID}, []int64{5, 3, 1}},
			{"finished", resultstore.RunFilter{Scope: store.Everything, Finished: &yes}, []int64{4, 2, 1}},
			{"unfinished of a tenant", resultstore.RunFilter{Scope: store.Everything, Finished: &no, Tenant: "t"}, []int64{6}},
			{"outcome", resultstore.RunFilter{Scope: store.Everything, Outcome: "fail"}, []int64{2}},
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
		list, _ := s.ListRuns(ctx, resultstore.RunFilter{Scope: store.Everything, Finished: &yes})
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
		if err := s.DeleteRun(ctx, store.Everything, id); err != nil {
			t.Fatalf("DeleteRun: %v", err)
		}
		if err := s.DeleteRun(ctx, store.Everything, id); !errors.Is(err, store.ErrNotFound) {
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

// What a tenant sees and changes of clouds and runs: its own; what belongs to nobody
// it reads, and a label of its own hides the same label of nobody.
func TestClouds_Tenants(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		var clouds []*resultstore.Cloud // 1 to 5
		for _, c := range []resultstore.Cloud{{Label: "x"}, {Label: "y"}, {Label: "x", Tenant: "a"}, {Label: "x", Tenant: "b"}, {Label: "z", Tenant: "b"}} {
			if err := s.CreateCloud(ctx, &c); err != nil {
				t.Fatal(err)
			}
			run := &resultstore.Run{Tenant: c.Tenant, CloudID: &c.ID}
			if err := s.CreateRun(ctx, run); err != nil {
				t.Fatal(err)
			}
			clouds = append(clouds, &c)
		}
		for _, tt := range []struct {
			name         string
			scope        store.Scope
			clouds, runs string
		}{
			{"no tenant", store.Scope{}, "[2 1]", "[2 1]"},
			{"a", store.Scope{Tenant: "a"}, "[3 2]", "[3 2 1]"},
			{"b", store.Scope{Tenant: "b"}, "[5 4 2]", "[5 4 2 1]"},
			{"c", store.Scope{Tenant: "c"}, "[2 1]", "[2 1]"},
			{"everything", store.Everything, "[5 4 3 2 1]", "[5 4 3 2 1]"},
		} {
			list, err := s.ListClouds(ctx, resultstore.CloudFilter{Scope: tt.scope, Page: store.Page{Total: true}})
			ids := []int64{}
			for _, c := range list.Items {
				ids = append(ids, c.ID)
			}
			if err != nil || fmt.Sprint(ids) != tt.clouds || list.Total != int64(len(ids)) {
				t.Errorf("%s: clouds %v of %d, %v, want %s", tt.name, ids, list.Total, err, tt.clouds)
			}
			runs, err := s.ListRuns(ctx, resultstore.RunFilter{Scope: tt.scope, Page: store.Page{Total: true}})
			ids = ids[:0]
			for _, r := range runs.Items {
				ids = append(ids, r.ID)
			}
			if err != nil || fmt.Sprint(ids) != tt.runs || runs.Total != int64(len(ids)) {
				t.Errorf("%s: runs %v of %d, %v, want %s", tt.name, ids, runs.Total, err, tt.runs)
			}
			for _, c := range clouds {
				var read error
				if !tt.scope.Sees(c.Tenant) {
					read = store.ErrNotFound
				}
				if _, err := s.Cloud(ctx, tt.scope, c.ID); !errors.Is(err, read) {
					t.Errorf("%s: Cloud %d: %v, want %v", tt.name, c.ID, err, read)
				}
				if _, err := s.Run(ctx, tt.scope, c.ID); !errors.Is(err, read) {
					t.Errorf("%s: Run %d: %v, want %v", tt.name, c.ID, err, read)
				}
				write := tt.scope.Check(c.Tenant)
				if err := s.UpdateCloud(ctx, tt.scope, c.ID, func(*resultstore.Cloud) error { return nil }); !errors.Is(err, write) {
					t.Errorf("%s: UpdateCloud %d: %v, want %v", tt.name, c.ID, err, write)
				}
				if write == nil {
					continue
				}
				if err := s.DeleteCloud(ctx, tt.scope, c.ID, true); !errors.Is(err, write) {
					t.Errorf("%s: DeleteCloud %d: %v, want %v", tt.name, c.ID, err, write)
				}
				if err := s.DeleteRun(ctx, tt.scope, c.ID); !errors.Is(err, write) {
					t.Errorf("%s: DeleteRun %d: %v, want %v", tt.name, c.ID, err, write)
				}
			}
		}
		// A cloud of no tenant on which a tenant has a run is deleted only with it.
		of := &resultstore.Run{Tenant: "a", CloudID: &clouds[0].ID}
		if err := s.CreateRun(ctx, of); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteCloud(ctx, store.Scope{}, clouds[0].ID, true); !errors.Is(err, store.ErrConflict) {
			t.Errorf("DeleteCloud with a tenant's run: %v, want ErrConflict", err)
		}
		for _, id := range []int64{of.ID, 1} {
			if _, err := s.Run(ctx, store.Everything, id); err != nil {
				t.Errorf("run %d after a delete that was refused: %v", id, err)
			}
		}
		if err := s.DeleteCloud(ctx, store.Everything, clouds[0].ID, true); err != nil {
			t.Errorf("DeleteCloud by one who sees all: %v", err)
		}
	})
}
