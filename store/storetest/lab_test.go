package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// labTask makes a task under a root, or a top task when there is none.
func labTask(s *labstore.Store, root *labstore.Task, seq int64, status string) *labstore.Task {
	now := s.Now()
	t := &labstore.Task{ID: uuid.Must(uuid.NewV7()).String(), Seq: seq, Status: status, Action: "deploy_nodes", DesignRef: "slipway:/designs/x",
		Plan: store.JSON(`{ "b":1,"a":[] }`), CreatedAt: now, UpdatedAt: now}
	t.Root = t.ID
	if root != nil {
		t.Root, t.Parent = root.ID, root.ID
	}
	return t
}

func queuedTask(t *testing.T, s *labstore.Store) *labstore.Task {
	t.Helper()
	top := labTask(s, nil, 0, "queued")
	if err := s.CreateTask(context.Background(), top); err != nil {
		t.Fatalf("CreateTask: %v", err)
	}
	return top
}

func lease(s *labstore.Store, root, owner string) labstore.Lease {
	return labstore.Lease{Root: root, Owner: owner, Until: s.Now().Add(time.Hour)}
}

// start takes a task for a server and fails the test when it cannot.
func start(t *testing.T, s *labstore.Store, root, owner string, nodes ...string) {
	t.Helper()
	if err := s.StartTask(context.Background(), lease(s, root, owner), nodes); err != nil {
		t.Fatalf("StartTask: %v", err)
	}
}

func taskIDs(rows []labstore.Task) []string {
	ids := []string{}
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestLabTask(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		top := queuedTask(t, s)
		got, err := s.Task(ctx, top.ID)
		if err != nil || string(got.Plan) != string(top.Plan) || got.Filter != nil || !got.CreatedAt.Equal(top.CreatedAt) || got.LeaseUntil != nil {
			t.Errorf("Task: %+v, %v", got, err)
		}
		if _, err := s.Task(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown task: %v", err)
		}
		start(t, s, top.ID, "a", "n1")
		var children []labstore.Task
		for i := range 450 { // more than one statement takes
			children = append(children, *labTask(s, top, int64(i+1), "running"))
		}
		err = s.SaveTasks(ctx, lease(s, top.ID, "a"), children, nil, []labstore.Message{
			{Task: top.ID, Text: "first", CreatedAt: s.Now()}, {Task: top.ID, Text: "second", Error: true, Extra: store.JSON(`{"k":1}`), CreatedAt: s.Now()},
		})
		if err != nil {
			t.Fatalf("SaveTasks: %v", err)
		}
		tree, err := s.Tree(ctx, top.ID)
		if err != nil || len(tree) != 451 || tree[0].ID != top.ID || tree[450].ID != children[449].ID {
			t.Errorf("Tree: %d tasks, %v", len(tree), err)
		}
		below, err := s.Children(ctx, taskIDs(tree))
		if err != nil || !slices.Equal(taskIDs(below[top.ID]), taskIDs(children)) {
			t.Errorf("Children: %d, %v", len(below[top.ID]), err)
		}
		said, err := s.Messages(ctx, taskIDs(tree))
		if err != nil || len(said[top.ID]) != 2 || said[top.ID][0].Text != "first" || string(said[top.ID][1].Extra) != `{"k":1}` || said[top.ID][0].Extra != nil {
			t.Errorf("Messages: %+v, %v", said, err)
		}
		wantPages(t, s, append([]string{top.ID}, taskIDs(children)...))
	})
}

// wantPages reads all tasks page by page.
func wantPages(t *testing.T, s *labstore.Store, want []string) {
	t.Helper()
	var got []string
	f := labstore.TaskFilter{Page: store.Page{Limit: 100}}
	for {
		list, err := s.ListTasks(context.Background(), f)
		if err != nil {
			t.Fatalf("ListTasks: %v", err)
		}
		got = append(got, taskIDs(list.Items)...)
		if list.Next == "" {
			break
		}
		f.Page.After = list.Next
	}
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%d tasks in pages, want %d in the order of their ids", len(got), len(want))
	}
}

// Of many servers one gets a task, and of many tasks one gets a node.
func TestLabTask_Claims(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		one, two := queuedTask(t, s), queuedTask(t, s)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := map[string]int{}
		for i := range 8 {
			for _, top := range []*labstore.Task{one, two} {
				wg.Go(func() {
					err := s.StartTask(ctx, lease(s, top.ID, fmt.Sprint(i)), []string{"n-" + top.ID, "shared"})
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won[top.ID]++
					} else if !errors.Is(err, store.ErrConflict) {
						t.Errorf("StartTask: %v, want ErrConflict", err)
					}
				})
			}
		}
		wg.Wait()
		if won[one.ID]+won[two.ID] != 1 {
			t.Fatalf("the tasks were started %v times, want once in all", won)
		}
		winner, loser := one, two
		if won[two.ID] == 1 {
			winner, loser = two, one
		}
		held, err := s.Claims(ctx)
		if err != nil || len(held) != 2 || held["shared"] != winner.ID {
			t.Errorf("Claims: %v, %v", held, err)
		}
		queue, err := s.Queue(ctx)
		if err != nil || !slices.Equal(taskIDs(queue), []string{loser.ID}) {
			t.Errorf("the queue: %v, %v, want the loser whole", taskIDs(queue), err)
		}
	})
}

