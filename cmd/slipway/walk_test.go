package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/cmd/slipway/remote"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server/servertest"
)

// command is one that can be called, with its example.
type calledCommand struct {
	name   string
	line   string // its example
	remote bool   // it calls a server
}

// with puts flags behind the command's name, since what stands behind -- is not its own.
func (c calledCommand) with(flags string) string {
	if c.name == "login" { // whose example names server and token
		return "slipway login " + flags
	}
	return strings.ReplaceAll(c.line, "slipway "+c.name, "slipway "+c.name+" "+flags)
}

// everyCommand lists all commands that people call.
func everyCommand(t *testing.T) []calledCommand {
	t.Helper()
	var c cli
	parser, err := newParser(t.Context(), &c, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []calledCommand
	for _, leaf := range leaves(parser.Model.Node) {
		command := calledCommand{name: strings.TrimPrefix(leaf.Path(), "slipway "), line: remote.Example(leaf.Detail)}
		for _, flag := range leaf.Flags {
			command.remote = command.remote || flag.Name == "server"
		}
		all = append(all, command)
	}
	return all
}

// sane are what no call may show, whatever is wrong with it.
func sane(t *testing.T, line string, d done) {
	t.Helper()
	for _, never := range []string{"goroutine ", "panic:", "runtime error", "broken pipe", "<nil>", "%!"} {
		if strings.Contains(d.out+d.err, never) {
			t.Errorf("%s shows %q\nout: %s\nerr: %s", line, never, d.out, d.err)
		}
	}
	if d.code != 0 && d.code != 141 && strings.TrimSpace(d.err) == "" {
		t.Errorf("%s ends with %d and says nothing", line, d.code)
	}
}

// TestEveryCommand calls them in ways that change nothing, beside each other.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	h := prepared(t)
	for name, test := range map[string]func(*testing.T, *home){
		"noServer": testNoServer, "wrongToken": testWrongToken, "wrongID": testWrongID, "closedPipe": testClosedPipe, "fortyColumns": testFortyColumns,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &home{t: t, dir: h.dir, env: slices.Clip(h.env)})
		})
	}
}

// testNoServer: who cannot reach the server is told which, with 5.
func testNoServer(t *testing.T, h *home) {
	t.Helper()
	nowhere := servertest.FreeAddress(t)
	local := map[string]bool{"context list": true, "context use": true}
	for _, c := range everyCommand(t) {
		if !c.remote {
			continue
		}
		line := c.with("--server http://" + nowhere + " --timeout 20s")
		if c.name == "agent run" { // an agent waits for its server; that of the test ends with it
			line = strings.Replace(line, "slipway agent run", "timeout 1 slipway agent run --max-pause 100ms", 1)
		}
		d := h.sh(line)
		sane(t, line, d)
		switch {
		case local[c.name] && d.code == 0:
		case c.name == "agent run" && d.code == 124 && strings.Contains(d.err, "the server is away"):
		case d.code != 5 || !strings.Contains(d.err, "no answer from http://"+nowhere):
			t.Errorf("%s: exit %d, want 5\nerr: %s", line, d.code, d.err)
		}
	}
}

// testWrongToken: a credential that is none is refused with 3, in the
// server's own words, which are JSON for who asks for JSON.
func testWrongToken(t *testing.T, h *home) {
	t.Helper()
	free := map[string]bool{"context list": true, "context use": true, "healthcheck": true}
	for _, c := range everyCommand(t) {
		if !c.remote {
			continue
		}
		want := 3
		if free[c.name] {
			want = 0
		}
		line := c.with("--token wrong -o json")
		d := h.sh(line)
		sane(t, line, d)
		var problem struct {
			Status    int
			RequestID string `json:"request_id"`
		}
		last := d.err[strings.LastIndex(strings.TrimRight(d.err, "\n"), "\n")+1:]
		if err := json.Unmarshal([]byte(last), &problem); d.code != want || want == 3 && (err != nil || problem.Status != 401 && problem.Status != 403 || problem.RequestID == "") {
			t.Errorf("%s: exit %d, want %d\nout: %s\nerr: %s", line, d.code, want, d.out, d.err)
		}
	}
}

