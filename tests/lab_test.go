package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// labTask is what the walks read of a task.
type labTask struct {
	TaskID  string `json:"task_id"`
	Action  string
	Parent  *string `json:"parent_task_id"`
	Status  string
	Retry   int
	Created time.Time
	Updated time.Time
	Filter  *struct {
		Set []struct {
			Names []string `json:"node_names"`
		} `json:"filter_set"`
	} `json:"node_filter"`
	Result struct {
		Status              string
		Successes, Failures []string
		Details             struct {
			MessageList []struct{ Message string }
		}
	}
}

func (l labTask) over() bool { return l.Status == "complete" || l.Status == "terminated" }

// node is the node of a task that works on one.
func (l labTask) node() string {
	if l.Filter == nil || len(l.Filter.Set) != 1 || len(l.Filter.Set[0].Names) != 1 {
		return ""
	}
	return l.Filter.Set[0].Names[0]
}

// startLab starts a server that finds the sample design under file:///site.yaml.
func startLab(t testing.TB, data string, flags ...string) *process {
	t.Helper()
	folder, err := filepath.Abs("../server/lab/testdata")
	if err != nil {
		t.Fatal(err)
	}
	return startProcess(t, data, append([]string{"--design-folder", folder}, flags...)...)
}

func (p *process) createTask(t testing.TB, action string, nodes ...string) string {
	t.Helper()
	filter := "null"
	if len(nodes) > 0 {
		filter = `{"filter_set_type":"union","filter_set":[{"filter_type":"union","node_names":["` + strings.Join(nodes, `","`) + `"]}]}`
	}
	status, body, err := p.call("POST", "/api/v1.0/tasks", "application/json", `{"action":"`+action+`","design_ref":"file:///site.yaml","node_filter":`+filter+`}`)
	var made labTask
	if err != nil || status != 201 || json.Unmarshal(body, &made) != nil {
		t.Fatalf("POST /tasks: %d %s %v", status, body, err)
	}
	return made.TaskID
}

// tasks returns all tasks there are.
func (p *process) tasks(t testing.TB) map[string]labTask {
	t.Helper()
	status, body, err := p.call("GET", "/api/v1.0/tasks", "", "")
	var list []labTask
	if err != nil || status != 200 || json.Unmarshal(body, &list) != nil {
		t.Fatalf("GET /tasks: %d %.300s %v", status, body, err)
	}
	all := map[string]labTask{}
	for _, one := range list {
		all[one.TaskID] = one
	}
	return all
}

// await looks at the tasks until look answers true.
func (p *process) await(t testing.TB, what string, look func(all map[string]labTask) bool) map[string]labTask {
	t.Helper()
	var all map[string]labTask
	seen := await.Until(func() bool {
		all = p.tasks(t)
		return look(all)
	})
	if !seen {
		text, _ := json.MarshalIndent(all, "", " ")
		t.Fatalf("in vain: %s\n%s\n%s", what, text, p.log)
	}
	return all
}

func (p *process) awaitOver(t testing.TB, id string) map[string]labTask {
	t.Helper()
	await.Until(func() bool { // one task is cheaper to look at than all
		_, body, err := p.call("GET", "/api/v1.0/tasks/"+id, "", "")
		var one labTask
		return err != nil || json.Unmarshal(body, &one) != nil || one.over()
	})
	return p.await(t, "the end of "+id, func(all map[string]labTask) bool { return all[id].over() })
}

// midStep tells whether some node is in the middle of a step of its own.
func midStep(all map[string]labTask) bool {
	for _, one := range all {
		if one.Action == "power_cycle_node" && one.Status == "running" && one.node() != "" && all[*one.Parent].Action == one.Action {
			return true
		}
	}
	return false
}

