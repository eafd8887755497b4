package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// must posts JSON and fails the test unless the status is the one wanted.
func (p *process) must(t testing.TB, want int, path, body string) []byte {
	t.Helper()
	status, answer, err := p.call("POST", path, "application/json", body)
	if err != nil || status != want {
		t.Fatalf("POST %s: %d %s %v, want %d", path, status, answer, err, want)
	}
	return answer
}

// lavaCallback is what LAVA posts of a job with so many tests, all with one result.
func lavaCallback(t testing.TB, tests int, result string) string {
	t.Helper()
	var list []map[string]any
	for i := range tests {
		list = append(list, map[string]any{"name": fmt.Sprint("t", i), "result": result, "metadata": map[string]string{"set": fmt.Sprint("s", i%7)}})
	}
	suite, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{
		"id": 1, "status": 2, "actual_device_id": "b-1",
		"definition": "metadata: {kernel.tree: t, kernel.version: k, device.type: b, test.plan: usb}",
		"results":    map[string]string{"lava": "[{name: login-action, result: pass}]", "0_x": string(suite), "1_" + result: string(suite)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// group and testCase are what is looked at of a report.
type group struct {
	ID    oid    `json:"_id"`
	Name  string `json:"name"`
	Cases []oid  `json:"test_cases"`
	Sub   []oid  `json:"sub_groups"`
}

type testCase struct {
	ID     oid    `json:"_id"`
	Group  oid    `json:"test_group_id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

type oid struct {
	Hex string `json:"$oid"`
}

func list[T any](t testing.TB, p *process, path string) []T {
	t.Helper()
	var found struct{ Result []T }
	status, body, err := p.call("GET", path, "", "")
	if err != nil || status != 200 || json.Unmarshal(body, &found) != nil {
		t.Fatalf("GET %s: %d %.300s %v", path, status, body, err)
	}
	return found.Result
}

// TestReports_Killed kills the server in the middle of callbacks and of cases that
// are reported one by one: every tree is whole, and every case that was acknowledged
// is there.
func TestReports_Killed(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startProcess(t, data)
	p.must(t, 201, "/lab", `{"name":"lab-a","contact":{"name":"a","surname":"b","email":"c@example.org"}}`)
	p.must(t, 201, "/test/group", `{"name":"own","lab_name":"lab-a","job":"j","kernel":"own"}`)
	own := list[group](t, p, "/test/group?name=own")[0].ID.Hex

	const tests = 200
	callbacks := []string{lavaCallback(t, tests, "pass"), lavaCallback(t, tests, "fail")}
	p.must(t, 202, "/callback/lava/test?lab_name=lab-a", callbacks[0])
	var mu sync.Mutex
	var acknowledged []string
	callbacksDone := 0
	plenty := make(chan struct{})
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if status, _, err := p.call("POST", "/callback/lava/test?lab_name=lab-a", "application/json", callbacks[i%2]); err != nil || status != 202 {
					return
				}
				mu.Lock()
				if callbacksDone++; callbacksDone == 12 {
					close(plenty)
				}
				mu.Unlock()
			}
		})
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("c%d-%d", client, i)
				body := fmt.Sprintf(`{"name":%q,"test_group_id":%q}`, name, own)
				if status, _, err := p.call("POST", "/test/case", "application/json", body); err != nil || status != 201 {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, name)
				mu.Unlock()
			}
		})
	}
	await.Receive(t, "12 callbacks", plenty)
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	_ = p.cmd.Wait()

	p = startProcess(t, data)
	checkWhole(t, p)
	found := map[string]bool{}
	for _, c := range list[testCase](t, p, "/test/case?test_group_id="+own) {
		found[c.Name] = true
	}
	for _, name := range acknowledged {
		if !found[name] {
			t.Errorf("case %s was acknowledged and is lost", name)
		}
	}
	results := map[string]int{}
	for _, c := range list[testCase](t, p, "/test/case?kernel=k") {
		results[c.Name[:1]+c.Status]++
	}
	if results["lPASS"] != 1 || results["tPASS"]+results["tFAIL"] != 2*tests || results["tPASS"] != 0 && results["tFAIL"] != 0 {
		t.Errorf("the tree of the job: %v, want one login, and %d tests of one callback", results, 2*tests)
	}
}

// checkWhole holds the lists of groups against the groups and cases that there are.
func checkWhole(t *testing.T, p *process) {
	t.Helper()
	listed := map[string]string{}
	groups := list[group](t, p, "/test/group")
	for _, g := range groups {
		for _, id := range append(g.Cases, g.Sub...) {
			listed[id.Hex] = g.ID.Hex
		}
	}
	cases := list[testCase](t, p, "/test/case")
	for _, c := range cases {
		if listed[c.ID.Hex] != c.Group.Hex {
			t.Errorf("case %s is in a group that does not list it", c.Name)
		}
		delete(listed, c.ID.Hex)
	}
	for _, g := range groups {
		delete(listed, g.ID.Hex)
	}
	if len(listed) > 0 {
		t.Errorf("%d cases and groups are listed and do not exist", len(listed))
	}
}

// TestReports_RefusedInTheLog: scripts of labs print OK whatever they are answered, so
// the log says once that a report was refused, and why.
func TestReports_RefusedInTheLog(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir())
	answer := p.must(t, 201, "/lab", `{"name":"lab-a","contact":{"name":"a","surname":"b","email":"c@example.org"}}`)
	var made struct{ Result []struct{ Token string } }
	if err := json.Unmarshal(answer, &made); err != nil {
		t.Fatal(err)
	}
	boot := `{"lab_name":"lab-b","job":"j","kernel":"k","defconfig":"d","board":"b"}`
	p.must(t, 400, "/boot", `{"lab_name":"lab-a","job":"j"}`)
	for _, token := range []string{made.Result[0].Token, "nonsense-token"} {
		r, err := http.NewRequest("POST", p.url+"/boot", strings.NewReader(boot))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = answer.Body.Close(); answer.StatusCode != 403 {
			t.Fatalf("POST /boot: %d, want 403", answer.StatusCode)
		}
	}
	var lines []string
	await.That(t, "three refusals in the log", func() bool {
		lines = nil
		for line := range strings.SplitSeq(p.log.String(), "\n") {
			if strings.Contains(line, "reason") {
				lines = append(lines, line)
			}
		}
		return len(lines) == 3
	})
	for i, want := range []string{"mandatory keys are missing", "speaks for the labs", "not authorized"} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "WARN") || strings.Contains(lines[i], "nonsense-token") || strings.Contains(lines[i], made.Result[0].Token) {
			t.Errorf("line %d: %s, want %q", i, lines[i], want)
		}
	}
	if n := strings.Count(p.log.String(), "speaks for the labs"); n != 1 {
		t.Errorf("the refusal of another lab's token is logged %d times, want once", n)
	}
}