func TestLabTask_Lease(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		top := queuedTask(t, s)
		start(t, s, top.ID, "a", "n1")
		if ids, err := s.Orphans(ctx, s.Now()); err != nil || len(ids) != 0 {
			t.Errorf("a task with a lease is without a server: %v, %v", ids, err)
		}
		later := s.Now().Add(2 * time.Hour)
		if ids, err := s.Orphans(ctx, later); err != nil || !slices.Equal(ids, []string{top.ID}) {
			t.Errorf("Orphans: %v, %v", ids, err)
		}
		if err := s.TakeLease(ctx, lease(s, top.ID, "b"), s.Now()); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a lease that holds was taken: %v", err)
		}
		if err := s.TakeLease(ctx, lease(s, top.ID, "b"), later); err != nil {
			t.Fatalf("TakeLease: %v", err)
		}
		// The old server finds out, and nothing of what it says counts.
		err := s.SaveTasks(ctx, lease(s, top.ID, "a"), []labstore.Task{*labTask(s, top, 1, "running")}, nil, []labstore.Message{{Task: top.ID, Text: "late"}})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("a lost lease: %v, want ErrConflict", err)
		}
		tree, _ := s.Tree(ctx, top.ID)
		said, _ := s.Messages(ctx, []string{top.ID})
		if len(tree) != 1 || len(said) != 0 {
			t.Errorf("what was saved under a lost lease is there: %v %v", tree, said)
		}
		if err := s.DropLeases(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		if ids, err := s.Orphans(ctx, s.Now()); err != nil || len(ids) != 1 {
			t.Errorf("a lease that was given back: %v, %v", ids, err)
		}

		if err := s.TakeLease(ctx, lease(s, top.ID, "c"), s.Now()); err != nil {
			t.Fatal(err)
		}
		top.Status, top.UpdatedAt = "complete", s.Now()
		if err := s.SaveTasks(ctx, lease(s, top.ID, "c"), nil, []labstore.Task{*top}, nil); err != nil {
			t.Fatalf("SaveTasks: %v", err)
		}
		held, err := s.Claims(ctx)
		if err != nil || len(held) != 0 {
			t.Errorf("a task that is over holds %v, %v", held, err)
		}
		if err := s.KeepLease(ctx, lease(s, top.ID, "c")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the lease of a task that is over: %v", err)
		}
	})
}

func TestLabTask_Cancel(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		waiting, running := queuedTask(t, s), queuedTask(t, s)
		start(t, s, running.ID, "a")
		if err := s.SaveTasks(ctx, lease(s, running.ID, "a"), []labstore.Task{*labTask(s, running, 1, "running")}, nil, nil); err != nil {
			t.Fatal(err)
		}
		end := func(r *labstore.Task) error {
			r.Status = "terminated"
			return nil
		}
		got, err := s.CancelTask(ctx, waiting.ID, "ann", end)
		if err != nil || got.Status != "terminated" || got.CancelBy != "ann" {
			t.Errorf("a task in the queue: %+v, %v", got, err)
		}
		got, err = s.CancelTask(ctx, running.ID, "ann", end)
		if err != nil || got.Status != "running" || got.CancelAt == nil || got.LeaseOwner != "a" {
			t.Errorf("a task at work: %+v, %v", got, err)
		}
		if got, err = s.CancelTask(ctx, running.ID, "bob", end); err != nil || got.CancelBy != "ann" {
			t.Errorf("cancelled again: %+v, %v, want the first name", got, err)
		}
		asked, err := s.Cancels(ctx)
		if err != nil || !slices.Equal(taskIDs(asked), []string{running.ID}) {
			t.Errorf("Cancels: %v, %v, want what is not over", taskIDs(asked), err)
		}
		if _, err := s.CancelTask(ctx, waiting.ID, "ann", end); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a task that is over: %v", err)
		}
		if _, err := s.CancelTask(ctx, "none", "ann", end); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown task: %v", err)
		}
		fresh := queuedTask(t, s)
		if _, err := s.CancelTask(ctx, fresh.ID, "ann", func(*labstore.Task) error { return errRefused }); !errors.Is(err, errRefused) {
			t.Errorf("refused: %v", err)
		}
		if row, err := s.Task(ctx, fresh.ID); err != nil || row.CancelAt != nil {
			t.Errorf("what was refused is saved: %+v, %v", row, err)
		}
	})
}

