package trigger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind says what was advertised. Its text is the word of the wire: the one that
// test specs list in triggers.
type Kind string

// The kinds of advertisement.
const (
	KindImage      Kind = "image"
	KindSnap       Kind = "snap"
	KindGoldMaster Kind = "gold-master"
)

// Limits of an advertisement, counted in Unicode code points where they measure
// text. The first two stand in the SPI reference.
const (
	MaxImageIDLength = 36
	MaxNameLength    = 200
	MaxExtraSnaps    = 100
	MaxSnaps         = 200
)

// A Snap is one revision of a package in the store. The name includes the
// namespace (test-snap.foo).
type Snap struct {
	Name     string `json:"name"`
	Revision int64  `json:"revision"`
}

// An Advertisement says that something new exists. Which fields count depends on
// Kind; Check tells whether those are as they must be, and Decide relies on it.
type Advertisement struct {
	Kind    Kind
	Channel string

	// Of an image. ImageReference is nil only when it was not given; the JSON null
	// is a reference like any other. ExtraSnaps is the list as it was sent.
	ImageUniqueID  string
	ImageReference json.RawMessage
	ExtraSnaps     json.RawMessage

	// Of a snap revision.
	Snap Snap

	// Of a gold master, in any order.
	Snaps []Snap

	// Filters; nil does not narrow.
	Platform *string
	Release  *string
}

// A FieldError names the field of an advertisement that is not as it must be. Its
// text is meant for the client.
type FieldError struct {
	Field  string // as in the body; elements as snaps[2].name
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Check reports the first field that is missing or breaks a limit, as a
// *FieldError. A value whose type has no way to say "missing" counts as missing
// when it is zero, since no field allows its zero value.
func (a Advertisement) Check() error {
	if err := a.checkKind(); err != nil {
		return err
	}
	if err := checkText("channel", a.Channel, MaxNameLength); err != nil {
		return err
	}
	if err := checkFilter("platform", a.Platform); err != nil {
		return err
	}
	return checkFilter("release", a.Release)
}

func (a Advertisement) checkKind() error {
	switch a.Kind {
	case KindImage:
		return a.checkImage()
	case KindSnap:
		return checkSnap("", a.Snap)
	case KindGoldMaster:
		return checkSnaps(a.Snaps)
	}
	return fmt.Errorf("unknown kind of advertisement %q", a.Kind)
}

func (a Advertisement) checkImage() error {
	if a.ImageReference == nil {
		return &FieldError{"image_reference", "is required; null is allowed"}
	}
	if err := checkText("image_unique_id", a.ImageUniqueID, MaxImageIDLength); err != nil {
		return err
	}
	return checkExtraSnaps(a.ExtraSnaps)
}

func checkSnaps(snaps []Snap) error {
	switch {
	case len(snaps) == 0:
		return &FieldError{"snaps", "is required and lists at least one snap"}
	case len(snaps) > MaxSnaps:
		return &FieldError{"snaps", fmt.Sprintf("lists %d snaps, at most %d are allowed", len(snaps), MaxSnaps)}
	}
	seen := make(map[string]bool, len(snaps))
	for i, s := range snaps {
		prefix := fmt.Sprintf("snaps[%d].", i)
		if err := checkSnap(prefix, s); err != nil {
			return err
		}
		if seen[s.Name] {
			return &FieldError{prefix + "name", "names a snap that is in the list already"}
		}
		seen[s.Name] = true
	}
	return nil
}

func checkSnap(prefix string, s Snap) error {
	if err := checkText(prefix+"name", s.Name, MaxNameLength); err != nil {
		return err
	}
	if s.Revision < 1 {
		return &FieldError{prefix + "revision", "is required and must be an integer of 1 or more"}
	}
	return nil
}

func checkFilter(field string, text *string) error {
	switch {
	case text == nil:
		return nil
	case *text == "":
		return &FieldError{field, "must not be empty; leave it out not to narrow by it"}
	}
	return checkText(field, *text, MaxNameLength)
}

func checkText(field, text string, limit int) error {
	switch {
	case text == "":
		return &FieldError{field, fmt.Sprintf("is required: text of 1 to %d characters", limit)}
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return &FieldError{field, "must be text without U+0000"}
	case utf8.RuneCountInString(text) > limit:
		return &FieldError{field, fmt.Sprintf("must have at most %d characters", limit)}
	}
	return nil
}

// sorted returns the snaps by name, which is how a set of them is shown and
// compared: the order in which a client lists them means nothing.
func sorted(snaps []Snap) []Snap {
	out := slices.Clone(snaps)
	slices.SortFunc(out, func(a, b Snap) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// revisionIn returns the revision of the named snap in a list, and whether the
// list has it. Names compare whole and case-sensitive.
func revisionIn(snaps []Snap, name string) (int64, bool) {
	for _, s := range snaps {
		if s.Name == name {
			return s.Revision, true
		}
	}
	return 0, false
}
