package trigger

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// ErrOtherReference says that the product knows the image id with another
// image_reference: results of the two could not be told apart.
var ErrOtherReference = errors.New("image_unique_id is already in use in this product with another image_reference")

// A Product is what the rules need to know of one.
type Product struct {
	ID        uuid.UUID
	Release   string
	Snaps     []string // names it is built from; their order picks the primary snap
	Supersede bool     // a newer advertisement cancels what still waits for an older one
}

func (p Product) references(name string) bool { return slices.Contains(p.Snaps, name) }

// primarySnap returns the first of the product's snaps that the list holds.
func (p Product) primarySnap(snaps []Snap) *Snap {
	for _, name := range p.Snaps {
		if revision, ok := revisionIn(snaps, name); ok {
			return &Snap{Name: name, Revision: revision}
		}
	}
	return nil
}

// A GoldMaster is a tested combination of snap revisions, known to the product.
type GoldMaster struct {
	ID       uuid.UUID
	Snaps    []Snap
	Channel  string
	Released bool // in use by end users, so updates start from it
}

// A State is everything stored that an advertisement is held against.
type State struct {
	Product     Product
	Specs       []Spec       // in order of creation
	GoldMasters []GoldMaster // in order of creation

	// OtherReference says that the product has the advertised image_unique_id
	// already, under an image_reference that is another JSON value.
	OtherReference bool
}

// An Opportunity is to be made: one run of one spec in one context.
type Opportunity struct {
	Spec     Spec
	Context  int // index in Plan.Contexts
	Platform *string
	Release  string
}

// A Plan is what an advertisement sets off. The zero Plan is nothing at all, which
// is no error.
type Plan struct {
	Contexts      []Context
	Opportunities []Opportunity // in the order of the answer

	// GoldMaster is the base image that the advertisement names, nil for other
	// kinds. Its ID is uuid.Nil when the product does not have it yet and it is to
	// be stored.
	GoldMaster *GoldMaster

	// Supersedes says that what still waits for an older advertisement of the same
	// Subject and channel is to be cancelled. An advertisement that is narrowed to
	// a platform leaves the others' tests alone, since it makes none in their place.
	Supersedes bool
}

// Decide applies the rules to an advertisement that has passed Check. The only
// error is ErrOtherReference.
func Decide(s State, ad Advertisement) (Plan, error) {
	if ad.Kind == KindImage && s.OtherReference {
		return Plan{}, ErrOtherReference
	}
	if ad.Release != nil && *ad.Release != s.Product.Release {
		return Plan{}, nil
	}
	plan := Plan{Contexts: contexts(s, ad)}
	for i := range plan.Contexts {
		for _, spec := range s.Specs {
			if spec.takes(ad) {
				plan.Opportunities = append(plan.Opportunities, Opportunity{
					Spec:     spec,
					Context:  i,
					Platform: spec.PlatformFor(ad.Platform),
					Release:  s.Product.Release,
				})
			}
		}
	}
	if ad.Kind == KindGoldMaster {
		plan.GoldMaster = goldMaster(s.GoldMasters, ad)
	}
	plan.Supersedes = s.Product.Supersede && len(plan.Contexts) > 0
	return plan, nil
}

// goldMaster finds the advertised base image among the known ones, where the same
// set of snaps on the same channel is the same base image, or describes a new one.
// A new one counts as released when its channel is stable.
func goldMaster(known []GoldMaster, ad Advertisement) *GoldMaster {
	snaps := sorted(ad.Snaps)
	for _, g := range known {
		if g.Channel == ad.Channel && slices.Equal(sorted(g.Snaps), snaps) {
			return &g
		}
	}
	return &GoldMaster{Snaps: snaps, Channel: ad.Channel, Released: Risk(ad.Channel) == "stable"}
}

// Risk returns the part of a channel behind its last slash: edge for 15.04/edge.
func Risk(channel string) string {
	return channel[strings.LastIndexByte(channel, '/')+1:]
}

// SnapsJSON writes snaps as the JSON list that a Context carries; [] for none.
func SnapsJSON(snaps []Snap) json.RawMessage {
	if len(snaps) == 0 {
		return noSnaps
	}
	out, _ := jsonv2.Marshal(snaps, jsontext.AllowInvalidUTF8(true)) // nothing else in a Snap can fail
	return out
}
