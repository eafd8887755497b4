package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// The scenario file, which says in how_to_read how it is to be played. At this
// level "create" and "answer" are values in memory; picks belong to the agents and
// are left to the tests over HTTP.
type scenario struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Given struct {
		Products []struct {
			Ref, Name, Release string
			Snaps              []string
		} `json:"products"`
		GoldMasters []struct {
			Ref, Product, Channel string
			Snaps                 []Snap
			Released              bool
		} `json:"gold_masters"`
		Specs []struct {
			Ref, Product string
			Platform     *string
			Channels     []string
			Triggers     []Kind
			Enabled      bool
		} `json:"specs"`
	} `json:"given"`
	When []scenarioStep `json:"when"`
	Then []scenarioWant `json:"then"`
}

type scenarioStep struct {
	Step      int             `json:"step"`
	Advertise Kind            `json:"advertise"`
	Product   *string         `json:"product"`
	Body      json.RawMessage `json:"body"`
}

type scenarioWant struct {
	Status        int                   `json:"status"`
	NamesField    string                `json:"message_names_field"`
	Opportunities []scenarioOpportunity `json:"opportunities"`
}

type scenarioOpportunity struct {
	Product         string          `json:"product"`
	Spec            string          `json:"spec"`
	Context         string          `json:"context"`
	ImageUniqueID   string          `json:"image_unique_id"`
	ImageReference  json.RawMessage `json:"image_reference"`
	BaseSnaps       []Snap          `json:"base_snaps"`
	ExtraSnaps      json.RawMessage `json:"extra_snaps"`
	BaseChannel     string          `json:"base_channel"`
	UpdateChannel   *string         `json:"update_channel"`
	PrimarySnapName *string         `json:"primary_snap_name"`
	Platform        *string         `json:"platform"`
}

func TestDecide_scenarios(t *testing.T) {
	t.Parallel()

	raw, err := os.ReadFile("testdata/scenarios.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Scenarios []scenario `json:"scenarios"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Scenarios) != 24 {
		t.Fatalf("%d scenarios, want 24", len(file.Scenarios))
	}
	for _, sc := range file.Scenarios {
		t.Run(sc.ID+" "+sc.Title, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sc)
			for i, step := range sc.When {
				if step.Advertise != "" {
					w.play(step, sc.Then[i])
				}
			}
		})
	}
}

// world is what a server would have stored, and the names of the scenario.
type world struct {
	t        *testing.T
	order    []string // products by creation
	states   map[string]*State
	names    map[uuid.UUID]string                  // specs
	images   map[string]map[string]json.RawMessage // product, image id: reference
	contexts map[string]string                     // label: image id
}

func newWorld(t *testing.T, sc scenario) *world {
	w := &world{
		t: t, states: map[string]*State{}, names: map[uuid.UUID]string{},
		images: map[string]map[string]json.RawMessage{}, contexts: map[string]string{},
	}
	for _, p := range sc.Given.Products {
		w.order = append(w.order, p.Ref)
		w.images[p.Ref] = map[string]json.RawMessage{}
		w.states[p.Ref] = &State{Product: Product{ID: uuid.New(), Release: p.Release, Snaps: p.Snaps}}
	}
	for _, g := range sc.Given.GoldMasters {
		s := w.states[g.Product]
		plan, err := Decide(*s, Advertisement{Kind: KindGoldMaster, Channel: g.Channel, Snaps: g.Snaps})
		if err != nil || len(plan.Opportunities) != 0 {
			t.Fatalf("gold master %s without specs: %v, %v, want no opportunities", g.Ref, plan.Opportunities, err)
		}
		if plan.GoldMaster.Released != g.Released {
			t.Fatalf("gold master %s: released %t, want %t", g.Ref, plan.GoldMaster.Released, g.Released)
		}
		w.store(s, plan)
	}
	for _, sp := range sc.Given.Specs {
		spec := Spec{ID: uuid.New(), Enabled: sp.Enabled, Triggers: sp.Triggers, Channels: sp.Channels, Platform: sp.Platform}
		w.names[spec.ID] = sp.Ref
		w.states[sp.Product].Specs = append(w.states[sp.Product].Specs, spec)
	}
	return w
}

func (w *world) store(s *State, plan Plan) {
	if g := plan.GoldMaster; g != nil && g.ID == uuid.Nil {
		g.ID = uuid.New()
		s.GoldMasters = append(s.GoldMasters, *g)
	}
}

