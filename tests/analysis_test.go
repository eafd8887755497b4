package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestKill_Comparisons kills the server with SIGKILL again and again while results
// come in. In the end every result that was acknowledged was compared with the one
// before it, and none was told of twice.
func TestKill_Comparisons(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir())
	decode := func(method, path, contentType, body string) (out map[string]any, err error) {
		status, text, err := p.call(method, path, contentType, body)
		if err == nil && status/100 != 2 {
			err = fmt.Errorf("%s %s: %d %s", method, path, status, text)
		}
		if err == nil {
			err = json.Unmarshal(text, &out)
		}
		return out, err
	}
	cloud, err := decode("POST", "/v1/clouds", "application/json",
		`{"label":"c","version":"v3","endpoint":"http://c/","admin_endpoint":"http://c/","admin_user":"a","test_user":"t"}`)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	post := func(i int) error {
		run, err := decode("POST", "/v1/runs", "application/json", fmt.Sprintf(`{"cloud_id":%v}`, cloud["id"]))
		if err != nil {
			return err
		}
		id := int64(run["test_id"].(float64))
		if _, err := decode("POST", fmt.Sprintf("/v1/post-result?test_id=%d", id), "application/x-subunit", fmt.Sprintf("test: t%d\nfailure: t%d\n", i, i)); err != nil {
			return err
		}
		acknowledged[fmt.Sprintf("run:%d/1", id)] = true
		return nil
	}
	if err := post(0); err != nil {
		t.Fatal(err)
	}
	clear(acknowledged) // the first has nothing before it
	for round := range 4 {
		posted := make(chan error, 1)
		go func() {
			for i := 1; ; i++ {
				if err := post(100*round + i); err != nil {
					posted <- err
					return
				}
				if i == 8+3*round {
					posted <- nil
				}
			}
		}()
		if err := await.Receive(t, "some results", posted); err != nil {
			t.Fatal(err)
		}
		p.kill(t)
		if await.Receive(t, "the end of the connection", posted) == nil {
			t.Fatal("the server answers though it was killed")
		}
		p.restart(t)
	}
	var told map[string]int
	await.That(t, "a comparison for each result", func() bool {
		told = map[string]int{}
		status, text, err := p.call(http.MethodGet, "/v1/events?limit=1000&event_type=comparison", "", "")
		var log struct {
			Events []struct {
				Data struct{ Head struct{ Ref string } }
			}
		}
		if err != nil || status != http.StatusOK || json.Unmarshal(text, &log) != nil {
			return false
		}
		for _, e := range log.Events {
			told[e.Data.Head.Ref]++
		}
		for ref := range acknowledged {
			if told[ref] == 0 {
				return false
			}
		}
		return true
	})
	for ref, n := range told {
		if n != 1 {
			t.Errorf("%s was told of %d times", ref, n)
		}
	}
}
