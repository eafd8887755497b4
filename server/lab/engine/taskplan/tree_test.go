package taskplan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 20, 23, 46, 0, 0, time.UTC)

// lab runs trees with a pretended driver.
type lab struct {
	tb       testing.TB
	tree     *Tree
	ids      int
	now      time.Time
	messages map[string][]Message
	pending  []Work
	stopped  []string
	// answer is the driver. Its default is success.
	answer func(w Work) Outcome
}

func newLab(tb testing.TB, action Action, answer func(Work) Outcome, edit ...func(*Config)) *lab {
	tb.Helper()
	l := &lab{tb: tb, now: start, messages: map[string][]Message{}, answer: answer}
	if answer == nil {
		l.answer = func(Work) Outcome { return Outcome{OK: true} }
	}
	cfg := l.config()
	for _, e := range edit {
		e(&cfg)
	}
	l.tree = New(&Task{ID: "top", Role: Top, Action: action, Status: Queued, Result: Incomplete, Created: start, Listed: true}, cfg)
	return l
}

func (l *lab) config() Config {
	return Config{NewID: func() string { l.ids++; return fmt.Sprintf("t%d", l.ids) }}
}

// take books effects as the orchestrator would, and checks what must hold of
// all of them.
func (l *lab) take(e Effects) {
	l.tb.Helper()
	for _, task := range e.Created {
		if l.tree.Task(task.Parent) == nil {
			l.tb.Errorf("task %s is created without its parent %s", task.ID, task.Parent)
		}
	}
	for _, m := range e.Messages {
		l.messages[m.Task] = append(l.messages[m.Task], m)
	}
	for _, w := range e.Work {
		if task := l.tree.Task(w.Task); task.Status.Final() {
			l.tb.Errorf("work for task %s, which is %s", w.Task, task.Status)
		}
		if w.Limit <= 0 {
			l.tb.Errorf("work for task %s has no limit", w.Task)
		}
	}
	l.pending = append(l.pending, e.Work...)
	l.stopped = append(l.stopped, e.Stop...)
}

func targets(names ...string) []Target {
	var list []Target
	for _, name := range names {
		list = append(list, Target{Name: name, OOBType: "redfish"})
	}
	return list
}

func (l *lab) begin(list ...Target) { l.take(l.tree.Begin(list, l.now)) }

// step does one piece of work.
func (l *lab) step() bool {
	if len(l.pending) == 0 {
		return false
	}
	w := l.pending[0]
	l.pending = l.pending[1:]
	l.now = l.now.Add(time.Second)
	l.take(l.tree.Started(w.Task, l.now))
	l.take(l.tree.Finished(w.Task, l.answer(w), l.now))
	return true
}

func (l *lab) run(list ...Target) {
	l.tb.Helper()
	l.begin(list...)
	for range 10_000 {
		if !l.step() {
			l.check()
			return
		}
	}
	l.tb.Fatal("the task does not end")
}

// check wants everything final, with results that agree with the lists.
func (l *lab) check() {
	l.tb.Helper()
	for id, task := range l.tree.tasks {
		if !task.Status.Final() || task.Ended.IsZero() || task.Result == Incomplete {
			l.tb.Errorf("task %s (%s) is %s with result %s, ended %v", id, task.Action, task.Status, task.Result, task.Ended)
		}
		if task.Terminate != (task.Status == Terminated) {
			l.tb.Errorf("task %s is %s with terminate=%v", id, task.Status, task.Terminate)
		}
		for _, name := range task.Successes {
			if slices.Contains(task.Failures, name) {
				l.tb.Errorf("task %s has %s in both lists", id, name)
			}
		}
	}
	top := l.tree.Top()
	if n := len(top.Successes) + len(top.Failures); n != len(top.Nodes) {
		l.tb.Errorf("the top task names %d of %d nodes", n, len(top.Nodes))
	}
}

