package storetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Pair is a PostgreSQL with a hot standby to which it replicates synchronously; see
// .ci/postgres-pair.
type Pair struct {
	Primary, Standby string // addresses
	Both             string // leads to whichever of them takes writes

	t   testing.TB
	dir string
}

// NewPair starts one, which ends with the test. It skips the test where those on
// PostgreSQL are skipped.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	return newPair(t, "start")
}

// NewPrimary starts only the primary, which replicates to nobody. What the programs of
// Programs make in Dir ends with the test as well.
func NewPrimary(t testing.TB) *Pair {
	t.Helper()
	return newPair(t, "primary")
}

// NewDurable starts one whose data lie in the directory disk, and which keeps what it
// acknowledges there whatever becomes of the machine. Do has two more commands for it:
// cut, when that disk is gone, and again.
func NewDurable(t testing.TB, disk string) *Pair {
	t.Helper()
	for _, dir := range []string{filepath.Dir(disk), disk} {
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user must get through
			t.Fatal(err)
		}
	}
	return newPair(t, "durable", disk)
}

func newPair(t testing.TB, command ...string) *Pair {
	t.Helper()
	if os.Getenv(PostgresEnv) == "" {
		t.Skipf("%s is not set", PostgresEnv)
	}
	parent, err := os.MkdirTemp("", "slipway-pair-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o711); err != nil { // PostgreSQL's user must get through
		t.Fatal(err)
	}
	p := &Pair{t: t, dir: filepath.Join(parent, "pair")}
	t.Cleanup(func() {
		p.Do("stop")
		_ = os.RemoveAll(parent)
	})
	for _, line := range strings.Split(p.Do(command...), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "PRIMARY":
			p.Primary = value
		case "STANDBY":
			p.Standby = value
		case "BOTH":
			p.Both = value
		}
	}
	return p
}

// Dir is where the clusters lie, in primary and standby, and a pooler in pooler.
func (p *Pair) Dir() string { return filepath.Join(p.dir, "run") }

// Programs writes programs of PostgreSQL into a directory, and pgbouncer, which run as
// the user of the clusters.
func (p *Pair) Programs(dir string) {
	p.t.Helper()
	script, err := script()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"pg_ctl", "pg_basebackup", "pgbouncer"} {
		text := "#!/bin/sh\nexec '" + script + "' run '" + p.dir + "' " + name + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil { //nolint:gosec // a program
			p.t.Fatal(err)
		}
	}
}

// Do runs a command of .ci/postgres-pair: kill, promote, pause, resume.
func (p *Pair) Do(command ...string) string {
	p.t.Helper()
	script, err := script()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(script, slices.Insert(slices.Clone(command), 1, p.dir)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("postgres-pair %s: %v", command[0], err)
	}
	return string(out)
}

// script finds .ci/postgres-pair from the directory of whatever package is tested.
func script() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		name := filepath.Join(dir, ".ci", "postgres-pair")
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
		if dir == filepath.Dir(dir) {
			return "", os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
