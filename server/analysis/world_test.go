package analysis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
	"github.com/slipway-lab/slipway/server/servertest"
)

// object is a JSON object as it came.
type object = map[string]any

// world is a file of the contract's samples: what is to be stored, and questions with
// the answers of a reader that shares no code with the server.
type world struct {
	Setup     []object
	Questions []question
}

type question struct {
	Ask    string
	With   object
	Expect object
}

// Both worlds on both databases: every answer is equal.
func TestWorlds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"small", "medium"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("testdata/world_" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var w world
			if err := json.Unmarshal(text, &w); err != nil {
				t.Fatal(err)
			}
			servertest.Each(t, func(t *testing.T, s *servertest.Server) {
				c := newCreation(t, s)
				for _, step := range w.Setup {
					c.store(step)
				}
				for i, q := range w.Questions {
					t.Run(fmt.Sprintf("%d %s", i, q.Ask), func(t *testing.T) { c.ask(t, q) })
				}
			})
		})
	}
}

// start is when the first test of a world began.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// creation is a world while it is stored. ids are what its keys stand for.
type creation struct {
	*servertest.Server
	t    *testing.T
	ids  map[string]string
	at   time.Time
	labs []string
}

func (c *creation) call(method, path string, body any, want int, options ...servertest.Option) object {
	c.t.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		text, options = string(raw), append([]servertest.Option{servertest.JSON()}, options...)
	}
	a := c.Do(method, path, text, append([]servertest.Option{servertest.Admin()}, options...)...)
	if a.Status != want {
		c.t.Fatalf("%s %s: %d %s, want %d\n%.2000s", method, path, a.Status, a.Body, want, text)
	}
	var out object
	if len(a.Body) > 0 {
		if err := json.Unmarshal(a.Body, &out); err != nil {
			c.t.Fatalf("%s %s: %s: %v", method, path, a.Body, err)
		}
	}
	return out
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return v.(string)
}

func (c *creation) store(step object) {
	c.t.Helper()
	key := text(step["key"])
	switch step["do"] {
	case "cloud":
		a := c.call("POST", "/v1/clouds", object{
			"label": step["label"], "version": step["version"], "endpoint": "http://198.51.100.7:5000/v2.0", "test_user": "demo", "admin_user": "admin",
			"admin_endpoint": "http://198.51.100.7:35357/v2.0",
		}, http.StatusCreated)
		c.ids[key] = fmt.Sprint(int64(a["id"].(float64)))
	case "run":
		body := object{}
		if cloud, has := step["cloud"]; has {
			body["cloud_id"] = json.Number(c.ids[cloud.(string)])
		}
		a := c.call("POST", "/v1/runs", body, http.StatusCreated)
		c.ids[key] = fmt.Sprint(int64(a["test_id"].(float64)))
	case "result":
		c.call("POST", "/v1/post-result?test_id="+c.ids[text(step["run"])], string(c.stream(step["tests"].([]any))), http.StatusCreated,
			servertest.With("Content-Type", "application/octet-stream"))
	case "group":
		c.group(key, step)
	case "boot":
		c.boot(step)
	case "product":
		a := c.call("POST", "/v1/products", object{"name": step["name"], "release": step["release"], "snaps": []string{"world-snap.foo"}}, http.StatusCreated)
		c.ids[key] = text(a["id"])
		for _, spec := range step["specs"].([]any) {
			s := spec.(object)
			c.call("POST", "/v1/products/"+c.ids[key]+"/testspecs", object{
				"name": s["name"], "platform": s["platform"], "test_payload": object{}, "max_attempts": 1,
			}, http.StatusCreated)
		}
	case "image":
		c.image(key, step)
	case "known_issue":
		a := c.call("POST", "/v1/known-issues", step["body"], http.StatusCreated)
		c.ids[key] = text(a["id"])
	default:
		c.t.Fatalf("step %v", step)
	}
}

var statuses = map[string]uint16{"exists": 1, "inprogress": 2, "success": 3, "uxsuccess": 4, "skip": 5, "fail": 6, "xfail": 7}

// stream writes tests as a subunit stream.
func (c *creation) stream(tests []any) []byte {
	var out []byte
	for _, one := range tests {
		t := one.([]any)
		id, status := t[0].(string), statuses[t[1].(string)]
		c.at = c.at.Add(time.Second)
		if status == 1 {
			out = subunittest.Append(out, subunittest.Event{ID: &id, Status: status, Time: c.at})
			continue
		}
		out = subunittest.Append(out, subunittest.Event{ID: &id, Status: 2, Time: c.at})
		if len(t) > 2 {
			name := "traceback"
			out = subunittest.Append(out, subunittest.Event{ID: &id, FileName: &name, File: []byte(t[2].(string)), MIME: "text/plain", EOF: true})
		}
		if status != 2 {
			c.at = c.at.Add(time.Second)
			out = subunittest.Append(out, subunittest.Event{ID: &id, Status: status, Time: c.at})
		}
	}
	c.at = c.at.Add(time.Minute)
	return out
}

