package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

func TestLabNodes(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		for _, name := range []string{"b", "a", "Z", "é"} {
			if err := s.UpdateNode(ctx, name, func(n *labstore.Node) {
				if n.Status != "New" || n.Power != "unknown" {
					t.Errorf("a new node is %+v", n)
				}
				n.Status, n.Memory, n.Name = "Ready", 16384, "changed"
			}); err != nil {
				t.Fatalf("UpdateNode: %v", err)
			}
		}
		if err := s.UpdateNode(ctx, "a", func(n *labstore.Node) { n.Status = n.Status + "!" }); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Nodes(ctx, store.Page{})
		var names []string
		for _, n := range rows.Items {
			names = append(names, n.Name)
		}
		if want := []string{"Z", "a", "b", "é"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("Nodes: %q, %v; want %q, by bytes", names, err, want)
		}
		first, err := s.Nodes(ctx, store.Page{Limit: 3})
		if err != nil || len(first.Items) != 3 || first.Next == "" || rows.Next != "" {
			t.Fatalf("the first three: %+v, %v", first, err)
		}
		if rest, err := s.Nodes(ctx, store.Page{Limit: 3, After: first.Next}); err != nil || len(rest.Items) != 1 || rest.Items[0].Name != "é" || rest.Next != "" {
			t.Errorf("the rest: %+v, %v", rest, err)
		}
		if _, err := s.Nodes(ctx, store.Page{After: "nonsense"}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("Nodes behind nonsense: %v", err)
		}
		if n, err := s.Node(ctx, "a"); err != nil || n.Status != "Ready!" || n.Memory != 16384 || n.UpdatedAt.IsZero() {
			t.Errorf("Node: %+v, %v", n, err)
		}
		if _, err := s.Node(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Node of none: %v", err)
		}
	})
}

func TestKnowsLabNode(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		if err := s.UpdateNode(ctx, "seen", func(*labstore.Node) {}); err != nil {
			t.Fatal(err)
		}
		macs := []labstore.NodeMAC{{MAC: "52:54:00:00:00:01", Node: "old"}, {MAC: "52:54:00:00:00:02", Node: "named"}}
		if err := s.SetNodeMACs(ctx, macs); err != nil {
			t.Fatal(err)
		}
		if err := s.SetNodeMACs(ctx, []labstore.NodeMAC{{MAC: "52:54:00:00:00:01", Node: "new"}}); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"seen": true, "named": true, "new": true, "old": false, "none": false} {
			if got, err := s.KnowsNode(ctx, name); err != nil || got != want {
				t.Errorf("KnowsNode(%s): %v, %v, want %v", name, got, err, want)
			}
		}
	})
}

// read returns the data of the records that a filter selects.
func readBuildData(t *testing.T, s *labstore.Store, f labstore.BuildDataFilter) []string {
	t.Helper()
	places, err := s.BuildDataPlaces(context.Background(), f)
	if err != nil {
		t.Fatalf("BuildDataPlaces: %v", err)
	}
	var list []string
	err = s.EachBuildData(context.Background(), places.Items, func(d *labstore.BuildData) error {
		list = append(list, string(d.Data))
		return nil
	})
	if err != nil {
		t.Fatalf("EachBuildData: %v", err)
	}
	return list
}

