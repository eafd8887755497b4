package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/gen/client"
)

// record is what stands on disk of a job, in job.json.
type record struct {
	Opportunity *client.PickedOpportunity `json:"opportunity"`
	End         *end                      `json:"end"` // nil: the command runs, or ran when the agent was killed
}

// end is how the command ended, as it is reported.
type end struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	Exit   *int   `json:"exit_code,omitempty"`

	Cancelled bool `json:"cancelled,omitempty"`

	Files []string `json:"files,omitempty"` // within the folder of the command
}

// The names inside a state directory: a folder for each job, which moves from held
// to refused when the server does not take its result.
const (
	heldDir    = "held"
	refusedDir = "refused"
	jobFile    = "job.json"
	outputFile = "output.log"
	baseFile   = "output.base" // where this attempt's output begins at the server
	workDir    = "work"
)

// state is the agent's directory. One process has it at a time.
type state struct {
	dir  string
	lock *os.File
}

func openState(dir string) (*state, error) {
	for _, d := range []string{heldDir, refusedDir} {
		const private = 0o700
		if err := os.MkdirAll(filepath.Join(dir, d), private); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another agent works in %s: %w", dir, err)
	}
	return &state{dir, lock}, nil
}

func (s *state) close() { s.lock.Close() }

// takes tells whether the disk takes what a job needs at least. An agent that cannot
// write anything down must not ask for work.
func (s *state) takes() error {
	name := filepath.Join(s.dir, "probe")
	defer os.Remove(name)
	const needed = 256 << 10
	return writeFile(name, make([]byte, needed))
}

// instance is this directory's name towards the server, the same after a restart.
func (s *state) instance(fresh string) (string, error) {
	name := filepath.Join(s.dir, "instance")
	if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
		return string(text), nil
	}
	return fresh, writeFile(name, []byte(fresh))
}

// jobs lists the folders of jobs that are held.
func (s *state) jobs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, heldDir))
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dirs = append(dirs, filepath.Join(s.dir, heldDir, e.Name()))
	}
	return dirs, nil
}

// folder is where a job's things stand; each attempt has its own.
func (s *state) folder(o *client.PickedOpportunity) string {
	return filepath.Join(s.dir, heldDir, fmt.Sprintf("%s.%d", o.TestOpportunityID, o.Lease.Attempt))
}

// removeAll removes a folder, also where a command took the right to write from folders
// in it, as the caches of some tools do.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			const private = 0o700
			_ = os.Chmod(path, private)
		}
		return nil // what cannot be had stays
	})
	return os.RemoveAll(dir)
}

// refuse moves a job to where people look for it.
func (s *state) refuse(dir string) (string, error) {
	to := filepath.Join(s.dir, refusedDir, filepath.Base(dir))
	if err := removeAll(to); err != nil {
		return dir, err
	}
	return to, os.Rename(dir, to)
}

func readRecord(dir string) (*record, error) {
	text, err := os.ReadFile(filepath.Join(dir, jobFile))
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	if r.Opportunity == nil {
		return nil, errors.New("it names no test opportunity")
	}
	return &r, nil
}

func (r *record) write(dir string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, jobFile), text)
}

// writeFile writes a file whole or not at all.
func writeFile(name string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