// awaitMidStep returns when some node is in the middle of a step, and fails when
// the task was over before anybody saw that.
func (p *process) awaitMidStep(t testing.TB, id string) error {
	t.Helper()
	all := p.await(t, "a node in the middle of a step", func(all map[string]labTask) bool { return midStep(all) || all[id].over() })
	if !midStep(all) {
		return fmt.Errorf("task %s was over before it was seen at work", id)
	}
	return nil
}

// checkResumed looks at what became of a task whose server was killed, and of one
// that wanted the same nodes. The error says that nothing had to be resumed.
func checkResumed(t *testing.T, all map[string]labTask, first, second string) error {
	t.Helper()
	if got := all[first]; got.Result.Status != "success" || len(got.Result.Successes) != 8 {
		t.Errorf("the task of the killed server ended as %+v", got)
	}
	if got := all[second]; got.Result.Status != "success" || len(got.Result.Successes) != 1 {
		t.Errorf("the task behind it ended as %+v", got)
	}
	resumed := 0
	done := map[string]string{}
	for id, one := range all {
		for _, m := range one.Result.Details.MessageList {
			if strings.HasPrefix(m.Message, "Resumed after") {
				resumed++
			}
		}
		if one.node() != "" && !one.over() {
			t.Errorf("task %s %s is left %s", id, one.Action, one.Status)
		}
		if one.Parent == nil || one.node() == "" || all[*one.Parent].Action != one.Action || one.Action == "prepare_nodes" || one.Action == "identify_node" {
			continue
		}
		step := fmt.Sprintf("%s on %s under %s, retry %d", one.Action, one.node(), *one.Parent, one.Retry)
		if done[step] != "" {
			t.Errorf("%s was made twice: %s and %s", step, done[step], id)
		}
		done[step] = id
		if root := rootOf(all, one); root == second && one.Created.Before(all[first].Updated) {
			t.Errorf("%s began at %s, while the first task held its node until %s", step, one.Created, all[first].Updated)
		}
	}
	if resumed == 0 {
		return errors.New("no message says that work was resumed")
	}
	return nil
}

func rootOf(all map[string]labTask, one labTask) string {
	for one.Parent != nil {
		one = all[*one.Parent]
	}
	return one.TaskID
}

// TestLab_Killed kills a server in the middle of a step. The next one on the same
// data goes on, and the nodes are held until then.
func TestLab_Killed(t *testing.T) {
	t.Parallel()

	await.AtSomePace(t, 600*time.Millisecond, func(step time.Duration) error {
		flags := []string{"--simulator-delay", step.String(), "--lab-lease", "2s", "--simulator-signals"}
		data := t.TempDir()
		p := startLab(t, data, flags...)
		first := p.createTask(t, "prepare_nodes")
		second := p.createTask(t, "destroy_nodes", "cedar-n03")
		if err := p.awaitMidStep(t, first); err != nil {
			return err
		}
		p.kill(t)
		p = startLab(t, data, flags...)
		p.awaitOver(t, first)
		return checkResumed(t, p.awaitOver(t, second), first, second)
	})
}

// TestLab_KilledReplica kills one of two servers on one PostgreSQL. The other one
// takes its tasks over.
func TestLab_KilledReplica(t *testing.T) {
	t.Parallel()

	await.AtSomePace(t, 600*time.Millisecond, func(step time.Duration) error {
		address, data := storetest.Postgres(t), t.TempDir() // which holds the blobs of both
		flags := []string{"--simulator-delay", step.String(), "--lab-lease", "2s", "--simulator-signals", "--database", address, "--secret", "a secret of both servers"}
		one := startLab(t, data, flags...)
		first := one.createTask(t, "prepare_nodes")
		second := one.createTask(t, "destroy_nodes", "cedar-n03")
		other := startLab(t, data, flags...)
		if err := one.awaitMidStep(t, first); err != nil {
			return err
		}
		one.kill(t)
		other.awaitOver(t, first)
		return checkResumed(t, other.awaitOver(t, second), first, second)
	})
}