// outline draws the tree: action, unlisted ones in brackets, nodes, retries and
// results other than success.
func (l *lab) outline() string {
	var out strings.Builder
	var draw func(*Task, int)
	draw = func(task *Task, depth int) {
		name := string(task.Action)
		if !task.Listed {
			name = "(" + name + ")"
		}
		line := strings.Repeat("  ", depth) + strings.TrimSpace(name+" "+strings.Join(task.Nodes, ","))
		if task.Retry > 0 {
			line += fmt.Sprintf(" retry=%d", task.Retry)
		}
		if task.Result != Success {
			line += " " + string(task.Result)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
		for _, c := range task.children {
			draw(c, depth+1)
		}
	}
	draw(l.tree.Top(), 0)
	return out.String()
}

func (l *lab) texts(id string) []string {
	var list []string
	for _, m := range l.messages[id] {
		list = append(list, m.Text)
	}
	return list
}

func wantOutline(t *testing.T, l *lab, want string) {
	t.Helper()
	want = strings.TrimLeft(strings.ReplaceAll(want, "\t", ""), "\n")
	if got := l.outline(); got != want {
		t.Errorf("tree:\n%s\nwant:\n%s", got, want)
	}
}

func TestTree_shapes(t *testing.T) {
	t.Parallel()

	absent := func(w Work) Outcome { return Outcome{OK: !w.Probe, Absent: w.Probe} }
	tests := []struct {
		name    string
		action  Action
		answer  func(Work) Outcome
		targets []Target
		want    string
	}{
		{"validate_design has no steps", ValidateDesign, nil, nil, `
	validate_design
	`},
		{"verify_site", VerifySite, nil, nil, `
	verify_site
	  validate_node_services
	`},
		{"prepare_site", PrepareSite, nil, nil, `
	prepare_site
	  create_network_template
	  configure_user_credentials
	  configure_node_provisioner
	`},
		{"prepare_site goes on after a failure", PrepareSite, func(w Work) Outcome { return Outcome{OK: w.Action != ConfigureUserCredentials} }, nil, `
	prepare_site partial_success
	  create_network_template
	  configure_user_credentials failure
	  configure_node_provisioner
	`},
		{"verify_nodes by out-of-band type", VerifyNodes, nil, []Target{{Name: "a", OOBType: "redfish"}, {Name: "b", OOBType: "manual"}, {Name: "c", OOBType: "redfish"}}, `
	verify_nodes a,b,c
	  interrogate_oob a,c
	    interrogate_oob a
	    interrogate_oob c
	  interrogate_oob b
	    interrogate_oob b
	`},
		{"prepare_nodes of one unknown node", PrepareNodes, absent, targets("a"), `
	prepare_nodes a
	  (identify_node) a failure
	    identify_node a failure
	  set_node_boot a
	    set_node_boot a
	  power_cycle_node a
	    power_cycle_node a
	  identify_node a
	    identify_node a
	  configure_hardware a
	    configure_hardware a
	`},
		{"prepare_nodes leaves a known node's power alone", PrepareNodes, nil, targets("a"), `
	prepare_nodes a
	  (identify_node) a
	    identify_node a
	  configure_hardware a
	    configure_hardware a
	`},
		{"a known node can still fail", PrepareNodes, func(w Work) Outcome { return Outcome{OK: w.Action != ConfigureHardware} }, targets("a"), `
	prepare_nodes a failure
	  (identify_node) a
	    identify_node a
	  configure_hardware a failure
	    configure_hardware a failure
	`},
		{"a probe that fails touches nothing", PrepareNodes, func(w Work) Outcome { return Outcome{OK: !w.Probe} }, targets("a"), `
	prepare_nodes a failure
	  (identify_node) a failure
	    identify_node a failure
	`},
		{"prepare_nodes of several nodes", PrepareNodes, func(w Work) Outcome {
			return Outcome{OK: w.Node == "a" || w.Action != IdentifyNode, Absent: w.Probe}
		}, targets("a", "b"), `
	prepare_nodes a,b partial_success
	  prepare_nodes a
	    (identify_node) a
	      identify_node a
	    configure_hardware a
	      configure_hardware a
	  prepare_nodes b failure
	    (identify_node) b failure
	      identify_node b failure
	    set_node_boot b
	      set_node_boot b
	    power_cycle_node b
	      power_cycle_node b
	    identify_node b failure
	      identify_node b failure
	`},
		{"deploy_nodes drops who fails", DeployNodes, func(w Work) Outcome {
			switch {
			case w.Action == ApplyNodeStorage && w.Node == "a", w.Action == DeployNode && w.Node == "b":
				return Outcome{}
			case w.Action == BootactionReport:
				return Outcome{Successes: []string{"d"}, Failures: []string{"c"}}
			}
			return Outcome{OK: true}
		}, targets("a", "b", "c", "d"), `
	deploy_nodes a,b,c,d partial_success
	  apply_node_networking a,b,c,d
	    apply_node_networking a
	    apply_node_networking b
	    apply_node_networking c
	    apply_node_networking d
	  (apply_node_storage) a,b,c,d partial_success
	    apply_node_storage a failure
	    apply_node_storage b
	    apply_node_storage c
	    apply_node_storage d
	  apply_node_platform b,c,d
	    apply_node_platform b
	    apply_node_platform c
	    apply_node_platform d
	  deploy_node b,c,d partial_success
	    deploy_node b failure
	    deploy_node c
	    deploy_node d
	  bootaction_report c,d partial_success
	`},
		{"deploy_nodes whose nodes all fail is a failure", DeployNodes, func(w Work) Outcome {
			return Outcome{OK: true, Failures: w.Nodes}
		}, targets("a"), `
	deploy_nodes a failure
	  apply_node_networking a
	    apply_node_networking a
	  (apply_node_storage) a
	    apply_node_storage a
	  apply_node_platform a
	    apply_node_platform a
	  deploy_node a
	    deploy_node a
	  bootaction_report a failure
	`},
		{"relabel_nodes", RelabelNodes, nil, targets("a"), `
	relabel_nodes a
	  relabel_node a
	    relabel_node a
	`},
		{"no nodes, no work", DestroyNodes, nil, nil, `
	destroy_nodes
	`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			l := newLab(t, tt.action, tt.answer)
			l.run(tt.targets...)
			wantOutline(t, l, tt.want)
		})
	}
}

