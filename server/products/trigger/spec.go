package trigger

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// A Spec is what the rules need to know of a test spec.
type Spec struct {
	ID       uuid.UUID
	Enabled  bool
	Triggers []Kind   // empty: every kind
	Channels []string // empty: every channel
	Platform *string  // nil: any agent
}

// takes reports whether the spec is run for an advertisement.
func (s Spec) takes(ad Advertisement) bool {
	return s.Enabled &&
		(len(s.Triggers) == 0 || slices.Contains(s.Triggers, ad.Kind)) &&
		s.takesChannel(ad.Channel) &&
		(ad.Platform == nil || s.Platform == nil || *s.Platform == *ad.Platform)
}

// takesChannel matches a channel that is equal, or whose risk the spec names
// alone: edge takes 15.04/edge, but 15.04/edge does not take edge.
func (s Spec) takesChannel(channel string) bool {
	if len(s.Channels) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Channels, func(want string) bool {
		return want == channel || !strings.Contains(want, "/") && want == Risk(channel)
	})
}

// PlatformFor returns the platform of an opportunity: the spec's own, else the one
// that the advertisement was narrowed to, else nil for any. A retry asks again,
// because it runs the spec as it is then.
func (s Spec) PlatformFor(advertised *string) *string {
	if s.Platform != nil {
		return s.Platform
	}
	return advertised
}