// TestLab_WalkWithCurl prepares and deploys a node whose machine is a shell script
// that knows nothing but curl.
func TestLab_WalkWithCurl(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"sh", "curl", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	p := startLab(t, t.TempDir(), "--lab-driver", "agent")
	root := filepath.Join(t.TempDir(), "root")
	agent := exec.Command("sh", "testdata/lab/agent.sh", "52:54:00:ce:da:08", root)
	agent.Env = append(os.Environ(), "SLIPWAY_URL="+p.url, "SLIPWAY_TOKEN="+processAdmin)
	agent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := &await.Log{}
	agent.Stdout, agent.Stderr = said, said
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = syscall.Kill(-agent.Process.Pid, syscall.SIGKILL) // curl, too
		_ = agent.Wait()
	}
	defer stop()

	// A machine that is not there yet would be switched on by its board, which
	// this lab does not have.
	registered := await.Until(func() bool {
		_, body, err := p.call("GET", "/v1/machines", "", "")
		return err == nil && strings.Contains(string(body), `"52:54:00:ce:da:08"`)
	})
	if !registered {
		t.Fatalf("the machine does not register: %s", said)
	}
	prepare := p.createTask(t, "prepare_nodes", "cedar-n08")
	if got := p.awaitOver(t, prepare)[prepare]; got.Result.Status != "success" {
		t.Fatalf("prepare: %+v\n%s", got, said)
	}
	deploy := p.createTask(t, "deploy_nodes", "cedar-n08")
	all := p.awaitOver(t, deploy)
	stop()
	if got := all[deploy]; got.Result.Status != "success" || !slices.Equal(got.Result.Successes, []string{"cedar-n08"}) {
		t.Fatalf("deploy: %+v\n%s", got, said)
	}
	var messages []string
	for _, one := range all {
		for _, m := range one.Result.Details.MessageList {
			messages = append(messages, m.Message)
		}
	}
	for _, want := range []string{"deploy_node begins", "deploy_node done by curl", "hello from cedar-n08", "Boot action announce completed with status success"} {
		if !slices.Contains(messages, want) {
			t.Errorf("no message %q among %q", want, messages)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "usr/local/bin/announce.sh")); err != nil {
		t.Errorf("the archive: %v", err)
	}
	for path, want := range map[string]string{"/api/v1.0/nodes": `"status_name":"Deployed"`, "/api/v1.0/nodes/cedar-n08/builddata": `"generator":"uname"`} {
		if status, body, err := p.call("GET", path, "", ""); err != nil || status != 200 || !strings.Contains(string(body), want) {
			t.Errorf("GET %s: %d %s %v, want %s", path, status, body, err, want)
		}
	}
}

// TestLab_WalkWithSimulator takes all nodes of the sample design through their
// life on a server as it is without any setting but that of the signals.
func TestLab_WalkWithSimulator(t *testing.T) {
	t.Parallel()

	p := startLab(t, t.TempDir(), "--simulator-delay", "50ms", "--simulator-signals")
	for _, action := range []string{"validate_design", "verify_site", "prepare_site", "verify_nodes", "prepare_nodes", "deploy_nodes", "relabel_nodes", "destroy_nodes"} {
		id := p.createTask(t, action)
		got := p.awaitOver(t, id)[id]
		if got.Result.Status != "success" {
			t.Errorf("%s: %+v", action, got)
		}
		if onNodes := strings.HasSuffix(action, "_nodes"); onNodes && len(got.Result.Successes) != 8 && action != "verify_nodes" {
			t.Errorf("%s: successes %q, want all eight nodes", action, got.Result.Successes)
		}
	}
	for path, want := range map[string]string{"/api/v1.0/nodes": `"power_address":"simulator"`, "/api/v1.0/health/extended": "The node driver is a simulator"} {
		if status, body, err := p.call("GET", path, "", ""); err != nil || status != 200 || !strings.Contains(string(body), want) {
			t.Errorf("GET %s: %d %s %v, want %s", path, status, body, err, want)
		}
	}
}
