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
)

func TestLabNodes(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for _, name := range []string{"b", "a", "Z", "é"} {
			if err := s.UpdateLabNode(ctx, name, func(n *store.LabNode) {
				if n.Status != "New" || n.Power != "unknown" {
					t.Errorf("a new node is %+v", n)
				}
				n.Status, n.Memory, n.Name = "Ready", 16384, "changed"
			}); err != nil {
				t.Fatalf("UpdateLabNode: %v", err)
			}
		}
		if err := s.UpdateLabNode(ctx, "a", func(n *store.LabNode) { n.Status = n.Status + "!" }); err != nil {
			t.Fatal(err)
		}
		rows, err := s.LabNodes(ctx)
		var names []string
		for _, n := range rows {
			names = append(names, n.Name)
		}
		if want := []string{"Z", "a", "b", "é"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("LabNodes: %q, %v; want %q, by bytes", names, err, want)
		}
		if n, err := s.LabNode(ctx, "a"); err != nil || n.Status != "Ready!" || n.Memory != 16384 || n.UpdatedAt.IsZero() {
			t.Errorf("LabNode: %+v, %v", n, err)
		}
		if _, err := s.LabNode(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("LabNode of none: %v", err)
		}
	})
}

func TestKnowsLabNode(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if err := s.UpdateLabNode(ctx, "seen", func(*store.LabNode) {}); err != nil {
			t.Fatal(err)
		}
		macs := []store.LabNodeMAC{{MAC: "52:54:00:00:00:01", Node: "old"}, {MAC: "52:54:00:00:00:02", Node: "named"}}
		if err := s.SetLabNodeMACs(ctx, macs); err != nil {
			t.Fatal(err)
		}
		if err := s.SetLabNodeMACs(ctx, []store.LabNodeMAC{{MAC: "52:54:00:00:00:01", Node: "new"}}); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"seen": true, "named": true, "new": true, "old": false, "none": false} {
			if got, err := s.KnowsLabNode(ctx, name); err != nil || got != want {
				t.Errorf("KnowsLabNode(%s): %v, %v, want %v", name, got, err, want)
			}
		}
	})
}

// read returns the data of the records that a filter selects.
func readBuildData(t *testing.T, s *store.Store, f store.LabBuildDataFilter) []string {
	t.Helper()
	places, err := s.LabBuildDataPlaces(context.Background(), f)
	if err != nil {
		t.Fatalf("LabBuildDataPlaces: %v", err)
	}
	var list []string
	err = s.EachLabBuildData(context.Background(), places, func(d *store.LabBuildData) error {
		list = append(list, string(d.Data))
		return nil
	})
	if err != nil {
		t.Fatalf("EachLabBuildData: %v", err)
	}
	return list
}

func TestLabBuildData(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		clock := newMovedClock()
		cfg.Now = clock.now
		s := Open(t, cfg)
		add := func(node, task, generator, data string) {
			t.Helper()
			clock.advance(time.Minute)
			d := &store.LabBuildData{Node: node, Task: task, Generator: generator, Format: "text/plain", Data: []byte(data)}
			if err := s.AddLabBuildData(ctx, d); err != nil || d.ID == 0 || !d.CollectedAt.Equal(clock.now()) {
				t.Fatalf("AddLabBuildData: %v, %+v", err, d)
			}
		}
		add("n1", "t1", "lshw", "one")
		add("n1", "t1", "lldp", "two")
		add("n2", "t2", "lshw", "other node")
		add("n1", "t3", "lshw", "three")
		add("n1", "", "Zeta", "four\x00")

		for name, tt := range map[string]struct {
			filter store.LabBuildDataFilter
			want   []string
		}{
			"a node":            {store.LabBuildDataFilter{Node: "n1"}, []string{"four\x00", "three", "two", "one"}},
			"the newest of it":  {store.LabBuildDataFilter{Node: "n1", Latest: true}, []string{"four\x00", "two", "three"}}, // Zeta, lldp, lshw: by bytes
			"a task":            {store.LabBuildDataFilter{Task: "t1"}, []string{"two", "one"}},
			"an unknown node":   {store.LabBuildDataFilter{Node: "none"}, nil},
			"an unknown latest": {store.LabBuildDataFilter{Node: "none", Latest: true}, nil},
		} {
			if got := readBuildData(t, s, tt.filter); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
		byTask, err := s.LabBuildDataOfTasks(ctx, []string{"t1", "t3", "none"})
		if err != nil || len(byTask) != 2 || len(byTask["t1"]) != 2 || string(byTask["t1"][0].Data) != "two" || len(byTask["t3"]) != 1 {
			t.Errorf("LabBuildDataOfTasks: %v, %v", byTask, err)
		}

		if err := s.PruneLabBuildData(ctx, clock.advance(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got, want := readBuildData(t, s, store.LabBuildDataFilter{Node: "n1"}), []string{"four\x00", "three", "two"}; !slices.Equal(got, want) {
			t.Errorf("after the prune %q, want %q: the newest of each generator stays", got, want)
		}
		if got := readBuildData(t, s, store.LabBuildDataFilter{Node: "n2"}); len(got) != 1 {
			t.Errorf("the other node has %q", got)
		}
	})
}

// TestEachLabBuildData reads more than one batch, the last record of which is
// deleted meanwhile.
func TestEachLabBuildData(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		large := bytes.Repeat([]byte("x"), 3<<20)
		for i := range 4 {
			d := &store.LabBuildData{Node: "n", Generator: strings.Repeat("g", i+1), Format: "text/plain", Data: large}
			if err := s.AddLabBuildData(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		places, err := s.LabBuildDataPlaces(ctx, store.LabBuildDataFilter{Node: "n"})
		if err != nil || len(places) != 4 || places[0].Size != int64(len(large)) {
			t.Fatalf("places %v, %v", places, err)
		}
		places = append(places, store.LabBuildDataPlace{ID: 4711, Size: 1})
		seen := 0
		err = s.EachLabBuildData(ctx, places, func(d *store.LabBuildData) error {
			seen++
			if len(d.Data) != len(large) {
				t.Errorf("%d bytes", len(d.Data))
			}
			return nil
		})
		if err != nil || seen != 4 {
			t.Errorf("%d records, %v; want 4", seen, err)
		}
		if err := s.EachLabBuildData(ctx, places, func(*store.LabBuildData) error { return errRefused }); !errors.Is(err, errRefused) {
			t.Errorf("the error of visit: %v", err)
		}
	})
}
