package trigger

import (
	"encoding/json"
	"strconv"

	"github.com/google/uuid"
)

// A Context is what a device must look like before the test runs: what to install
// and from where. All opportunities of one context share its ImageUniqueID.
type Context struct {
	ImageUniqueID  string
	ImageReference json.RawMessage // nil when nothing but snaps tells what to install
	BaseSnaps      []Snap          // by name; empty when the base is plain
	ExtraSnaps     json.RawMessage // a JSON list, installed on top of the base
	BaseChannel    string
	UpdateChannel  *string // only when the device is updated from a gold master

	// The snap that the test is about; nil when there is none.
	PrimarySnap *Snap
}

var noSnaps = json.RawMessage("[]")

// contexts returns the contexts of an advertisement in the order in which their
// opportunities are made.
func contexts(s State, ad Advertisement) []Context {
	switch ad.Kind {
	case KindImage:
		return []Context{{
			ImageUniqueID:  ad.ImageUniqueID,
			ImageReference: ad.ImageReference,
			ExtraSnaps:     ad.ExtraSnaps,
			BaseChannel:    ad.Channel,
		}}
	case KindGoldMaster:
		return []Context{generated(s.Product.ID, Context{
			BaseSnaps:   sorted(ad.Snaps),
			ExtraSnaps:  noSnaps,
			BaseChannel: ad.Channel,
			PrimarySnap: s.Product.primarySnap(ad.Snaps),
		}, nil)}
	case KindSnap:
		return snapContexts(s, ad)
	}
	return nil
}

// snapContexts tries the new revision as an update of every released gold master
// that holds another revision of the snap, older or newer, because a way back is a
// test as well. Only when there is none, it is installed fresh.
func snapContexts(s State, ad Advertisement) []Context {
	if !s.Product.references(ad.Snap.Name) {
		return nil
	}
	var out []Context
	for _, g := range s.GoldMasters {
		held, ok := revisionIn(g.Snaps, ad.Snap.Name)
		if !g.Released || !ok || held == ad.Snap.Revision {
			continue
		}
		out = append(out, snapContext(s.Product.ID, ad.Snap, g.Snaps, g.Channel, &ad.Channel))
	}
	if len(out) == 0 {
		out = append(out, snapContext(s.Product.ID, ad.Snap, nil, ad.Channel, nil))
	}
	return out
}

func snapContext(product uuid.UUID, snap Snap, base []Snap, baseChannel string, updateChannel *string) Context {
	extra := []Snap{snap}
	return generated(product, Context{
		BaseSnaps:     sorted(base),
		ExtraSnaps:    SnapsJSON(extra),
		BaseChannel:   baseChannel,
		UpdateChannel: updateChannel,
		PrimarySnap:   &snap,
	}, extra)
}

// generated gives a context the id that follows from what it is: UUID version 5 of
// product, snaps and channels. The same context has the same id whenever it is
// advertised again, so its history lines up.
func generated(product uuid.UUID, c Context, extra []Snap) Context {
	var name []byte
	name = appendSnaps(name, c.BaseSnaps)
	name = appendSnaps(name, sorted(extra))
	name = appendText(name, c.BaseChannel)
	if c.UpdateChannel != nil {
		name = appendText(name, *c.UpdateChannel)
	}
	c.ImageUniqueID = uuid.NewSHA1(product, name).String()
	return c
}

// The name under the UUID is written with lengths in front, so that no two
// contexts share one. It must never change: ids made from it are in databases and
// in the hands of clients.

func appendSnaps(name []byte, snaps []Snap) []byte {
	name = strconv.AppendInt(name, int64(len(snaps)), 10)
	name = append(name, '[')
	for _, s := range snaps {
		name = appendText(name, s.Name)
		name = strconv.AppendInt(name, s.Revision, 10)
		name = append(name, ';')
	}
	return append(name, ']')
}

func appendText(name []byte, text string) []byte {
	name = strconv.AppendInt(name, int64(len(text)), 10)
	name = append(name, ':')
	return append(name, text...)
}