func TestTree_retries_what_may_pass(t *testing.T) {
	t.Parallel()

	tries := map[string]int{}
	l := newLab(t, DestroyNodes, func(w Work) Outcome {
		tries[w.Node]++
		switch {
		case w.Node == "a" && w.Retry == 0: // once
			return Outcome{Transient: true, Message: "busy"}
		case w.Node == "b": // always
			return Outcome{Transient: true, Message: "dead"}
		case w.Node == "c": // for good
			return Outcome{Message: "no such machine"}
		}
		return Outcome{OK: true}
	})
	l.run(targets("a", "b", "c", "d")...)
	top, step := l.tree.Top(), l.tree.Task("t1")
	if top.Result != PartialSuccess || !slices.Equal(top.Successes, []string{"a", "d"}) || !slices.Equal(top.Failures, []string{"b", "c"}) {
		t.Errorf("top: %s, %v, %v", top.Result, top.Successes, top.Failures)
	}
	if step.Retry != 3 || tries["a"] != 2 || tries["b"] != 4 || tries["c"] != 1 || tries["d"] != 1 {
		t.Errorf("retry %d, tries %v; want 3 and a=2 b=4 c=1 d=1", step.Retry, tries)
	}
	want := []string{"Retrying task for failed entities.", "Retrying task for failed entities.", "Retrying task for failed entities.", "Retry requested, out of attempts."}
	got := slices.DeleteFunc(l.texts("t1"), func(s string) bool { return strings.HasPrefix(s, "Started") })
	if !slices.Equal(got, want) {
		t.Errorf("messages of the step %v, want %v", got, want)
	}
}

