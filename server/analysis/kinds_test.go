package analysis_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

func (c *creation) classesOf(query url.Values, options ...servertest.Option) []string {
	c.t.Helper()
	var got []string
	for _, one := range list(c.get("/v1/compare", query, options...), "items") {
		i := one.(object)
		got = append(got, fmt.Sprint(i["name"], " ", i["class"]))
	}
	return got
}

// Published results are a line by their cpid; one with a stream shows the stream's
// tests, and one that is private does not exist for others.
func TestCompare_Published(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		publish := func(cpid string, as servertest.Option, names ...string) string {
			results := []object{}
			for _, name := range names {
				results = append(results, object{"name": name})
			}
			a := c.call("POST", "/v1/results", object{"cpid": cpid, "duration_seconds": 1, "results": results}, http.StatusCreated, as)
			return "published:" + text(a["test_id"])
		}
		admin := servertest.Admin()
		first := publish("x", admin, "a", "b")
		publish("y", admin, "other")
		second := publish("x", admin, "a", "c")
		got := c.get("/v1/compare", url.Values{"head": {second}})
		if ref := got["base"].(object)["ref"]; ref != first {
			t.Errorf("the previous is %v, want %s", ref, first)
		}
		if classes := c.classesOf(url.Values{"head": {second}, "class": {"all"}}); !reflect.DeepEqual(classes, []string{"a still_passing", "b gone", "c new_passing"}) {
			t.Errorf("%q", classes)
		}
		for _, one := range list(c.get("/v1/compare", url.Values{"head": {second}, "class": {"all"}}), "items") {
			for _, side := range []string{"head", "base"} {
				if at, is := one.(object)[side].(object); is {
					c.call("GET", at["href"].(string), nil, http.StatusOK)
				}
			}
		}
		entry := list(c.get("/v1/test-history", url.Values{"name": {"c"}}), "entries")[0].(object)
		if entry["set"] != second || entry["version"] != nil {
			t.Errorf("history %v", entry)
		}
		if n := len(list(c.get("/v1/test-history", url.Values{"name": {"c"}, "source": {"run"}}), "entries")); n != 0 {
			t.Errorf("a published result is a run's: %d entries", n)
		}
	})
}

// An opportunity is compared with the last one of its spec, platform and release; its
// status is a test unless its file says why it failed.
func TestCompare_Opportunities(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.store(object{"do": "product", "key": "P", "name": "p", "release": "r", "specs": []any{object{"name": "smoke", "platform": "amd64"}, object{"name": "full", "platform": "amd64"}}})
		passed, failed := []any{[]any{"a", "success"}}, []any{[]any{"a", "fail", "no route"}}
		image := func(id, smoke string, tests any) {
			c.store(object{"do": "image", "key": id, "product": "P", "image_unique_id": id, "results": []any{
				object{"spec": "full", "platform": "amd64", "status": "PASSED"},
				object{"spec": "smoke", "platform": "amd64", "status": smoke, "tests": tests},
			}})
		}
		image("I1", "PASSED", passed)
		image("I2", "FAILED", passed) // the file does not say why
		image("I3", "FAILED", failed)
		var refs []string
		for _, one := range list(c.get("/v1/test-history", url.Values{"name": {"a"}, "product_id": {c.ids["P"]}}), "entries") {
			refs = append([]string{text(one.(object)["set"])}, refs...)
		}
		if len(refs) != 3 {
			t.Fatalf("opportunities %q", refs)
		}
		for i, want := range [][]string{1: {"a still_passing", "smoke new_failing"}, 2: {"a new_failure", "smoke gone"}} {
			if want == nil {
				continue
			}
			got := c.get("/v1/compare", url.Values{"head": {refs[i]}, "class": {"all"}})
			if ref := got["base"].(object)["ref"]; ref != refs[i-1] {
				t.Errorf("the previous of %s is %v, want %s", refs[i], ref, refs[i-1])
			}
			if classes := c.classesOf(url.Values{"head": {refs[i]}, "class": {"all"}}); !reflect.DeepEqual(classes, want) {
				t.Errorf("%d: %q, want %q", i, classes, want)
			}
			for _, side := range []string{"head", "base"} {
				c.call("GET", got[side].(object)["href"].(string), nil, http.StatusOK)
			}
			for _, one := range list(got, "items") {
				for _, side := range []string{"head", "base"} {
					if at, is := one.(object)[side].(object); is {
						c.call("GET", at["href"].(string), nil, http.StatusOK)
					}
				}
			}
		}
		c.call("POST", "/v1/products/"+c.ids["P"]+"/images", object{ // its first time counts
			"image_unique_id": "I1", "extra_snaps": []any{}, "channel": "stable", "image_reference": "http://example.org/image",
		}, http.StatusCreated)
		if a := c.Do("GET", "/v1/compare?head=image:"+c.ids["I1"], "", servertest.Admin()); a.Status != http.StatusNotFound {
			t.Errorf("an image that was advertised again has a previous: %d %s", a.Status, a.Body)
		}
		if ref := c.get("/v1/compare", url.Values{"head": {"image:" + c.ids["I2"]}})["base"].(object)["ref"]; ref != "image:"+c.ids["I1"] {
			t.Errorf("the previous image is %v", ref)
		}
		if classes := c.classesOf(url.Values{"head": {"image:" + c.ids["I3"]}, "history": {"5"}}); !reflect.DeepEqual(classes, []string{"a new_failure", "smoke gone"}) {
			t.Errorf("the image: %q", classes)
		}
	})
}

