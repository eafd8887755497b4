package products_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The scenario file says in how_to_read how it is to be played.
type scenario struct {
	ID    string
	Title string
	Given struct {
		Products    []object
		GoldMasters []object `json:"gold_masters"`
		Specs       []object
	}
	When []scenarioStep
	Then []scenarioWant
}

type scenarioStep struct {
	Step   int
	Method string
	Path   string
	Body   json.RawMessage
	Pick   object
}

type scenarioWant struct {
	Status           int
	IDsCount         int  `json:"ids_count"`
	IDsHaveProduct   bool `json:"ids_have_product_id"`
	Opportunities    []object
	ErrorID          string `json:"error_id"`
	NamesField       string `json:"message_names_field"`
	NewOpportunities *int   `json:"new_opportunities"`
	Picked           *object
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("trigger/testdata/scenarios.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Scenarios []scenario }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Scenarios) != 24 {
		t.Fatalf("%d scenarios, want 24", len(file.Scenarios))
	}
	eachLab(t, func(t *testing.T, l *lab) {
		for _, sc := range file.Scenarios {
			t.Run(sc.ID, func(t *testing.T) {
				play(t, &lab{l.Server, t}, sc)
			})
		}
	})
}

// stage is what a scenario's names stand for.
type stage struct {
	*lab
	sc       scenario
	products map[string]string // ref: id
	specs    map[string]string // id: ref
	contexts map[string]string // label: image id
	seen     map[string]bool   // opportunities
	holding  map[string][]string
}

func play(t *testing.T, l *lab, sc scenario) {
	s := &stage{
		lab: l, sc: sc, products: map[string]string{"P9": "00000000-0000-4000-8000-000000000009"}, specs: map[string]string{},
		contexts: map[string]string{}, seen: map[string]bool{}, holding: map[string][]string{},
	}
	s.prepare()
	for i, step := range sc.When {
		want := sc.Then[i]
		if step.Pick != nil {
			s.pick(step, want)
			continue
		}
		s.advertise(step, want)
	}
	s.forget()
}

// prepare makes what is given. Product names repeat from scenario to scenario,
// so the products of the one before are deleted at its end.
func (s *stage) prepare() {
	s.t.Helper()
	for _, p := range s.sc.Given.Products {
		a := s.call("POST", "/products", p, http.StatusCreated)
		s.products[field(p, "ref")] = field(a, "id")
	}
	for _, g := range s.sc.Given.GoldMasters {
		path := "/products/" + s.products[field(g, "product")] + "/gold-masters"
		if a := s.call("POST", path, g, http.StatusCreated); len(ids(a)) != 0 {
			s.t.Fatalf("gold master without specs made %v", a)
		}
		list := s.call("GET", path, nil, http.StatusOK)["gold_masters"].([]any)
		id := field(list[len(list)-1].(object), "id")
		s.call("PATCH", path+"/"+id, object{"released": g["released"]}, http.StatusOK)
	}
	for _, t := range s.sc.Given.Specs {
		spec := maps.Clone(t) // without the names that only the scenario knows
		delete(spec, "ref")
		delete(spec, "product")
		a := s.call("POST", "/products/"+s.products[field(t, "product")]+"/testspecs", spec, http.StatusCreated)
		s.specs[field(a, "id")] = field(t, "ref")
	}
}

func (s *stage) forget() {
	for ref, id := range s.products {
		if ref != "P9" {
			s.call("DELETE", "/products/"+id+"?force=true", nil, http.StatusNoContent)
		}
	}
}

func (s *stage) count() int {
	s.t.Helper()
	n := 0
	for ref, id := range s.products {
		if ref != "P9" {
			n += len(s.call("GET", "/products/"+id+"/tests/opportunities?limit=1000", nil, http.StatusOK)["test_opportunities"].([]any))
		}
	}
	return n
}