// TestEveryCommand_wrongWords names the nearest command and the nearest flag.
func TestEveryCommand_wrongWords(t *testing.T) {
	t.Parallel()
	called := func(words ...string) done {
		var out, errs bytes.Buffer
		code := runWith(t.Context(), words, terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		return done{out: out.String(), err: errs.String(), code: code}
	}
	for _, c := range everyCommand(t) {
		words := strings.Fields(c.name)
		last := words[len(words)-1]
		if d := called(append(words, "--helpp")...); d.code != 2 || !strings.Contains(d.err, "--help") {
			t.Errorf("%s --helpp: exit %d\nerr: %s", c.name, d.code, d.err)
		}
		if len(last) > 3 && last[1] != last[2] { // nothing is near a shorter word
			words[len(words)-1] = last[:1] + last[2:3] + last[1:2] + last[3:]
			if d := called(words...); d.code != 2 || !strings.Contains(d.err, "did you mean "+last+"?") {
				t.Errorf("%s: exit %d\nerr: %s", strings.Join(words, " "), d.code, d.err)
			}
		}
	}
}

// TestEveryCommand_noHome does what it does with one, unless it needs a place.
func TestEveryCommand_noHome(t *testing.T) {
	t.Parallel()
	h := prepared(t)
	want := map[string]int{"upload": 1, "login": 2, "context use": 2, "agent run": 2}
	for _, c := range everyCommand(t) {
		line := "unset HOME XDG_CONFIG_HOME XDG_STATE_HOME; " + c.line
		d := h.sh(line)
		sane(t, line, d)
		if d.code != want[c.name] && !onlySpace(d) || d.code == 2 && !strings.Contains(d.err, "HOME") {
			t.Errorf("%s: exit %d, want %d\nout: %s\nerr: %s", line, d.code, want[c.name], d.out, d.err)
		}
	}
}

// printing are commands that write something to standard output and do the same each time.
func printing(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, c := range everyCommand(t) {
		switch c.name {
		case "version", "completion", "whoami", "context list",
			"results", "tests", "test", "raw", "attachment", "compare", "history", "flaky", "issue list",
			"products", "opportunities", "output", "events", "agents", "agent drain", "agent resume", "kernels", "boots", "builds", "query",
			"designs list", "designs validate", "nodes", "task", "tasks", "audit", "webhook list", "token list", "retention show", "retention keeps", "blobs show":
			lines = append(lines, strings.Replace(c.line, "-O /dev/null", "", 1))
		}
	}
	return lines
}

// runInto runs a line with a file as standard output.
func (h *home) runInto(out *os.File, line string) done {
	h.t.Helper()
	var errs bytes.Buffer
	c := h.cmd(h.t.Context(), "exec "+line)
	c.Stdout, c.Stderr = out, &errs
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("%s: %v", line, err)
	}
	code := c.ProcessState.ExitCode()
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	d := done{err: errs.String(), code: code, cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		d.memory = usage.Maxrss
	}
	return d
}

// testClosedPipe: who is piped into head ends quietly with it, and who
// cannot write what was asked for does not say that all is well.
func testClosedPipe(t *testing.T, h *home) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, line := range printing(t) {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		d := h.runInto(write, line)
		write.Close()
		sane(t, line, d)
		if d.code == 0 && strings.TrimSpace(h.sh(line).out) == "" {
			continue // it has nothing to write
		}
		if d.code != 128+int(unix.SIGPIPE) || strings.Contains(d.err, "slipway:") {
			t.Errorf("%s | true: exit %d, want 141\nerr: %s", line, d.code, d.err)
		}
		if d := h.runInto(full, line); d.code != 1 || !strings.Contains(d.err, "no space left") {
			t.Errorf("%s >/dev/full: exit %d, want 1\nerr: %s", line, d.code, d.err)
		}
	}
}

// terminalOf opens a terminal of so many columns, and what is printed to it.
func terminalOf(t *testing.T, columns uint16) (tty *os.File, printed func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	end := make(chan struct{})
	go func() {
		defer close(end)
		_, _ = text.ReadFrom(master) // an error is the end of a terminal
	}()
	return tty, func() string {
		tty.Close()
		<-end
		master.Close()
		return strings.ReplaceAll(text.String(), "\r\n", "\n")
	}
}

// testFortyColumns keeps to a narrow terminal, and shows all that a wide one shows.
func testFortyColumns(t *testing.T, h *home) {
	t.Helper()
	h.env = append(h.env, "NO_COLOR=1")
	for _, line := range printing(t) {
		if strings.Contains(line, "completion") || strings.Contains(line, "slipway raw") || strings.Contains(line, "slipway attachment") || strings.Contains(line, "slipway output") {
			continue // bytes as they are
		}
		tty, printed := terminalOf(t, 40)
		d := h.runInto(tty, line)
		text := printed()
		sane(t, line, d)
		for shown := range strings.Lines(text) {
			shown = strings.TrimRight(shown, "\n")
			if n := utf8.RuneCountInString(shown); n > 40 && strings.Contains(strings.TrimSpace(shown), " ") {
				t.Errorf("%s in 40 columns has a line of %d: %q", line, n, shown)
			}
		}
	}
}