func TestTree_messages(t *testing.T) {
	t.Parallel()

	l := newLab(t, VerifySite, nil)
	l.run()
	if got, want := l.texts("top"), []string{"Started subtask t1 for action validate_node_services", "Collected subtask t1"}; !slices.Equal(got, want) {
		t.Errorf("verify_site says %v, want %v", got, want)
	}
	if m := l.messages["top"]; m[0].ContextType != "task" || m[0].Context != "top" || m[1].Context != "t1" || m[0].Error {
		t.Errorf("contexts of %+v", m)
	}

	l = newLab(t, DestroyNodes, nil)
	l.run()
	if m := l.messages["top"]; len(m) != 1 || m[0].Text != "No nodes in scope, no work to do." || m[0].Context != "NA" || m[0].ContextType != "NA" {
		t.Errorf("without nodes: %+v", m)
	}

	l = newLab(t, PrepareNodes, nil)
	l.run(targets("a")...)
	want := []string{"Nodes in scope: a", "Node found in provisioner, skipping OOB management", "Started subtask t3 for action configure_hardware"}
	if got := l.texts("top"); !slices.Equal(got, want) {
		t.Errorf("prepare_nodes says %v, want %v", got, want)
	}
}

func TestTree_missing_drivers(t *testing.T) {
	t.Parallel()

	l := newLab(t, DeployNodes, nil)
	l.run(Target{Name: "a", NoDriver: "it is switched off"}, Target{Name: "b", NoDriver: "it is switched off"})
	top := l.tree.Top()
	if top.Result != Failure || top.Message != "No NodeDriver enabled." || top.Reason != "Bad Configuration." || len(top.Failures) != 2 {
		t.Errorf("no driver at all: %s %q %q %v", top.Result, top.Message, top.Reason, top.Failures)
	}
	if m := l.messages["top"]; !m[1].Error || m[1].Context != "a" || m[1].ContextType != "node" {
		t.Errorf("no driver at all: %+v", m)
	}

	l = newLab(t, PrepareNodes, func(w Work) Outcome { return Outcome{OK: !w.Probe, Absent: w.Probe} })
	l.run(Target{Name: "a", OOBType: "ipmi", NoOOBDriver: "no driver for ipmi"}, Target{Name: "b", OOBType: "redfish"}, Target{Name: "c", NoDriver: "x"})
	if top = l.tree.Top(); top.Result != PartialSuccess || !slices.Equal(top.Successes, []string{"b"}) || top.Message != "" {
		t.Errorf("one without OOB driver: %s %v %q", top.Result, top.Successes, top.Message)
	}
	if got, want := l.texts("t1")[0], "Node a OOB type ipmi is not supported: no driver for ipmi"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}

	l = newLab(t, PrepareSite, nil, func(c *Config) { c.NoSiteDriver = "none is configured" })
	l.run()
	if top = l.tree.Top(); top.Result != Failure || top.Message != "No NodeDriver enabled." || len(top.children) != 0 {
		t.Errorf("site without driver: %s %q", top.Result, top.Message)
	}
}

func TestTree_validate_design(t *testing.T) {
	t.Parallel()

	l := newLab(t, ValidateDesign, func(Work) Outcome {
		return Outcome{OK: false, ResultMessage: "Site design failed validation.", Messages: []Message{{Text: "found", Error: true, ContextType: "document", Context: "d"}}}
	})
	l.run()
	top := l.tree.Top()
	if top.Result != Failure || top.Message != "Site design failed validation." || len(l.messages["top"]) != 1 || l.messages["top"][0].Time.IsZero() {
		t.Errorf("top %+v, messages %+v", top, l.messages["top"])
	}
}

