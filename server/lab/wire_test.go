package lab_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// recorded is a request that was sent to Drydock and what it answered.
type recorded struct {
	Title   string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    any
	}
}

// wire replays what was recorded against a server of ours.
type wire struct {
	t      *testing.T
	s      *servertest.Server
	names  []string // pairs of what stands in the records and what we have for it
	titles map[string]recorded
	played map[string]bool
}

func newWire(t *testing.T, s *servertest.Server) *wire {
	t.Helper()
	text, err := os.ReadFile("testdata/wire_examples.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Examples []recorded }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, s: s, titles: map[string]recorded{}, played: map[string]bool{}}
	for _, r := range file.Examples {
		w.titles[r.Title] = r
	}
	return w
}

// knows says what we have for something in the records.
func (w *wire) knows(theirs, ours string) { w.names = append(w.names, theirs, ours) }

func (w *wire) ours(text string) string { return strings.NewReplacer(w.names...).Replace(text) }

// play sends the recorded request and compares the whole answer.
func (w *wire) play(title string) servertest.Answer {
	w.t.Helper()
	r, found := w.titles[title]
	if !found {
		w.t.Fatalf("nothing is recorded as %q", title)
	}
	w.played[title] = true
	var options []servertest.Option
	for name, value := range r.Request.Headers {
		options = append(options, servertest.With(name, w.ours(value)))
	}
	body := ""
	if string(r.Request.Body) != "null" {
		body = w.ours(string(r.Request.Body))
	}
	a := w.s.Do(r.Request.Method, w.ours(r.Request.Path), body, options...)
	if a.Status != r.Response.Status || a.Header.Get("X-Drydock-Req") == "" {
		w.t.Errorf("%s: %d %s, want %d", title, a.Status, a.Body, r.Response.Status)
		return a
	}
	for _, name := range []string{"Location", "Content-Disposition", "Www-Authenticate"} {
		if want := w.ours(r.Response.Headers[strings.ToLower(name)]); want != "" && a.Header.Get(name) != want && !uuids.MatchString(want) {
			w.t.Errorf("%s: %s is %q, want %q", title, name, a.Header.Get(name), want)
		}
	}
	if a.Status == 204 || a.Header.Get("Content-Type") == "application/gzip" {
		return a
	}
	var got any
	decode(w.t, a, &got)
	if a.Status >= 400 {
		w.checkError(r, got)
		return a
	}
	text, err := json.Marshal(r.Response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal([]byte(w.ours(string(text))), &want); err != nil {
		w.t.Fatal(err)
	}
	if got, want := canonical(got), canonical(want); !reflect.DeepEqual(got, want) {
		w.t.Errorf("%s:\n%s", title, firstDifference(indented(w.t, got), indented(w.t, want)))
	}
	return a
}

// checkError looks for Drydock's sentence in our one error object.
func (w *wire) checkError(r recorded, got any) {
	w.t.Helper()
	theirs, _ := r.Response.Body.(map[string]any)
	sentence, _ := theirs["message"].(string)
	if text, found := theirs["description"].(string); found {
		sentence = text
	}
	ours, _ := got.(map[string]any)
	message, _ := ours["message"].(string)
	if sentence = strings.TrimSuffix(w.ours(sentence), "."); !strings.Contains(message, sentence) {
		w.t.Errorf("%s: the message is %q, want %q in it", r.Title, message, sentence)
	}
}

var (
	uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	fakes = regexp.MustCompile(`^(fake \w+ on [\w-]+|Simulator: .*nothing was touched\.|simulator: .*)$`)
	hrefs = regexp.MustCompile(`^http://[^/]+/`)
)

// canonical leaves out what differs from call to call: ids, times, and what the
// driver says in its own words. Maps by id become lists.
func canonical(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out, byID := map[string]any{}, []any{}
		for name, value := range v {
			switch {
			case name == "extra": // the text of an object in Drydock
				value = "extra"
			case name == "messageList":
				value = withoutOurs(value)
			}
			if uuids.MatchString(name) {
				byID = append(byID, canonical(value))
			} else {
				out[name] = canonical(value)
			}
		}
		if len(byID) > 0 {
			slices.SortFunc(byID, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			out["by id"] = byID
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, canonical(item))
		}
		if len(out) > 0 && strings.HasPrefix(fmt.Sprint(out[0]), "cedar-") { // names come in any order
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case string:
		if times.MatchString(v) {
			return "time"
		}
		return fakes.ReplaceAllString(hrefs.ReplaceAllString(uuids.ReplaceAllString(v, "<id>"), "http://server/"), "the driver's words")
	}
	return v
}

// withoutOurs leaves out the messages that we have on purpose and Drydock does
// not: which nodes a task is for, and that a driver is a simulator.
func withoutOurs(list any) any {
	items, _ := list.([]any)
	return slices.DeleteFunc(items, func(item any) bool {
		text, _ := item.(map[string]any)["message"].(string)
		return strings.HasPrefix(text, "Nodes in scope: ") || strings.HasPrefix(text, "The node driver is a simulator")
	})
}

func indented(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWire replays the recorded requests to a Drydock in their order. Only the
// validation of a design is left to its own tests, since its record is shortened.
func TestWire(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		w := newWire(t, s)
		ref := storeDesign(t, s, labelled(t, "cedar-n08", "simulate_fail: destroy_node"))
		w.knows("WEAK_TOKEN", s.Token())
		w.knows("TOKEN", servertest.AdminToken)
		w.knows("http://designs.cedarlab.example/site.yaml", ref)
		w.knows("tester", "admin")
		for _, title := range []string{"version document", "health", "extended health", "no token", "token without rights", "unknown path", "method not allowed", "unknown action", "unknown task"} {
			w.play(title)
		}

		prepare := createTask(t, s, "prepare_nodes", ref, "cedar-n08").TaskID
		finished(t, s, prepare)
		for generator, data := range map[string]string{"lshw": "<list/>", "lldp": "<lldp/>"} { // newer than the simulator's
			a := s.Do("POST", "/v1/nodes/cedar-n08/builddata?generator="+generator+"&task_id="+prepare, data, servertest.Admin(), servertest.With("Content-Type", "text/xml"))
			if a.Status != 201 {
				t.Fatalf("build data: %d %s", a.Status, a.Body)
			}
		}
		w.play("build data of a node")
		var deploy task
		decode(t, w.play("create a deploy task"), &deploy)
		w.knows("a91631a2-accf-4347-9d47-50447325a558", deploy.TaskID)
		w.knows("3806f893-522d-4e77-8828-f170536f1722", deploy.TaskID)
		w.play("build data of a task without any")
		bootKey := deployed(t, s, deploy.TaskID, "cedar-n08")
		w.knows("6761fbff5bf06df176993621fe557ee7a3c9c52539b635f8cb8b29726bb51fcd", bootKey)
		w.knows("01M7XNMJT56250FPAV4MB2KXMK", actionID(t, s, "cedar-n08", bootKey))
		for _, title := range []string{
			"boot data files", "boot data without key", "boot action detail message", "boot action wrong key", "boot action bad body",
			"boot action final status", "boot action after the final status",
		} {
			w.play(title)
		}
		finished(t, s, deploy.TaskID)
		w.play("deploy task")
		w.play("deploy task with all layers, build data and subtask errors")

		destroy := createTask(t, s, "destroy_nodes", ref, "cedar-n08", "cedar-n07").TaskID
		finished(t, s, destroy)
		w.knows("46c4ff31-23b6-4d53-92de-0d8cd7e082b0", destroy)
		w.play("destroy task where one node fails, with subtask errors")
		w.play("purge old tasks")
		if a := w.play("node filter"); string(a.Body) != `["cedar-n02","cedar-n04"]` { // sorted for the comparison
			t.Errorf("node filter: %s, want the order of the design", a.Body)
		}
		for title := range w.titles {
			if !w.played[title] && title != "validate a bad design" {
				t.Errorf("the record %q was not replayed", title)
			}
		}
	})
}

// deployed waits until a task has deployed a node but for its boot actions, and
// returns their key.
func deployed(t *testing.T, s *servertest.Server, id, node string) string {
	t.Helper()
	eventually(t, "node "+node+" is deployed", func() bool {
		for _, one := range layers(t, s, id) {
			if one.Action == "bootaction_report" {
				return true
			}
		}
		return false
	})
	var manifest struct{ Key string }
	decode(t, s.Do("GET", "/v1/nodes/"+node+"/manifest", "", servertest.Admin()), &manifest)
	return manifest.Key
}