// testWrongID: what does not exist is 4, and what is no name of anything 2.
func testWrongID(t *testing.T, h *home) {
	t.Helper()
	const nobody = "7d3a1f60-2b1c-4c55-9f0e-1d2c3b4a5968"
	checked := map[string]bool{}
	for _, test := range []struct {
		command, args string
		code          int
	}{
		{"upload", "junit.xml --run 999999", 4},
		{"upload", "junit.xml --run x", 2},
		{"upload", "junit.xml --cloud nowhere", 4},
		{"upload", "junit.xml --opportunity " + nobody + " --agent a --status 0", 4},
		{"results", "999999", 4},
		{"results", "x", 2},
		{"tests", "999999", 4},
		{"tests", "latest --attempt 99", 4},
		{"test", "latest 999", 4},
		{"test", "latest x", 2},
		{"raw", "999999", 4},
		{"attachment", "latest 1 99", 4},
		{"attachment", "latest 1 -1", 2},
		{"compare", "none 999999", 4},
		{"compare", "none nonsense:1", 2},
		{"history", "no.such.test", 0},
		{"flaky", "", 2},
		{"flaky", "--cloud 1 --job mainline", 2},
		{"flaky", "--cloud nowhere", 4},
		{"history", "no.such.test --cloud nowhere", 4},
		{"results", "--cloud nowhere", 4},
		{"issue add", "t --name x --cloud nowhere", 4},
		{"events", "--since 2h", 2},
		{"issue close", nobody, 4},
		{"issue close", "x", 4},
		{"products", "nothing", 4},
		{"products", nobody, 4},
		{"advertise image", "nothing i --channel edge", 4},
		{"advertise snap", nobody + " pc=1 --channel edge", 4},
		{"advertise snap", `"$PRODUCT" pc --channel edge`, 2},
		{"advertise gold-master", nobody + " pc=1 --channel edge", 4},
		{"opportunities", "nothing", 4},
		{"opportunities", "--state LOST", 2},
		{"retry", nobody, 4},
		{"retry", "x", 2},
		{"cancel", nobody + " --yes", 4},
		{"output", nobody, 4},
		{"output", "x --follow", 2},
		{"events", "--since x", 2},
		{"agent drain", "nobody", 4},
		{"agent resume", "nobody", 4},
		{"query", "nothing", 2},
		{"designs validate", "nothing.yaml", 2},
		{"designs push", "nothing.yaml", 2},
		{"deploy", "no-such-node --design nothing", 4},
		{"task", nobody, 4},
		{"task", "x", 4},
		{"token revoke", "x", 2},
		{"token revoke", "tok_01JD0000000000000000000000", 4},
		{"token rotate", "tok_01JD0000000000000000000000", 4},
		{"webhook remove", nobody + " --yes", 4},
		{"webhook deliveries", nobody, 4},
		{"retention unkeep", nobody, 4},
		{"retention keep", "999999 --reason x", 4},
		{"context use", "nothing", 2},
		{"token import", "nothing.json", 2},
		{"restore", "nothing --data elsewhere", 1},
	} {
		checked[test.command] = true
		line := "slipway " + test.command + " " + test.args
		d := h.sh(line)
		sane(t, line, d)
		if d.code != test.code {
			t.Errorf("%s: exit %d, want %d\nout: %s\nerr: %s", line, d.code, test.code, d.out, d.err)
		}
	}
	if testing.Verbose() {
		for _, c := range everyCommand(t) {
			if !checked[c.name] {
				t.Logf("no wrong id for: %s", c.line)
			}
		}
	}
}

// TestEveryCommand_halfAFile says what is wrong with a file that was cut, and takes
// nothing of it for the whole.
func TestEveryCommand_halfAFile(t *testing.T) {
	t.Parallel()
	h := prepared(t)
	for _, name := range []string{"junit.xml", "site.yaml", "tokens.json", "kernelci-dump/job.json"} {
		text, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		h.write("half/"+name, string(text[:len(text)/2]))
	}
	for _, test := range []struct {
		line string
		code int
		says string
	}{
		{"slipway upload half/junit.xml --fail-on any", 1, "damage"},
		{"slipway upload half/junit.xml --fail-on new", 1, "damage"},
		{"slipway upload half/junit.xml --strict", 2, "422"},
		{"slipway designs push half/site.yaml --name half", 2, "not YAML"},
		{"slipway designs validate half/site.yaml", 2, "not YAML"},
		{"slipway token import half/tokens.json --data data", 2, "tokens.json"},
		{"slipway import kernelci half/kernelci-dump --data data", 1, "job.json"},
	} {
		d := h.sh(test.line)
		sane(t, test.line, d)
		if d.code != test.code || !strings.Contains(d.out+d.err, test.says) {
			t.Errorf("%s: exit %d, want %d with %q\nout: %s\nerr: %s", test.line, d.code, test.code, test.says, d.out, d.err)
		}
	}
}

