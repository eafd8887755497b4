package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// named posts a run of this name until it is known what became of it. done is true
// when it was acknowledged, and false when the server says that nobody knows.
func named(p *process, name string, giveUp time.Time) (done bool, err error) {
	for {
		status, body, err := once(p, name)
		switch {
		case err == nil && status == http.StatusCreated:
			return true, nil
		case err == nil && status == http.StatusConflict && strings.Contains(string(body), "outcome-unknown"):
			return false, nil
		case err == nil && status < 500 && !strings.Contains(string(body), "still-at-work"):
			return false, fmt.Errorf("%d %.200s", status, body)
		case time.Now().After(giveUp):
			return false, fmt.Errorf("no end: %d %.200s %w", status, body, err)
		}
		time.Sleep(20 * time.Millisecond) // a client's pause between two tries
	}
}

func once(p *process, name string) (int, []byte, error) {
	r, err := http.NewRequest("POST", p.url+"/v1/runs", strings.NewReader(`{"name":"`+name+`"}`))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Auth-Token", processAdmin)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", name)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// runNames counts the runs of each name.
func runNames(t *testing.T, p *process) map[string]int {
	t.Helper()
	found := map[string]int{}
	for after := ""; ; {
		status, body, err := p.call("GET", "/v1/runs?limit=1000"+after, "", "")
		var page struct {
			Runs []struct{ Name string }
			Next string
		}
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			t.Fatalf("runs: %d %.200s %v", status, body, err)
		}
		for _, run := range page.Runs {
			found[run.Name]++
		}
		if page.Next == "" {
			return found
		}
		after = "&after=" + page.Next
	}
}

// TestFailover ends the primary under load and makes the standby a primary. The servers
// find it by themselves; what was acknowledged is there, once, and so is what clients
// sent again because nobody answered.
func TestFailover(t *testing.T) {
	t.Parallel()
	pair := storetest.NewPair(t)
	p := startProcess(t, t.TempDir(), "--database="+pair.Both, "--database-read="+pair.Standby)

	const clients = 8
	var acknowledged, unknown sync.Map
	var before, after, counted atomic.Int64
	var promoted, stop atomic.Bool
	giveUp := time.Now().Add(3 * time.Minute)
	var load sync.WaitGroup
	for c := range clients {
		load.Go(func() {
			for i := 0; !stop.Load(); i++ {
				name := fmt.Sprintf("c%d-%d", c, i)
				late := promoted.Load()
				done, err := named(p, name, giveUp)
				if err != nil {
					t.Error(err)
					return
				}
				if !done {
					unknown.Store(name, true)
					continue
				}
				acknowledged.Store(name, true)
				counted.Add(1)
				if late {
					after.Add(1)
				} else {
					before.Add(1)
				}
			}
		})
	}
	await.That(t, "writes before the failover", func() bool { return before.Load() >= 100 })
	pair.Do("kill")
	pair.Do("promote")
	promoted.Store(true)
	back := await.Until(func() bool { return after.Load() >= 100 })
	stop.Store(true)
	load.Wait()
	if !back {
		t.Fatalf("only %d writes after the promotion\n%.3000s", after.Load(), p.log)
	}

	p.awaitReady(t)
	found := runNames(t, p)
	acknowledged.Range(func(name, _ any) bool {
		if n := found[name.(string)]; n != 1 {
			t.Errorf("%s was acknowledged and is there %d times", name, n)
		}
		delete(found, name.(string))
		return true
	})
	unknown.Range(func(name, _ any) bool {
		if n := found[name.(string)]; n > 1 {
			t.Errorf("%s is there %d times", name, n)
		}
		delete(found, name.(string))
		return true
	})
	if len(found) > 0 {
		t.Errorf("runs that no client got an answer for: %v", found)
	}
	t.Logf("%d acknowledged, %d before and %d after the promotion", counted.Load(), before.Load(), after.Load())
}
