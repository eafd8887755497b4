package trigger

import "github.com/google/uuid"

// A Waiting is a queued opportunity that was made for a snap revision.
type Waiting struct {
	ID       uuid.UUID
	Snap     Snap
	Channel  string // the one that the revision was advertised on
	Platform *string
}

// superseded returns which of the waiting opportunities are for an older revision
// of the advertised snap on the same channel. Advertisements of the same or an
// older revision supersede nothing: they repeat a test on purpose. One that was
// narrowed to a platform leaves the others' tests alone, since it makes none to
// take their place.
func superseded(waiting []Waiting, ad Advertisement) []uuid.UUID {
	if ad.Kind != KindSnap {
		return nil
	}
	var out []uuid.UUID
	for _, w := range waiting {
		samePlatform := ad.Platform == nil || w.Platform != nil && *w.Platform == *ad.Platform
		if samePlatform && w.Snap.Name == ad.Snap.Name && w.Channel == ad.Channel && w.Snap.Revision < ad.Snap.Revision {
			out = append(out, w.ID)
		}
	}
	return out
}