func TestLabTask_Purge(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		over, open := queuedTask(t, s), queuedTask(t, s)
		start(t, s, over.ID, "a")
		child := *labTask(s, over, 1, "complete")
		over.Status = "complete"
		err := s.SaveTasks(ctx, lease(s, over.ID, "a"), []labstore.Task{child}, []labstore.Task{*over}, []labstore.Message{{Task: child.ID, Text: "x", CreatedAt: s.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddBuildData(ctx, &labstore.BuildData{Node: "n1", Task: child.ID, Generator: "lshw", Format: "text/xml", Data: []byte("<list/>")}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OfferWork(ctx, &labstore.Work{Task: child.ID, Node: "n1", Status: "success", Deadline: s.Now()}); err != nil {
			t.Fatal(err)
		}
		if n, err := s.PurgeTasks(ctx, over.CreatedAt); err != nil || n != 0 {
			t.Errorf("tasks that are not old: %d, %v", n, err)
		}
		const more = 25 // than one transaction takes
		for range more {
			old := labTask(s, nil, 0, "terminated")
			if err := s.CreateTask(ctx, old); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.PurgeTasks(ctx, s.Now().Add(time.Hour)); err != nil || n != more+1 {
			t.Errorf("PurgeTasks: %d, %v, want those that are over", n, err)
		}
		wantPages(t, s, []string{open.ID})
		said, err := s.Messages(ctx, []string{child.ID})
		if err != nil || len(said) != 0 {
			t.Errorf("messages stay: %v, %v", said, err)
		}
		if _, err := s.Work(ctx, child.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("work stays: %v", err)
		}
		data, err := s.BuildDataPlaces(ctx, labstore.BuildDataFilter{Node: "n1"})
		if err != nil || len(data.Items) != 1 {
			t.Errorf("build data must stay: %v, %v", data, err)
		}
	})
}

func TestLabMachine(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		s := labstore.New(Open(t, cfg))
		if err := s.SetNodeMACs(ctx, []labstore.NodeMAC{{MAC: "52:54:00:00:00:01", Node: "n1"}}); err != nil {
			t.Fatal(err)
		}
		wake, stop := s.Subscribe(labstore.NodeTopic("n1"))
		defer stop()
		if cfg.Database != "" {
			awaitHearing(t, s.Store, Open(t, store.Config{DataDir: t.TempDir(), Database: cfg.Database}))
			woken(wake)
		}
		m := &labstore.Machine{ID: "M1", MACs: store.Strings{"52:54:00:00:00:01", "52:54:00:00:00:02"}}
		if known, err := s.RegisterMachine(ctx, m, nil, ""); err != nil || known || m.Node != "n1" {
			t.Fatalf("RegisterMachine: %v, %v, %+v", known, err, m)
		}
		if !woken(wake) {
			t.Error("nobody is told that the machine is there")
		}
		for _, mac := range m.MACs { // its second interface boots the same node
			if node, err := s.NodeOfMAC(ctx, mac); err != nil || node != "n1" {
				t.Errorf("NodeOfMAC(%s): %q, %v", mac, node, err)
			}
		}
		if _, err := s.NodeOfMAC(ctx, "52:54:00:00:00:09"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown address: %v", err)
		}
		again := &labstore.Machine{ID: "M2", MACs: store.Strings{"52:54:00:00:00:02"}}
		if known, err := s.RegisterMachine(ctx, again, func(*labstore.Machine) bool { return true }, ""); err != nil || !known || again.ID != "M1" {
			t.Errorf("registered again: %v, %v, %+v", known, err, again)
		}
		w := &labstore.Work{Task: "T", Node: "n1", Action: "deploy_node", Status: "running", Deadline: s.Now().Add(time.Hour)}
		if _, err := s.OfferWork(ctx, w); err != nil || !woken(wake) {
			t.Errorf("work was offered and nobody told: %v", err)
		}
		w.Status = "success"
		if err := s.ReportWork(ctx, w, nil); err != nil || !woken(wake) {
			t.Errorf("the end of work: %v", err)
		}
		if err := s.ReportWork(ctx, w, nil); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a second end: %v", err)
		}
		if got, err := s.OfferWork(ctx, &labstore.Work{Task: "T", Node: "n1", Status: "running", Deadline: s.Now()}); err != nil || got.Status != "success" {
			t.Errorf("work that was offered before: %+v, %v, want it as it stands", got, err)
		}
	})
}

// The steps of a node are found by it, and the newest tasks first when that is asked.
func TestLabTask_OfANode(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		var want []string
		for i := range 7 {
			task := queuedTask(t, s)
			step := *task
			step.ID, step.Parent, step.Seq, step.Node = s.NewID().String(), task.ID, 1, fmt.Sprint("n", i%2)
			if err := s.CreateTask(ctx, &step); err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 {
				want = append(want, step.ID)
			}
		}
		slices.Reverse(want)
		var got []string
		f := labstore.TaskFilter{Node: "n1", Newest: true, Page: store.Page{Limit: 2}}
		for range 3 {
			list, err := s.ListTasks(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, taskIDs(list.Items)...)
			if f.Page.After = list.Next; f.Page.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("steps of n1: %v, want %v", got, want)
		}
		if list, err := s.ListTasks(ctx, labstore.TaskFilter{Node: "n1", Page: store.Page{After: f.Page.After, Limit: 9}}); err != nil || len(list.Items) != 3 || list.Items[0].ID != want[2] {
			t.Errorf("oldest first: %v %v", list.Items, err)
		}
	})
}
