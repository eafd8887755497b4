package products_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
)

// run picks everything there is with an agent and posts a status for each.
func (l *lab) run(product, agent string, statuses ...string) []object {
	l.t.Helper()
	l.agent(agent, object{"agent_revno": "197"})
	var out []object
	for _, status := range statuses {
		o := l.call("POST", "/v1/agents/"+agent+"/pick", nil, http.StatusOK)
		out = append(out, l.call("POST", product+"/tests/results", object{
			"test_opportunity_id": o["test_opportunity_id"], "test_status": status, "agent_id": agent, "result_payload": object{"k": "v"},
		}, http.StatusCreated))
	}
	return out
}

func TestResults_Filters(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		began := time.Now()
		path := l.product("p", "smoke", "soak")
		l.image(path, "I1")
		l.call("POST", path+"/snaps", object{"name": "test-snap.foo", "revision": 2, "channel": "15.04/edge"}, http.StatusCreated)
		done := l.run(path, "a1", "PASSED", "failed", "weird_1")
		done = append(done, l.run(path, "a2", "PASSED")...)
		for query, want := range map[string]int{
			"": 4, "?test_status=passed": 2, "?test_status=WEIRD_1": 1, "?spec_name=smoke": 2, "?agent_id=a2": 1, "?image_unique_id=I1": 2,
			"?primary_snap_name=test-snap.foo": 2, "?base_channel=15.04/edge": 2, "?update_channel=edge": 0, "?base_channel=edge&test_status=FAILED": 1,
			"?test_opportunity_id=" + field(done[3], "test_opportunity_id"): 1, "?test_opportunity_id=x": 0,
			"?start_date=20150826T00%3A00%3A00": 4, "?end_date=20150826": 0, "?start_date=" + url.QueryEscape(field(done[1], "created_at")): 3,
			"?start_date=" + began.UTC().Format("20060102") + "&end_date=" + time.Now().UTC().Add(time.Hour).Format("20060102"): 4,
			"?start_date=+20150914+17:51:31+Z+": 4, "?end_date=%09%2020150914%20%20": 0,
		} {
			list := l.call("GET", path+"/results"+query, nil, http.StatusOK)["test_results"].([]any)
			if len(list) != want {
				t.Errorf("results%s: %d, want %d", query, len(list), want)
			}
		}
		first := l.call("GET", path+"/tests/results?limit=1", nil, http.StatusOK)["test_results"].([]any)[0].(object)
		if first["id"] != done[0]["id"] || first["agent_revno"] != "197" || first["agent-id"] != "a1" || field(first["test_spec"].(object), "name") != "smoke" {
			t.Errorf("first result %v, want the oldest, with what the agent said of itself", first)
		}
		l.call("GET", path+"/tests/results/"+field(first, "id"), nil, http.StatusOK)
	})
}