func reportOf(step object) object {
	body := maps.Clone(step)
	for _, name := range []string{"do", "key", "status", "cases", "groups"} {
		delete(body, name)
	}
	body["defconfig"] = body["defconfig_full"]
	return body
}

func (c *creation) lab(name string) {
	if !slices.Contains(c.labs, name) {
		c.labs = append(c.labs, name)
		c.call("POST", "/v1/lab", object{"name": name, "contact": object{"name": "a", "surname": "b", "email": "a@example.org"}}, http.StatusCreated)
	}
}

func cases(list any) []object {
	out := []object{}
	for _, one := range list.([]any) {
		pair := one.([]any)
		out = append(out, object{"name": pair[0], "status": pair[1]})
	}
	return out
}

func (c *creation) group(key string, step object) {
	c.t.Helper()
	c.lab(text(step["lab_name"]))
	body := reportOf(step)
	body["test_cases"] = cases(step["cases"])
	var subs []object
	for _, one := range step["groups"].([]any) {
		g := one.(object)
		sub := reportOf(step)
		sub["name"], sub["test_cases"] = g["name"], cases(g["cases"])
		subs = append(subs, sub)
	}
	body["sub_groups"] = subs
	a := c.call("POST", "/v1/test/group", body, http.StatusCreated)
	c.ids[key] = a["result"].([]any)[0].(object)["_id"].(object)["$oid"].(string)
}

func (c *creation) boot(step object) {
	c.t.Helper()
	c.lab(text(step["lab_name"]))
	body := reportOf(step)
	body["boot_result"] = step["status"]
	c.call("POST", "/v1/boot", body, http.StatusAccepted)
}

func (c *creation) image(key string, step object) {
	c.t.Helper()
	product := c.ids[text(step["product"])]
	c.ids[key] = product + "/" + url.PathEscape(text(step["image_unique_id"]))
	c.call("POST", "/v1/products/"+product+"/images", object{
		"image_unique_id": step["image_unique_id"], "extra_snaps": []any{}, "channel": "edge", "image_reference": "http://example.org/image",
	}, http.StatusCreated)
	open, done := map[string]string{}, map[string]string{} // spec: its opportunity
	for _, platform := range []string{"amd64", "arm64"} {
		c.pickAll(platform, open)
	}
	for _, one := range step["results"].([]any) {
		r := one.(object)
		spec := text(r["spec"])
		if before, again := done[spec]; again {
			c.call("POST", "/v1/products/"+product+"/tests/opportunities/"+before+"/retry", object{}, http.StatusCreated)
			c.pickAll(text(r["platform"]), open)
		}
		done[spec] = open[spec]
		c.postResult(product, "agent-"+text(r["platform"]), done[spec], r)
	}
}

// pickAll picks what waits for a platform.
func (c *creation) pickAll(platform string, open map[string]string) {
	c.t.Helper()
	agent := "/v1/agents/agent-" + platform
	c.Do("PUT", agent, fmt.Sprintf(`{"platform": %q, "capacity": 100}`, platform), servertest.Admin(), servertest.JSON())
	for {
		a := c.Do("POST", agent+"/pick", "{}", servertest.Admin(), servertest.JSON())
		if a.Status == http.StatusNoContent {
			return
		}
		var o object
		if err := json.Unmarshal(a.Body, &o); err != nil || a.Status != http.StatusOK {
			c.t.Fatalf("pick: %d %s", a.Status, a.Body)
		}
		open[text(o["spec_name"])] = text(o["test_opportunity_id"])
	}
}

func (c *creation) postResult(product, agent, opportunity string, r object) {
	c.t.Helper()
	result, err := json.Marshal(object{"test_opportunity_id": opportunity, "test_status": r["status"], "agent_id": agent, "result_payload": r["payload"]})
	if err != nil {
		c.t.Fatal(err)
	}
	path := "/v1/products/" + product + "/tests/results"
	tests, has := r["tests"].([]any)
	if !has {
		c.call("POST", path, json.RawMessage(result), http.StatusCreated)
		return
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	_ = w.WriteField("result", string(result))
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", "run.subunit")}, "Content-Type": {"application/vnd.subunit"},
	})
	if err == nil {
		_, err = part.Write(c.stream(tests))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.call("POST", path, out.String(), http.StatusCreated, servertest.With("Content-Type", w.FormDataContentType()))
}

