package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAdvertisement_Check(t *testing.T) {
	t.Parallel()

	image := func(change func(*Advertisement)) Advertisement {
		ad := Advertisement{Kind: KindImage, Channel: "edge", ImageUniqueID: "x", ImageReference: []byte(`""`), ExtraSnaps: []byte("[]")}
		change(&ad)
		return ad
	}
	extra := func(raw string) Advertisement {
		return image(func(a *Advertisement) { a.ExtraSnaps = json.RawMessage(raw) })
	}
	master := func(snaps ...Snap) Advertisement {
		return Advertisement{Kind: KindGoldMaster, Channel: "stable", Snaps: snaps}
	}
	many := make([]Snap, 201)
	for i := range many {
		many[i] = Snap{fmt.Sprint("s", i), 1}
	}
	long := strings.Repeat("é", 200)

	tests := []struct {
		name  string
		ad    Advertisement
		field string // empty: accepted
	}{
		{"an image with an empty string as reference", image(func(*Advertisement) {}), ""},
		{"an image id is measured in characters, not bytes", image(func(a *Advertisement) { a.ImageUniqueID = strings.Repeat("é", 36) }), ""},
		{"an image id of 37 characters", image(func(a *Advertisement) { a.ImageUniqueID = strings.Repeat("é", 37) }), "image_unique_id"},
		{"a channel of 200 characters", image(func(a *Advertisement) { a.Channel = long }), ""},
		{"a channel of 201 characters", image(func(a *Advertisement) { a.Channel = long + "x" }), "channel"},
		{"a channel with U+0000", image(func(a *Advertisement) { a.Channel = "ed\x00ge" }), "channel"},
		{"a channel that is no text", image(func(a *Advertisement) { a.Channel = "\xff" }), "channel"},
		{"an empty platform", image(func(a *Advertisement) { a.Platform = ptr("") }), "platform"},
		{"an empty release", image(func(a *Advertisement) { a.Release = ptr("") }), "release"},
		{"extra snaps as names and objects", extra(`["a", {"name":"b"}, {"name":"c","revision":3,"more":1e400}]`), ""},
		{"extra snaps that are null", extra(`null`), "extra_snaps"},
		{"extra snaps that are an object", extra(`{"a":1}`), "extra_snaps"},
		{"an extra snap that is a number", extra(`["a",5]`), "extra_snaps[1]"},
		{"an extra snap without a name", extra(`[{"revision":5}]`), "extra_snaps[0].name"},
		{"an extra snap with an empty name", extra(`[""]`), "extra_snaps[0]"},
		{"an extra snap with revision zero", extra(`[{"name":"a","revision":0}]`), "extra_snaps[0].revision"},
		{"an extra snap whose revision is text", extra(`[{"name":"a","revision":"1"}]`), "extra_snaps[0]"},
		{"100 extra snaps", extra(`["a"` + strings.Repeat(`,"a"`, 99) + `]`), ""},
		{"101 extra snaps", extra(`["a"` + strings.Repeat(`,"a"`, 100) + `]`), "extra_snaps"},
		{"a gold master", master(Snap{"a", 1}, Snap{"b", 1}), ""},
		{"a gold master without snaps", master(), "snaps"},
		{"200 snaps", master(many[:200]...), ""},
		{"201 snaps", master(many...), "snaps"},
		{"a name twice", master(Snap{"a", 1}, Snap{"b", 1}, Snap{"a", 2}), "snaps[2].name"},
		{"a snap of a gold master without a revision", master(Snap{"a", 0}), "snaps[0].revision"},
		{"a snap without a name", Advertisement{Kind: KindSnap, Channel: "edge", Snap: Snap{"", 1}}, "name"},
		{"a snap with a negative revision", Advertisement{Kind: KindSnap, Channel: "edge", Snap: Snap{"a", -1}}, "revision"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			err := tt.ad.Check()
			if tt.field == "" {
				if err != nil {
					t.Errorf("Check: %v, want no error", err)
				}
				return
			}
			var bad *FieldError
			if !errors.As(err, &bad) || bad.Field != tt.field {
				t.Errorf("Check: %v, want a *FieldError for %s", err, tt.field)
			}
		})
	}
}

func FuzzCheckExtraSnaps(f *testing.F) {
	for _, seed := range []string{
		`[]`, `["a"]`, `[{"name":"a","revision":1}]`, `[{"name":null}]`, `null`, `[[[]]]`, `["\ud800"]`, `[{"name":"a","name":"b"}]`, `["a"]x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := checkExtraSnaps(raw)
		if err == nil {
			var list []any
			if json.Unmarshal(raw, &list) != nil || len(list) > MaxExtraSnaps {
				t.Errorf("checkExtraSnaps(%q) accepted what is no list of at most %d", raw, MaxExtraSnaps)
			}
			return
		}
		var bad *FieldError
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.Field, "extra_snaps") {
			t.Errorf("checkExtraSnaps(%q) = %v, want a *FieldError for extra_snaps", raw, err)
		}
	})
}
