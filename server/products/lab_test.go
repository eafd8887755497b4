package products_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// lab is a server with what the tests of this area do to it.
type lab struct {
	*servertest.Server
	t *testing.T
}

// object is a JSON object as it came.
type object = map[string]any

// call sends a JSON body, nil for none, as the admin, and reads the answer,
// which must have the wanted status.
func (l *lab) call(method, path string, body any, want int, options ...servertest.Option) object {
	l.t.Helper()
	a := l.try(method, path, body, options...)
	if a.Status != want {
		l.t.Fatalf("%s %s: %d %s, want %d", method, path, a.Status, a.Body, want)
	}
	return decode(l.t, a.Body)
}

func (l *lab) try(method, path string, body any, options ...servertest.Option) servertest.Answer {
	l.t.Helper()
	text := ""
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	case json.RawMessage:
		text = string(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			l.t.Fatal(err)
		}
		text = string(raw)
	}
	if text != "" {
		options = append([]servertest.Option{servertest.JSON()}, options...)
	}
	return l.Do(method, path, text, append([]servertest.Option{servertest.Admin()}, options...)...)
}

func decode(t *testing.T, body []byte) object {
	t.Helper()
	if len(body) == 0 {
		return nil
	}
	var out object
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("answer %s: %v", body, err)
	}
	return out
}

// product defines a product, with a spec for each name, and returns its path.
func (l *lab) product(name string, specs ...string) string {
	l.t.Helper()
	p := l.call("POST", "/v1/products", object{"name": name, "release": "15.04-core", "snaps": []string{"test-snap.foo"}}, http.StatusCreated)
	path := "/v1/products/" + p["id"].(string)
	for _, s := range specs {
		l.call("POST", path+"/testspecs", object{"name": s, "test_payload": object{"test_cmds": []string{"true"}}}, http.StatusCreated)
	}
	return path
}

// image advertises an image and returns the ids of the opportunities.
func (l *lab) image(product, id string) []string {
	l.t.Helper()
	a := l.call("POST", product+"/images", object{
		"image_unique_id": id, "extra_snaps": []any{}, "channel": "edge", "image_reference": "http://foo.com/bar",
	}, http.StatusCreated)
	return ids(a)
}

func ids(answer object) []string {
	var out []string
	for _, ref := range answer["ids"].([]any) {
		out = append(out, ref.(object)["test_opportunity_id"].(string))
	}
	return out
}

func (l *lab) agent(id string, body object) {
	l.t.Helper()
	if a := l.try("PUT", "/v1/agents/"+url.PathEscape(id), body); a.Status != http.StatusCreated && a.Status != http.StatusOK {
		l.t.Fatalf("register %s: %d %s", id, a.Status, a.Body)
	}
}

func (l *lab) eventTypes(product, opportunity string) []string {
	l.t.Helper()
	a := l.call("GET", product+"/tests/events?test_opportunity_id="+opportunity, nil, http.StatusOK)
	var out []string
	for _, log := range a["event_logs"].([]any) {
		for _, e := range log.(object)["events"].([]any) {
			out = append(out, e.(object)["event_type"].(string))
		}
	}
	return out
}

func asText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func field(o object, name string) string { return fmt.Sprint(o[name]) }

func eachLab(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Helper()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) { test(t, &lab{s, t}) })
}