func (s *stage) advertise(step scenarioStep, want scenarioWant) {
	s.t.Helper()
	path := step.Path
	for ref, id := range s.products {
		path = strings.ReplaceAll(path, "{"+ref+"}", id)
	}
	before := s.count()
	a := s.call(step.Method, path, step.Body, want.Status)
	if want.Status != http.StatusCreated {
		if got := field(a, "id"); want.ErrorID != "" && got != want.ErrorID {
			s.t.Errorf("step %d: id %s, want %s", step.Step, got, want.ErrorID)
		}
		if got := field(a, "message"); !strings.Contains(got, want.NamesField) {
			s.t.Errorf("step %d: message %q, want it to name %q", step.Step, got, want.NamesField)
		}
		if n := s.count() - before; want.NewOpportunities != nil && n != *want.NewOpportunities {
			s.t.Errorf("step %d: %d new opportunities, want %d", step.Step, n, *want.NewOpportunities)
		}
		return
	}
	refs := a["ids"].([]any)
	if len(refs) != want.IDsCount {
		s.t.Fatalf("step %d: %d ids, want %d", step.Step, len(refs), want.IDsCount)
	}
	for i, ref := range refs {
		s.compare(step, want, ref.(object), want.Opportunities[i])
	}
}

func (s *stage) compare(step scenarioStep, want scenarioWant, ref, o object) {
	s.t.Helper()
	product := s.products[field(o, "product")]
	if _, has := ref["product_id"]; has != want.IDsHaveProduct || has && ref["product_id"] != product {
		s.t.Errorf("step %d: %v, want product_id %t", step.Step, ref, want.IDsHaveProduct)
	}
	id := field(ref, "test_opportunity_id")
	if s.seen[id] {
		s.t.Errorf("step %d: opportunity %s again", step.Step, id)
	}
	s.seen[id] = true
	got := s.call("GET", "/products/"+product+"/tests/opportunities/"+id, nil, http.StatusOK)
	if got["image_unique_id"] != ref["image_unique_id"] || s.specs[field(got, "spec_id")] != o["spec"] {
		s.t.Errorf("step %d: %v, want spec %v", step.Step, got, o["spec"])
	}
	for _, name := range []string{
		"image_reference", "base_snaps", "extra_snaps", "base_channel", "update_channel", "primary_snap_name", "platform", "agent_group",
	} {
		if _, listed := o[name]; listed && asText(got[name]) != asText(o[name]) {
			s.t.Errorf("step %d: %s %s, want %s", step.Step, name, asText(got[name]), asText(o[name]))
		}
	}
	s.compareImage(step, field(got, "image_unique_id"), o)
}

func (s *stage) compareImage(step scenarioStep, got string, o object) {
	s.t.Helper()
	if o["image_unique_id"] == "request" && !strings.Contains(string(step.Body), `"`+got+`"`) {
		s.t.Errorf("step %d: image_unique_id %s is not that of the request", step.Step, got)
	}
	if o["image_unique_id"] == "generated" && len(got) != 36 {
		s.t.Errorf("step %d: image_unique_id %s is no UUID", step.Step, got)
	}
	label := field(o, "context")
	for other, id := range s.contexts {
		if (other == label) != (id == got) {
			s.t.Errorf("step %d: context %s is %s, and %s is %s", step.Step, label, got, other, id)
		}
	}
	s.contexts[label] = got
}

func (s *stage) pick(step scenarioStep, want scenarioWant) {
	s.t.Helper()
	id := field(step.Pick, "id")
	name := s.sc.ID + "-" + id
	s.agent(name, object{"platform": step.Pick["platform"], "agent_group": step.Pick["agent_group"], "capacity": 10})
	a := s.call("POST", "/agents/"+name+"/pick", object{"holding": append([]string{}, s.holding[id]...)}, want.Status)
	if want.Picked == nil {
		return
	}
	s.holding[id] = append(s.holding[id], field(a, "test_opportunity_id"))
	if spec := s.specs[field(a, "spec_id")]; spec != field(*want.Picked, "spec") {
		s.t.Errorf("step %d: picked %s, want %v", step.Step, spec, *want.Picked)
	}
}