// What an agent says of a failure in the payload of its result is the failure's text.
func TestCompare_OpportunityTexts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.store(object{"do": "product", "key": "P", "name": "p", "release": "r", "specs": []any{object{"name": "smoke", "platform": "amd64"}, object{"name": "full", "platform": "amd64"}}})
		results := func(smoke, full object) {
			smoke["spec"], smoke["platform"], full["spec"], full["platform"] = "smoke", "amd64", "full", "amd64"
			id := fmt.Sprint("I", len(c.ids))
			c.store(object{"do": "image", "key": id, "product": "P", "image_unique_id": id, "results": []any{smoke, full}})
			c.ids["last"] = c.ids[id]
		}
		results(object{"status": "PASSED"}, object{"status": "PASSED", "payload": object{"message": "never mind"}})
		results(object{"status": "FAILED", "payload": object{"message": "no route to 10.0.0.7", "exit": 4}}, object{"status": "ERROR", "payload": "no route to 10.0.0.8\nmore"})
		c.call("POST", "/v1/known-issues", object{"title": "routes", "match": object{"name": "smoke", "message": "no route"}}, http.StatusCreated)
		got := c.get("/v1/compare", url.Values{"head": {"image:" + c.ids["last"]}})
		messages := map[any]any{}
		for _, one := range list(got, "items") {
			messages[one.(object)["name"]] = one.(object)["message"]
		}
		if want := map[any]any{"smoke": "no route to 10.0.0.7", "full": "no route to 10.0.0.8"}; !reflect.DeepEqual(messages, want) {
			t.Errorf("messages %v, want %v", messages, want)
		}
		if got["known"] != 1.0 || explainedBy(list(got, "items"), "name", "smoke") != "routes" {
			t.Errorf("known %v: %v", got["known"], got["items"])
		}
		groups := list(c.get("/v1/compare", url.Values{"head": {"image:" + c.ids["last"]}, "group_by": {"message"}}), "groups")
		if len(groups) != 1 || groups[0].(object)["tests"] != 2.0 {
			t.Errorf("groups by message: %v", groups)
		}
		entry := list(c.get("/v1/test-history", url.Values{"name": {"smoke"}}), "entries")[0].(object)
		if issue, is := entry["known_issue"].(object); !is || issue["title"] != "routes" {
			t.Errorf("history: %v", entry)
		}
	})
}

// storePublished publishes a result of an owner, who has not shared it; of nobody it
// is public.
func storePublished(t *testing.T, s *servertest.Server, owner, status string) string {
	t.Helper()
	ctx, rs := t.Context(), refstackstore.New(s.Store)
	sha := strings.Repeat(fmt.Sprintf("%08x", len(owner)+len(status)), 8)
	r := &resultstore.Result{SHA256: sha, ContentSHA256: sha, Format: "json", Complete: true, Outcome: "pass", Tests: 1}
	if err := rs.BeginResult(ctx, r); err != nil {
		t.Fatal(err)
	}
	parsed, _ := resultstore.ParseTestStatus(status)
	tests := []resultstore.Test{{Name: "a", Status: parsed, Records: 1}}
	names := resultstore.NewNameList()
	defer names.Close()
	names.Add(tests)
	if err := errors.Join(rs.InsertTests(ctx, r.Key, tests), rs.InsertNameList(ctx, r, names)); err != nil {
		t.Fatal(err)
	}
	p, err := rs.Publish(ctx, &refstackstore.Published{CPID: "x", Owner: owner}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return "published:" + p.ID.String()
}

// A private result is nobody's previous, and does not exist for others.
func TestCompare_Private(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		private, head := storePublished(t, s, "me", "success"), storePublished(t, s, "", "fail")
		other := servertest.As(s.Token(auth.Operator))
		for _, q := range []url.Values{{"head": {private}, "base": {"none"}}, {"head": {head}, "base": {private}}} {
			if a := c.Do("GET", "/v1/compare?"+q.Encode(), "", other); a.Status != http.StatusNotFound {
				t.Errorf("somebody else compares %v: %d %s", q, a.Status, a.Body)
			}
			c.get("/v1/compare", q)
		}
		if a := c.Do("GET", "/v1/compare?head="+head, "", servertest.Admin()); a.Status != http.StatusNotFound {
			t.Errorf("a private result is previous: %d %s", a.Status, a.Body)
		}
		for n, as := range map[int]servertest.Option{1: other, 2: servertest.Admin()} {
			if got := len(list(c.get("/v1/test-history", url.Values{"name": {"a"}}, as), "entries")); got != n {
				t.Errorf("the history has %d entries, want %d", got, n)
			}
		}
	})
}