// play advertises and compares. Without a product in the path the advertisement
// goes to every product that references the snap.
func (w *world) play(step scenarioStep, want scenarioWant) {
	w.t.Helper()
	refs := w.order
	if step.Product != nil {
		refs = []string{*step.Product}
	}
	if _, ok := w.states[refs[0]]; !ok {
		if want.Status != 404 {
			w.t.Errorf("step %d: unknown product, want status %d", step.Step, want.Status)
		}
		return
	}
	ad, err := decodeAdvertisement(step.Advertise, step.Body)
	if err == nil {
		err = ad.Check()
	}
	if err != nil {
		w.refused(step, want, err)
		return
	}
	var got []made
	for _, ref := range refs {
		s := *w.states[ref]
		known, ok := w.images[ref][ad.ImageUniqueID]
		s.OtherReference = ok && !bytes.Equal(known, ad.ImageReference)
		plan, err := Decide(s, ad)
		if err != nil {
			w.refused(step, want, err)
			return
		}
		w.store(w.states[ref], plan)
		w.images[ref][ad.ImageUniqueID] = ad.ImageReference
		for _, o := range plan.Opportunities {
			got = append(got, made{ref, plan.Contexts[o.Context], o})
		}
	}
	w.compare(step, ad, got, want)
}

func (w *world) refused(step scenarioStep, want scenarioWant, err error) {
	w.t.Helper()
	status := 400
	if errors.Is(err, ErrOtherReference) {
		status = 409
	}
	if status != want.Status || !strings.Contains(err.Error(), want.NamesField) {
		w.t.Errorf("step %d: %d %q, want %d and a message that names %q", step.Step, status, err, want.Status, want.NamesField)
	}
}

type made struct {
	product     string
	context     Context
	opportunity Opportunity
}

func (w *world) compare(step scenarioStep, ad Advertisement, got []made, want scenarioWant) {
	w.t.Helper()
	if want.Status != 201 {
		w.t.Fatalf("step %d: accepted, want status %d", step.Step, want.Status)
	}
	if len(got) != len(want.Opportunities) {
		w.t.Fatalf("step %d: %d opportunities, want %d", step.Step, len(got), len(want.Opportunities))
	}
	for i, want := range want.Opportunities {
		g := got[i]
		w.compareImageID(step.Step, ad, want, g.context.ImageUniqueID)
		have := scenarioOpportunity{
			Product: g.product, Spec: w.names[g.opportunity.Spec.ID], Context: want.Context, ImageUniqueID: want.ImageUniqueID,
			ImageReference: g.context.ImageReference, BaseSnaps: g.context.BaseSnaps, ExtraSnaps: g.context.ExtraSnaps,
			BaseChannel: g.context.BaseChannel, UpdateChannel: g.context.UpdateChannel, Platform: g.opportunity.Platform,
		}
		if p := g.context.PrimarySnap; p != nil {
			have.PrimarySnapName = &p.Name
		}
		if a, b := asJSON(w.t, have), asJSON(w.t, want); a != b {
			w.t.Errorf("step %d, opportunity %d:\n got %s\nwant %s", step.Step, i, a, b)
		}
	}
}

// compareImageID checks where the id comes from, and that equal labels and only
// equal labels have equal ids.
func (w *world) compareImageID(step int, ad Advertisement, want scenarioOpportunity, got string) {
	w.t.Helper()
	if want.ImageUniqueID == "request" && got != ad.ImageUniqueID {
		w.t.Errorf("step %d: image_unique_id %q, want that of the request, %q", step, got, ad.ImageUniqueID)
	}
	if id, err := uuid.Parse(got); want.ImageUniqueID == "generated" && (err != nil || id.Version() != 5) {
		w.t.Errorf("step %d: image_unique_id %q, want a version 5 UUID", step, got)
	}
	for label, id := range w.contexts {
		if (label == want.Context) != (id == got) {
			w.t.Errorf("step %d: context %s has image_unique_id %s, and %s has %s", step, want.Context, got, label, id)
		}
	}
	w.contexts[want.Context] = got
}

func asJSON(t *testing.T, o scenarioOpportunity) string {
	t.Helper()
	if o.BaseSnaps == nil {
		o.BaseSnaps = []Snap{}
	}
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// decodeAdvertisement reads a request body as the server's generated types do. A
// gold master body on the snaps path is a gold master.
func decodeAdvertisement(kind Kind, body json.RawMessage) (Advertisement, error) {
	var in struct {
		ImageUniqueID  string          `json:"image_unique_id"`
		ImageReference json.RawMessage `json:"image_reference"`
		ExtraSnaps     json.RawMessage `json:"extra_snaps"`
		Name           *string         `json:"name"`
		Revision       int64           `json:"revision"`
		Channel        string          `json:"channel"`
		Snaps          []Snap          `json:"snaps"`
		Platform       *string         `json:"platform"`
		Release        *string         `json:"release"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Advertisement{}, err
	}
	if kind == KindSnap && in.Snaps != nil && in.Name == nil {
		kind = KindGoldMaster
	}
	ad := Advertisement{
		Kind: kind, Channel: in.Channel, ImageUniqueID: in.ImageUniqueID, ImageReference: in.ImageReference,
		ExtraSnaps: in.ExtraSnaps, Snaps: in.Snaps, Platform: in.Platform, Release: in.Release,
	}
	if in.Name != nil {
		ad.Snap.Name = *in.Name
	}
	ad.Snap.Revision = in.Revision
	return ad, nil
}