func TestResults_Dates(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("dates/testdata/dates.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Text       string
			QueryValue string `json:"query_value"`
			Status     int
			ErrorID    string `json:"error_id"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	l := &lab{servertest.New(t), t}
	path := l.product("p")
	for _, c := range file.Cases {
		for _, name := range []string{"start_date", "end_date"} {
			for _, list := range []string{"/tests/results", "/results", "/tests/events"} {
				a := l.try("GET", path+list+"?"+name+"="+c.QueryValue, nil)
				if a.Status != c.Status || c.Status == 400 && (!strings.Contains(string(a.Body), name) || field(decode(t, a.Body), "id") != "invalid-date") {
					t.Errorf("%s?%s=%s: %d %s, want %d", list, name, c.QueryValue, a.Status, a.Body, c.Status)
				}
			}
		}
	}
	for _, query := range []string{"start_date=2015&end_date=2016", "start_date=20150102&start_date=20150103", "start_date=20150103&end_date=20150102"} {
		if a := l.try("GET", path+"/results?"+query, nil); a.Status != 400 || field(decode(t, a.Body), "id") != "invalid-date" {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		body := `{"name": "test-snap.foo", "revision": 2, "channel": "edge"}`
		key := servertest.With("Idempotency-Key", "k1")
		first := l.try("POST", path+"/snaps", body, key)
		again := l.try("POST", path[len("/v1"):]+"/snaps", body, key) // the same path in another spelling
		if first.Status != http.StatusCreated || again.Status != http.StatusCreated || string(first.Body) != string(again.Body) {
			t.Errorf("%d %s and %d %s, want the same", first.Status, first.Body, again.Status, again.Body)
		}
		if a := l.call("POST", path+"/snaps", strings.Replace(body, "2", "3", 1), http.StatusConflict, key); a["id"] != "conflict" {
			t.Errorf("another body under the key: %v", a)
		}
		l.call("POST", path+"/snaps?strict=true", body, http.StatusConflict, key)
		if n := len(l.call("GET", path+"/tests/opportunities", nil, http.StatusOK)["test_opportunities"].([]any)); n != 1 {
			t.Errorf("%d opportunities, want 1", n)
		}
		// Somebody else's key is another one, and a refusal is not kept.
		operator := servertest.As(l.Token("operator"))
		if a := l.Do("POST", path+"/snaps", body, operator, servertest.JSON(), key); a.Status != http.StatusCreated || string(a.Body) == string(first.Body) {
			t.Errorf("the key of another principal: %d %s", a.Status, a.Body)
		}
		l.agent("a1", object{})
		pick := servertest.With("Idempotency-Key", "k2")
		one, two := l.try("POST", "/v1/agents/a1/pick", nil, pick), l.try("POST", "/v1/agents/a1/pick", nil, pick)
		if one.Status != http.StatusOK || string(one.Body) != string(two.Body) {
			t.Errorf("picks under one key: %d %s and %d %s", one.Status, one.Body, two.Status, two.Body)
		}
	})
}

func TestOpportunity_SaysWhyItWaits(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p")
		l.call("POST", path+"/testspecs", object{"name": "s", "test_payload": 1, "platform": "armhf", "agent_group": "lab2"}, http.StatusCreated)
		o := l.image(path, "I1")[0]
		l.image(path, "I1")
		want := func(code, part string) {
			t.Helper()
			a := l.call("GET", path+"/tests/opportunities/"+o, nil, http.StatusOK)
			if a["waiting_code"] != code || !strings.Contains(field(a, "waiting_reason"), part) {
				t.Errorf("waits because %v: %v, want %s with %q", a["waiting_code"], a["waiting_reason"], code, part)
			}
		}
		want("no-agent", "no agent registered")
		l.agent("a1", object{"platform": "amd64"})
		want("no-agent", "armhf")
		l.agent("a2", object{"platform": "armhf"})
		want("no-agent", "lab2")
		l.agent("a3", object{"platform": "armhf", "agent_group": "lab2", "mode": "offline"})
		want("none-online", "1 offline")
		l.agent("a3", object{"platform": "armhf", "agent_group": "lab2", "mode": "online"})
		want("not-asked", "1 agent")
		o2 := l.call("POST", "/v1/agents/a3/pick", nil, http.StatusOK)["test_opportunity_id"].(string)
		if o2 != o {
			t.Fatalf("picked %s, want the oldest, %s", o2, o)
		}
		a := l.call("GET", path+"/tests/opportunities?state=QUEUED", nil, http.StatusOK)["test_opportunities"].([]any)[0].(object)
		if a["waiting_code"] != "all-busy" {
			t.Errorf("the second waits because %v: %v", a["waiting_code"], a["waiting_reason"])
		}
	})
}

func TestOutput(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		l.image(path, "I1")
		l.agent("a1", object{})
		o := l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK)
		token := servertest.With("Lease-Token", field(o["lease"].(object), "token"))
		out := path + "/tests/opportunities/" + field(o, "test_opportunity_id") + "/output"
		for _, piece := range []struct {
			offset, text string
			status       int
			size         string
		}{
			{"0", "boot", 200, "4"}, {"0", "boot", 200, "4"}, {"4", "ing\n", 200, "8"}, {"2", "oting\nok", 200, "10"}, {"12", "x", 409, ""}, {"0", "root", 409, ""},
		} {
			a := l.Do("POST", out+"?offset="+piece.offset, piece.text, servertest.Admin(), token, servertest.With("Content-Type", "text/plain"))
			if a.Status != piece.status || piece.size != "" && field(decode(t, a.Body), "size") != piece.size {
				t.Errorf("append %q at %s: %d %s, want %d", piece.text, piece.offset, a.Status, a.Body, piece.status)
			}
		}
		if a := l.Do("POST", out+"?offset=10", "x", servertest.Admin(), servertest.With("Lease-Token", "other")); a.Status != 409 {
			t.Errorf("append under another lease: %d %s", a.Status, a.Body)
		}
		for query, want := range map[string]string{"": "booting\nok", "?offset=5": "ng\nok", "?offset=10": "", "?offset=99": ""} {
			if a := l.try("GET", out+query, nil); a.Status != 200 || string(a.Body) != want {
				t.Errorf("GET output%s: %d %q, want %q", query, a.Status, a.Body, want)
			}
		}
		l.call("POST", path+"/tests/results", object{"test_opportunity_id": o["test_opportunity_id"], "test_status": "PASSED", "agent_id": "a1"}, http.StatusCreated)
		a := l.try("GET", out, nil, servertest.With("Accept", "text/event-stream"), servertest.With("Last-Event-ID", "4"))
		if want := "id: 10\nevent: output\ndata: {\"text\":\"ing\\n"; !strings.Contains(string(a.Body), "ing") || a.Status != 200 {
			t.Errorf("stream %q, want like %q, and an end", a.Body, want)
		}
	})
}

// A character whose halves come in two pieces is one character of the stream, and
// half of one at the very end is not withheld.
func TestOutput_StreamOfCharacters(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		l.image(path, "I1")
		l.agent("a1", object{})
		o := l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK)
		out := path + "/tests/opportunities/" + field(o, "test_opportunity_id") + "/output"
		add := func(offset, text string) {
			a := l.Do("POST", out+"?offset="+offset, text, servertest.Admin(), servertest.With("Lease-Token", field(o["lease"].(object), "token")))
			if a.Status != http.StatusOK {
				t.Fatalf("append at %s: %d %s", offset, a.Status, a.Body)
			}
		}
		add("0", "a\xc3")
		live := l.listen(out)
		heard := func(id, text string) {
			t.Helper()
			gotID, _, data, _ := live.next()
			if got := field(decode(t, []byte(data)), "text"); gotID != id || got != text {
				t.Errorf("event %s %q, want %s %q", gotID, got, id, text)
			}
		}
		heard("1", "a")
		add("2", "\xa9b\xe6\x97")
		heard("4", "éb")
		l.call("POST", path+"/tests/results", object{"test_opportunity_id": o["test_opportunity_id"], "test_status": "PASSED", "agent_id": "a1"}, http.StatusCreated)
		heard("6", "\ufffd\ufffd")
		if _, _, data, ok := live.next(); ok {
			t.Errorf("after the end: %s", data)
		}
	})
}

// A result that is posted many times at once is one result, whatever the answer
// that each of them gets.
func TestResult_PostedAtOnce(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		l.image(path, "I1")
		l.agent("a1", object{})
		o := field(l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK), "test_opportunity_id")
		body := `{"test_opportunity_id": "` + o + `", "test_status": "PASSED", "agent_id": "a1", "result_payload": 1}`
		var mu sync.Mutex
		statuses := map[int]int{}
		var posting sync.WaitGroup
		for range 16 {
			posting.Go(func() {
				a := l.Do("POST", path+"/results", body, servertest.Admin(), servertest.JSON())
				mu.Lock()
				defer mu.Unlock()
				statuses[a.Status]++
			})
		}
		posting.Wait()
		if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != 15 {
			t.Errorf("statuses %v, want 201 once and 200 15 times", statuses)
		}
		if got := strings.Join(l.eventTypes(path, o), " "); got != "QUEUED_FOR_AGENTS PICKED_BY_AGENT RESULT_POSTED RESULT_STORED" {
			t.Errorf("events %s", got)
		}
	})
}

// Two replicas sweep at once: what is over ends once.
func TestSweep_TwoReplicas(t *testing.T) {
	t.Parallel()
	one, two := replicas(t)
	l := &lab{one, t}
	path := l.product("p")
	for i := range 20 {
		spec := object{"name": fmt.Sprint(i), "test_payload": 1, "queue_ttl_seconds": 1, "max_attempts": 1}
		l.call("POST", path+"/testspecs", spec, http.StatusCreated)
	}
	made := l.image(path, "I1")
	until(t, "all expired", func() bool {
		a := (&lab{two, t}).try("GET", path+"/tests/opportunities?state=EXPIRED&limit=1", nil)
		return a.Header.Get("X-Total-Count") == "20"
	})
	for _, o := range made {
		if got := strings.Join(l.eventTypes(path, o), " "); got != "QUEUED_FOR_AGENTS EXPIRED RESULT_STORED" {
			t.Errorf("events %s", got)
		}
	}
	results := l.call("GET", path+"/results?test_status=ERROR", nil, http.StatusOK)["test_results"].([]any)
	if len(results) != 20 || results[0].(object)["synthetic"] != true || results[0].(object)["agent-id"] != nil {
		t.Errorf("%d results, the first %v", len(results), results[0])
	}
}