func TestTree_cancel(t *testing.T) {
	t.Parallel()

	t.Run("a queued task ends at once", func(t *testing.T) {
		t.Parallel()

		for _, action := range []Action{DeployNodes, ValidateDesign, VerifySite} {
			l := newLab(t, action, nil)
			e, err := l.tree.Cancel("top", "ada", l.now)
			if err != nil {
				t.Fatal(err)
			}
			l.take(e)
			l.check()
			top := l.tree.Top()
			if top.Status != Terminated || top.Result != Failure || top.TerminatedBy != "ada" || l.texts("top")[0] != "Cancelled by ada." {
				t.Errorf("%s: %+v %v", action, top, l.texts("top"))
			}
			if _, err := l.tree.Cancel("top", "ada", l.now); !errors.Is(err, ErrFinal) {
				t.Errorf("%s: cancelling again: %v, want ErrFinal", action, err)
			}
			l.begin(targets("a")...)
			if len(l.pending) > 0 {
				t.Errorf("%s: a cancelled task begins", action)
			}
		}
	})

	t.Run("a running task stops its work and starts no more", func(t *testing.T) {
		t.Parallel()

		l := newLab(t, DeployNodes, nil)
		l.begin(targets("a", "b", "c")...)
		l.step()                                         // a has its network
		l.take(l.tree.Started(l.pending[0].Task, l.now)) // b is at it, c waits
		busy := l.pending[0].Task
		e, err := l.tree.Cancel("top", "ada", l.now)
		if err != nil {
			t.Fatal(err)
		}
		l.take(e)
		if top := l.tree.Top(); top.Status != Terminating || !slices.Equal(l.stopped, []string{busy}) {
			t.Errorf("top is %s, stopped %v; want terminating and %s", top.Status, l.stopped, busy)
		}
		if e, err := l.tree.Cancel("top", "bob", l.now); err != nil || len(e.Changed)+len(e.Stop) > 0 {
			t.Errorf("cancelling twice: %+v, %v", e, err)
		}
		l.pending = nil
		l.take(l.tree.Finished(busy, Outcome{Transient: true, Message: "interrupted"}, l.now))
		l.check()
		top := l.tree.Top()
		if top.Status != Terminated || top.Result != Failure || len(top.Failures) != 3 || len(l.pending) != 0 {
			t.Errorf("top %s %s failures %v pending %v", top.Status, top.Result, top.Failures, l.pending)
		}
	})

	t.Run("a subtask takes its nodes with it", func(t *testing.T) {
		t.Parallel()

		l := newLab(t, DestroyNodes, nil)
		l.begin(targets("a", "b")...)
		e, err := l.tree.Cancel(l.pending[0].Task, "ada", l.now)
		if err != nil {
			t.Fatal(err)
		}
		l.pending = l.pending[1:]
		l.take(e)
		for l.step() {
		}
		l.check()
		if top := l.tree.Top(); top.Status != Complete || top.Result != PartialSuccess || !slices.Equal(top.Successes, []string{"b"}) {
			t.Errorf("top %s %s %v", top.Status, top.Result, top.Successes)
		}
	})

	t.Run("an unknown task", func(t *testing.T) {
		t.Parallel()

		if _, err := newLab(t, DestroyNodes, nil).tree.Cancel("x", "ada", start); err == nil {
			t.Error("no error")
		}
	})
}

func TestTree_Expire(t *testing.T) {
	t.Parallel()

	l := newLab(t, DestroyNodes, nil, func(c *Config) { c.Limits = map[Action]time.Duration{DestroyNode: time.Minute} })
	l.begin(targets("a", "b")...)
	slow := l.pending[0].Task
	l.take(l.tree.Started(slow, l.now))
	l.take(l.tree.Expire(time.Second, l.now.Add(61*time.Second)))
	if len(l.stopped) != 0 {
		t.Fatal("stopped within the grace")
	}
	l.take(l.tree.Expire(time.Second, l.now.Add(62*time.Second)))
	if !slices.Equal(l.stopped, []string{slow}) {
		t.Errorf("stopped %v, want %s", l.stopped, slow)
	}
	l.pending = l.pending[1:]
	for l.step() {
	}
	l.check()
	if top := l.tree.Top(); !slices.Equal(top.Failures, []string{"a"}) {
		t.Errorf("failures %v, want a, without another try", top.Failures)
	}
	if got := l.texts(slow); !slices.Equal(got, []string{"Step destroy_node did not end within 1m0s."}) {
		t.Errorf("messages %v", got)
	}
	l.take(l.tree.Finished(slow, Outcome{OK: true}, l.now)) // the late answer
	if top := l.tree.Top(); !slices.Equal(top.Failures, []string{"a"}) {
		t.Error("a late answer changed the result")
	}
}

