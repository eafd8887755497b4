package trigger

import (
	"errors"
	"testing"

	"github.com/google/uuid"
)

var (
	productID = uuid.MustParse("11111111-2222-4333-8444-555555555555")
	specOne   = Spec{ID: uuid.MustParse("00000000-0000-4000-8000-000000000001"), Enabled: true}
	specArm   = Spec{ID: uuid.MustParse("00000000-0000-4000-8000-000000000002"), Enabled: true, Platform: ptr("armhf")}
	specAmd   = Spec{ID: uuid.MustParse("00000000-0000-4000-8000-000000000003"), Enabled: true, Platform: ptr("amd64")}
)

func ptr[T any](v T) *T { return &v }

func state() State {
	return State{
		Product: Product{ID: productID, Release: "15.04-core", Snaps: []string{"test-snap.foo", "pi2.canonical"}},
		Specs:   []Spec{specOne, specArm, specAmd},
	}
}

func snapAd(revision int64, channel string) Advertisement {
	return Advertisement{Kind: KindSnap, Snap: Snap{"test-snap.foo", revision}, Channel: channel}
}

// TestDecide_imageIDs pins generated ids. They are in databases and in the hands
// of clients, so a change here is a change of the wire format.
func TestDecide_imageIDs(t *testing.T) {
	t.Parallel()

	s := state()
	s.GoldMasters = []GoldMaster{{ID: uuid.New(), Snaps: []Snap{{"webdm.canonical", 1}, {"test-snap.foo", 1}}, Channel: "stable", Released: true}}
	tests := []struct {
		name string
		ad   Advertisement
		want string
	}{
		{"a fresh install", snapAd(1, "edge"), "591321bf-5056-52df-8bed-d58ebdc827d5"},
		{"an update", snapAd(2, "edge"), "1855d5ee-78a6-5100-bfca-19678813a1c1"},
		{"the same update from another channel", snapAd(2, "beta"), "3003db75-5cd5-5eb0-8fb0-c831a6bb5058"},
		{
			"a gold master", Advertisement{Kind: KindGoldMaster, Channel: "edge", Snaps: []Snap{{"test-snap.foo", 1}, {"a", 2}}},
			"9e218288-53f1-5c39-833f-0c185c80cb08",
		},
		{
			"the same gold master in another order", Advertisement{Kind: KindGoldMaster, Channel: "edge", Snaps: []Snap{{"a", 2}, {"test-snap.foo", 1}}},
			"9e218288-53f1-5c39-833f-0c185c80cb08",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			plan, err := Decide(s, tt.ad)
			if err != nil || len(plan.Contexts) != 1 {
				t.Fatalf("Decide: %d contexts, %v, want 1", len(plan.Contexts), err)
			}
			if got := plan.Contexts[0].ImageUniqueID; got != tt.want {
				t.Errorf("ImageUniqueID = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDecide_platformFilter(t *testing.T) {
	t.Parallel()

	ad := snapAd(2, "edge")
	ad.Platform = ptr("armhf")
	plan, err := Decide(state(), ad)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Opportunities) != 2 {
		t.Fatalf("%d opportunities, want 2: the spec for any platform and the one for armhf", len(plan.Opportunities))
	}
	for i, spec := range []Spec{specOne, specArm} {
		got := plan.Opportunities[i]
		if got.Spec.ID != spec.ID || got.Platform == nil || *got.Platform != "armhf" {
			t.Errorf("opportunity %d is of spec %s for %v, want %s pinned to armhf", i, got.Spec.ID, got.Platform, spec.ID)
		}
	}
}

func TestDecide_releaseFilter(t *testing.T) {
	t.Parallel()

	ad := Advertisement{Kind: KindGoldMaster, Channel: "stable", Snaps: []Snap{{"test-snap.foo", 1}}, Release: ptr("rolling-core")}
	plan, err := Decide(state(), ad)
	if err != nil || plan.Opportunities != nil || plan.GoldMaster != nil {
		t.Errorf("Decide for another release = %+v, %v, want nothing, not even a gold master", plan, err)
	}
	ad.Release = ptr("15.04-core")
	if plan, err = Decide(state(), ad); err != nil || len(plan.Opportunities) != 3 {
		t.Errorf("Decide for the product's release: %d opportunities, %v, want 3", len(plan.Opportunities), err)
	}
}

func TestDecide_goldMaster(t *testing.T) {
	t.Parallel()

	known := GoldMaster{ID: uuid.New(), Snaps: []Snap{{"b", 2}, {"a", 1}}, Channel: "15.04/stable", Released: false}
	tests := []struct {
		name     string
		snaps    []Snap
		channel  string
		id       uuid.UUID
		released bool
	}{
		{"the same set and channel is the known one, as it was marked", []Snap{{"a", 1}, {"b", 2}}, "15.04/stable", known.ID, false},
		{"another channel makes another", []Snap{{"a", 1}, {"b", 2}}, "edge", uuid.Nil, false},
		{"another revision makes another", []Snap{{"a", 1}, {"b", 3}}, "15.04/stable", uuid.Nil, true},
		{"a channel that merely contains stable is not released", []Snap{{"a", 9}}, "stable/edge", uuid.Nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s := state()
			s.GoldMasters = []GoldMaster{known}
			plan, err := Decide(s, Advertisement{Kind: KindGoldMaster, Channel: tt.channel, Snaps: tt.snaps})
			if err != nil || plan.GoldMaster == nil {
				t.Fatalf("Decide: gold master %v, %v", plan.GoldMaster, err)
			}
			if got := plan.GoldMaster; got.ID != tt.id || got.Released != tt.released {
				t.Errorf("gold master %s, released %t, want %s, %t", got.ID, got.Released, tt.id, tt.released)
			}
		})
	}
}

func TestDecide_primarySnapFollowsTheProduct(t *testing.T) {
	t.Parallel()

	plan, err := Decide(state(), Advertisement{Kind: KindGoldMaster, Channel: "edge", Snaps: []Snap{{"pi2.canonical", 4}, {"test-snap.foo", 7}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Contexts[0].PrimarySnap; got == nil || *got != (Snap{"test-snap.foo", 7}) {
		t.Errorf("primary snap %v, want test-snap.foo 7: the first of the product's snaps", got)
	}
}

func TestDecide_supersedes(t *testing.T) {
	t.Parallel()

	otherRelease := snapAd(3, "edge")
	otherRelease.Release = ptr("rolling-core")
	unknown := snapAd(3, "edge")
	unknown.Snap.Name = "unknown.snap"
	image := Advertisement{Kind: KindImage, Channel: "edge", ImageUniqueID: "x", ImageReference: []byte("null"), ExtraSnaps: noSnaps}
	tests := []struct {
		name    string
		off     bool
		ad      Advertisement
		want    bool
		subject string
	}{
		{name: "a snap revision", ad: snapAd(3, "edge"), want: true, subject: "snap:test-snap.foo"},
		{name: "an image", ad: image, want: true, subject: "image"},
		{name: "not when the product does not ask for it", off: true, ad: snapAd(3, "edge"), subject: "snap:test-snap.foo"},
		{name: "nor one for another release", ad: otherRelease, subject: "snap:test-snap.foo"},
		{name: "nor one of a snap that the product does not reference", ad: unknown, subject: "snap:unknown.snap"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s := state()
			s.Product.Supersede = !tt.off
			plan, err := Decide(s, tt.ad)
			if err != nil {
				t.Fatal(err)
			}
			if plan.Supersedes != tt.want || tt.ad.Subject() != tt.subject {
				t.Errorf("supersedes %t under %q, want %t under %q", plan.Supersedes, tt.ad.Subject(), tt.want, tt.subject)
			}
		})
	}
}

func TestDecide_otherReference(t *testing.T) {
	t.Parallel()

	s := state()
	s.OtherReference = true
	ad := Advertisement{Kind: KindImage, Channel: "edge", ImageUniqueID: "x", ImageReference: []byte("null"), ExtraSnaps: noSnaps}
	if _, err := Decide(s, ad); !errors.Is(err, ErrOtherReference) {
		t.Errorf("Decide = %v, want ErrOtherReference", err)
	}
}

func TestDecide_manySpecsAndGoldMasters(t *testing.T) {
	t.Parallel()

	s := State{Product: Product{ID: productID, Release: "r", Snaps: []string{"test-snap.foo"}}}
	for range 100 {
		s.Specs = append(s.Specs, Spec{ID: uuid.New(), Enabled: true})
	}
	for i := range 20 {
		s.GoldMasters = append(s.GoldMasters, GoldMaster{ID: uuid.New(), Snaps: []Snap{{"test-snap.foo", int64(i + 1)}}, Channel: "stable", Released: true})
	}
	plan, err := Decide(s, snapAd(100, "edge"))
	if err != nil || len(plan.Opportunities) != 2000 {
		t.Fatalf("%d opportunities, %v, want 2000", len(plan.Opportunities), err)
	}
	for i, o := range plan.Opportunities {
		if o.Context != i/100 || o.Spec.ID != s.Specs[i%100].ID {
			t.Fatalf("opportunity %d is context %d, spec %s: want contexts first, specs inside", i, o.Context, o.Spec.ID)
		}
	}
}
