package storetest

import (
	"os"
	"os/exec"
	"path/filepath"
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
	for _, line := range strings.Split(p.Do("start"), "\n") {
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

// Do runs a command of .ci/postgres-pair: kill, promote, pause, resume.
func (p *Pair) Do(command string) string {
	p.t.Helper()
	script, err := script()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(script, command, p.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("postgres-pair %s: %v", command, err)
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