// TestTests_tenThousand prints 10 000 tests into a narrow terminal, each once and whole,
// in a memory that does not depend much on how many they are.
func TestTests_tenThousand(t *testing.T) {
	t.Parallel()
	h := newLab(t).home
	var file strings.Builder
	file.WriteString(`<testsuite name="s">`)
	for i := range 10_000 {
		fmt.Fprintf(&file, `<testcase classname="a.suite.with.a.rather.long.name" name="test_number_%05d_"/>`, i)
	}
	file.WriteString(`</testsuite>`)
	h.write("many.xml", file.String())
	h.want(0, "slipway upload many.xml")
	tty, printed := terminalOf(t, 40)
	d := h.runInto(tty, "slipway tests latest --limit 0")
	text := strings.NewReplacer(" ", "", "\n", "").Replace(printed())
	if d.code != 0 {
		t.Errorf("exit %d: %s", d.code, d.err)
	}
	for i := range 10_000 {
		if name := fmt.Sprintf("test_number_%05d_", i); strings.Count(text, name) != 1 {
			t.Fatalf("%s stands there %d times", name, strings.Count(text, name))
		}
	}
	const limit = 300 << 10 // KiB
	if d.memory > limit {
		t.Errorf("it took %d KiB of memory, at most %d", d.memory, limit)
	}
	t.Logf("10 000 rows in 40 columns: %d KiB of memory, %s of CPU", d.memory, d.cpu)
}

// TestHealthcheck asks the server whose settings it has, as in a container.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, port, _ := strings.Cut(l.address, ":")
	l.want(0, "unset SLIPWAY_URL SLIPWAY_TOKEN; SLIPWAY_LISTEN=0.0.0.0:"+port+" slipway healthcheck")
	l.want(0, "unset SLIPWAY_URL SLIPWAY_TOKEN; SLIPWAY_LISTEN=:"+port+" slipway healthcheck")
	l.server.kill()
	l.want(5, "unset SLIPWAY_URL; SLIPWAY_LISTEN=:"+port+" slipway healthcheck")
}

// TestFilters_forPeople: a cloud is named by its label wherever it filters, and the
// times of KernelCI's documents are read without a calculator.
func TestFilters_forPeople(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	post := func(path, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+adminToken)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode >= 300 {
			t.Fatalf("POST %s: %d", path, answer.StatusCode)
		}
	}
	post("/v1/clouds", `{"label":"private cloud","endpoint":"http://192.0.2.1:5000/v2.0","admin_endpoint":"http://192.0.2.1:35357/v2.0","test_user":"t","admin_user":"a"}`)
	post("/v1/lab", `{"name":"lab-a","contact":{"name":"A","surname":"B","email":"a@example.org"}}`)
	post("/v1/boot", `{"job":"mainline","kernel":"v6.12","git_branch":"master","lab_name":"lab-a","arch":"arm64","defconfig":"defconfig","device_type":"qemu","board":"qemu","boot_result":"PASS","boot_time":46.3}`)
	post("/v1/job", `{"job":"mainline","kernel":"v6.12","git_branch":"master"}`)
	l.write("junit.xml", junitFile)
	l.want(0, "slipway upload junit.xml --name elsewhere")
	l.want(0, "slipway upload junit.xml --name here --cloud 'private cloud'")
	for line, says := range map[string]string{
		"slipway results --cloud 'private cloud'":                             "\there\t",
		"slipway history suite.Case.passes --cloud 'private cloud' --limit 9": "run:2/1",
		"slipway boots":   "\t46.3\t",
		"slipway kernels": "\t" + time.Now().UTC().Format("2006-"),
	} {
		if d := l.want(0, line); !strings.Contains(d.out, says) || strings.Count(d.out, "\n") != 1 {
			t.Errorf("%s lacks %q, or has not one line:\n%s", line, says, d.out)
		}
	}
	l.want(0, "slipway flaky --cloud 'private cloud'")
	if d := l.want(0, "slipway boots -o csv --fields time.\\$date"); !strings.Contains(d.out, "46300") {
		t.Errorf("CSV has not what is stored:\n%s", d.out)
	}
	if d := l.want(2, "slipway flaky"); !strings.Contains(d.err, "--cloud, --job and --product") {
		t.Errorf("no line: %s", d.err)
	}
}