// TestTree_Resume kills the server after each single piece of work of a
// deployment and lets another one go on from the stored tasks.
func TestTree_Resume(t *testing.T) {
	t.Parallel()

	list := targets("a", "b", "c")
	answer := func(w Work) Outcome { return Outcome{OK: true, Successes: w.Nodes} }
	for kill := range 14 {
		l := newLab(t, DeployNodes, answer)
		l.begin(list...)
		for range kill {
			l.step()
		}
		running := ""
		if len(l.pending) > 0 { // one piece is being done
			running = l.pending[0].Task
			l.take(l.tree.Started(running, l.now))
		}
		reload(l, list)
		for l.step() {
		}
		l.check()
		top := l.tree.Top()
		lost := l.tree.Task(running)
		if lost != nil && lost.Action == DeployNode {
			if top.Result != PartialSuccess || !slices.Equal(top.Failures, lost.Nodes) {
				t.Errorf("killed after %d during %s: %s %v\n%s", kill, lost.Action, top.Result, top.Failures, l.outline())
			}
			continue
		}
		if top.Result != Success {
			t.Errorf("killed after %d: %s %v\n%s", kill, top.Result, top.Failures, l.outline())
		}
	}
}

// reload stores the tree, forgets it and takes it up again.
func reload(l *lab, list []Target) {
	l.tb.Helper()
	var stored []*Task
	var walk func(*Task)
	walk = func(task *Task) {
		row := *task
		stored = append(stored, &row)
		for _, c := range task.children {
			walk(c)
		}
	}
	walk(l.tree.Top())
	tree, err := Load(stored, list, l.config())
	if err != nil {
		l.tb.Fatal(err)
	}
	l.tree, l.pending = tree, nil
	l.take(tree.Resume(Repeatable, l.now))
}

func TestLoad_refuses_broken_trees(t *testing.T) {
	t.Parallel()

	for name, tasks := range map[string][]*Task{
		"nothing":        nil,
		"no top":         {{ID: "a", Role: Step}},
		"a lost subtask": {{ID: "a", Role: Top}, {ID: "b", Parent: "x", Role: Step}},
	} {
		if _, err := Load(tasks, nil, Config{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseAction(t *testing.T) {
	t.Parallel()

	for sent, want := range map[string]Action{"deploy_nodes": DeployNodes, "deploy_node": DeployNodes, "verify_site": VerifySite, "paint_nodes": "", "identify_node": "", "": ""} {
		got, ok := ParseAction(sent)
		if got != want || ok != (want != "") {
			t.Errorf("ParseAction(%q) = %q, %v", sent, got, ok)
		}
	}
	if ValidateDesign.OnNodes() || !DeployNodes.OnNodes() {
		t.Error("OnNodes is wrong")
	}
}

func TestStartable(t *testing.T) {
	t.Parallel()

	held := func(node string) bool { return node == "h" }
	tests := []struct {
		name  string
		queue []Waiting
		want  []string
	}{
		{"nothing waits", nil, nil},
		{"strangers start together", []Waiting{{"1", []string{"a"}}, {"2", []string{"b"}}}, []string{"1", "2"}},
		{"one node, one task", []Waiting{{"1", []string{"a"}}, {"2", []string{"a"}}}, []string{"1"}},
		{"a held node", []Waiting{{"1", []string{"h", "a"}}, {"2", []string{"b"}}}, []string{"2"}},
		{"nobody overtakes", []Waiting{{"1", []string{"h", "a"}}, {"2", []string{"a"}}}, nil},
		{"no nodes, no waiting", []Waiting{{"1", []string{"h"}}, {"2", nil}}, []string{"2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := Startable(tt.queue, held); !slices.Equal(got, tt.want) {
				t.Errorf("Startable = %v, want %v", got, tt.want)
			}
		})
	}
}