// real is a reference of the file with the ids that the server gave.
func (c *creation) real(ref string) string {
	kind, rest, _ := strings.Cut(ref, ":")
	if kind == "kernel" || rest == "" {
		return ref
	}
	key, more, _ := strings.Cut(rest, "/")
	id, known := c.ids[key]
	if !known {
		return ref
	}
	if more != "" {
		id += "/" + more
	}
	return kind + ":" + id
}

func (c *creation) ask(t *testing.T, q question) {
	query := url.Values{}
	path := ""
	for name, v := range q.With {
		switch {
		case name == "head", name == "base":
			query.Set(name, c.real(v.(string)))
		case name == "classes":
			for _, class := range v.([]any) {
				query.Add("class", class.(string))
			}
		case name == "verdicts":
			for _, verdict := range v.([]any) {
				query.Add("verdict", verdict.(string))
			}
		case name == "context":
			var fields []string
			for _, f := range v.([]any) {
				fields = append(fields, f.(string))
			}
			query.Set(name, strings.Join(fields, ","))
		case name == "line":
			pair := v.([]any)
			query.Set(pair[0].(string), c.known(pair[1].(string)))
		case name == "cloud_id", name == "product_id":
			query.Set(name, c.known(v.(string)))
		default:
			query.Set(name, fmt.Sprint(v))
		}
	}
	switch q.Ask {
	case "compare":
		path = "/v1/compare"
		query.Set("limit", "1000")
	case "flaky":
		path = "/v1/flaky-tests"
		query.Set("limit", "1000")
	case "history":
		path = "/v1/test-history"
	default:
		t.Fatalf("question %s", q.Ask)
	}
	a := c.Do("GET", path+"?"+query.Encode(), "", servertest.Admin())
	if want := int(q.Expect["status"].(float64)); a.Status != want {
		t.Fatalf("GET %s?%s: %d %s, want %d", path, query.Encode(), a.Status, a.Body, want)
	}
	if a.Status != http.StatusOK {
		return
	}
	var got object
	if err := json.Unmarshal(a.Body, &got); err != nil {
		t.Fatal(err)
	}
	wanted := c.translate(q.Expect)
	delete(wanted, "status")
	simple := simplify(q.Ask, got)
	for name, want := range wanted {
		if diff := difference(name, simple[name], want); diff != "" {
			t.Errorf("GET %s?%s: %s", path, query.Encode(), diff)
		}
	}
}

func (c *creation) known(key string) string {
	if id, is := c.ids[key]; is {
		return id
	}
	return key
}

// translate puts the server's ids into an expected answer.
func (c *creation) translate(expect object) object {
	out := object{}
	for name, v := range expect {
		out[name] = c.translated(name, v)
	}
	return out
}

func (c *creation) translated(name string, v any) any {
	switch v := v.(type) {
	case object:
		return c.translate(v)
	case []any:
		list := []any{}
		for _, one := range v {
			list = append(list, c.translated(name, one))
		}
		return list
	case string:
		switch name {
		case "head", "base", "set", "version":
			return c.real(v)
		case "known_issue":
			return c.known(v)
		}
	}
	return v
}

// simplify makes of an answer what the file expects of it.
func simplify(ask string, got object) object {
	if ask != "compare" {
		return got
	}
	got["head"], got["base"] = got["head"].(object)["ref"], got["base"].(object)["ref"]
	for _, one := range got["items"].([]any) {
		item := one.(object)
		for _, name := range []string{"head", "base"} {
			if side, is := item[name].(object); is {
				item[name] = side["outcome"]
			}
		}
		if issue, is := item["known_issue"].(object); is {
			item["known_issue"] = issue["id"]
		}
	}
	return got
}

// difference compares what is expected; further fields of an object do not matter,
// except in a context, and a field of a flaky test may stand in its summary.
func difference(place string, got, want any) string {
	switch want := want.(type) {
	case object:
		is, _ := got.(object)
		if strings.HasSuffix(place, ".context") {
			if !reflect.DeepEqual(got, any(want)) {
				return fmt.Sprintf("%s is %v, want %v", place, got, want)
			}
			return ""
		}
		for name, w := range want {
			g, has := is[name]
			if summary, in := is["summary"].(object); !has && in {
				g = summary[name]
			}
			if diff := difference(place+"."+name, g, w); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		is, _ := got.([]any)
		if len(is) != len(want) {
			return fmt.Sprintf("%s has %d entries, want %d\ngot  %v\nwant %v", place, len(is), len(want), got, want)
		}
		for i := range want {
			if diff := difference(fmt.Sprintf("%s[%d]", place, i), is[i], want[i]); diff != "" {
				return diff
			}
		}
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("%s is %v, want %v", place, got, want)
	}
	return ""
}