func TestLabBuildData(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		clock := newMovedClock()
		cfg.Now = clock.now
		s := labstore.New(Open(t, cfg))
		add := func(node, task, generator, data string) {
			t.Helper()
			clock.advance(time.Minute)
			d := &labstore.BuildData{Node: node, Task: task, Generator: generator, Format: "text/plain", Data: []byte(data)}
			if err := s.AddBuildData(ctx, d); err != nil || d.ID == 0 || !d.CollectedAt.Equal(clock.now()) {
				t.Fatalf("AddBuildData: %v, %+v", err, d)
			}
		}
		add("n1", "t1", "lshw", "one")
		add("n1", "t1", "lldp", "two")
		add("n2", "t2", "lshw", "other node")
		add("n1", "t3", "lshw", "three")
		add("n1", "", "Zeta", "four\x00")

		for name, tt := range map[string]struct {
			filter labstore.BuildDataFilter
			want   []string
		}{
			"a node":            {labstore.BuildDataFilter{Node: "n1"}, []string{"four\x00", "three", "two", "one"}},
			"the newest of it":  {labstore.BuildDataFilter{Node: "n1", Latest: true}, []string{"four\x00", "two", "three"}}, // Zeta, lldp, lshw: by bytes
			"a task":            {labstore.BuildDataFilter{Task: "t1"}, []string{"two", "one"}},
			"an unknown node":   {labstore.BuildDataFilter{Node: "none"}, nil},
			"an unknown latest": {labstore.BuildDataFilter{Node: "none", Latest: true}, nil},
		} {
			if got := readBuildData(t, s, tt.filter); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
			var got []string
			for f := tt.filter; ; {
				f.Page.Limit = 2
				got = append(got, readBuildData(t, s, f)...)
				list, err := s.BuildDataPlaces(ctx, f)
				if err != nil {
					t.Fatal(err)
				}
				if f.Page.After = list.Next; list.Next == "" {
					break
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s, two at a time: %q, want %q", name, got, tt.want)
			}
		}
		if _, err := s.BuildDataPlaces(ctx, labstore.BuildDataFilter{Node: "n1", Page: store.Page{After: store.EncodeCursor("latest build data", []any{"lshw"})}}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("the cursor of another list: %v", err)
		}
		byTask, err := s.BuildDataOfTasks(ctx, []string{"t1", "t3", "none"})
		if err != nil || len(byTask) != 2 || len(byTask["t1"]) != 2 || string(byTask["t1"][0].Data) != "two" || len(byTask["t3"]) != 1 {
			t.Errorf("BuildDataOfTasks: %v, %v", byTask, err)
		}

		if err := s.PruneBuildData(ctx, clock.advance(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got, want := readBuildData(t, s, labstore.BuildDataFilter{Node: "n1"}), []string{"four\x00", "three", "two"}; !slices.Equal(got, want) {
			t.Errorf("after the prune %q, want %q: the newest of each generator stays", got, want)
		}
		if got := readBuildData(t, s, labstore.BuildDataFilter{Node: "n2"}); len(got) != 1 {
			t.Errorf("the other node has %q", got)
		}
	})
}

// TestEachBuildData reads more than one batch, the last record of which is
// deleted meanwhile.
func TestEachBuildData(t *testing.T) {
	t.Parallel()
	EachOf(t, labstore.New, func(t *testing.T, s *labstore.Store) {
		ctx := context.Background()
		large := bytes.Repeat([]byte("x"), 3<<20)
		for i := range 4 {
			d := &labstore.BuildData{Node: "n", Generator: strings.Repeat("g", i+1), Format: "text/plain", Data: large}
			if err := s.AddBuildData(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.BuildDataPlaces(ctx, labstore.BuildDataFilter{Node: "n"})
		places := list.Items
		if err != nil || len(places) != 4 || places[0].Size != int64(len(large)) {
			t.Fatalf("places %v, %v", places, err)
		}
		places = append(places, labstore.BuildDataPlace{ID: 4711, Size: 1})
		seen := 0
		err = s.EachBuildData(ctx, places, func(d *labstore.BuildData) error {
			seen++
			if len(d.Data) != len(large) {
				t.Errorf("%d bytes", len(d.Data))
			}
			return nil
		})
		if err != nil || seen != 4 {
			t.Errorf("%d records, %v; want 4", seen, err)
		}
		if err := s.EachBuildData(ctx, places, func(*labstore.BuildData) error { return errRefused }); !errors.Is(err, errRefused) {
			t.Errorf("the error of visit: %v", err)
		}
	})
}
