package agent

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/gen/client"
)

// jobIn is a job in a folder, whose status file holds the word; "" is none.
func jobIn(t *testing.T, word string) *job {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, workDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if word != "" {
		if err := os.WriteFile(filepath.Join(dir, workDir, "status"), []byte(word+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := &client.PickedOpportunity{TestOpportunityID: uuid.NewString()}
	api, err := client.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{Config: Config{StatusFile: "status", Log: slog.New(slog.DiscardHandler)}}
	j := &job{Agent: a, work: api.Agent("a", "b").Resume(o), rec: &record{Opportunity: o}, dir: dir}
	if err := j.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.out.f.Close() })
	return j
}

// The word of a status file counts in any case, as at the server: what happened on a
// full disk is no pass, however a pass is written.
func TestJob_statusFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ word, want, full string }{
		{"", passed, errored}, // the exit code's
		{"PASSED", passed, errored},
		{"passed", passed, errored},
		{"Skipped", skipped, errored},
		{"failed", failed, failed},
		{"own_word", "OWN_WORD", "OWN_WORD"},
		{"two words", errored, errored},
	} {
		for _, disk := range []error{nil, errors.New("no space left")} {
			j := jobIn(t, tt.word)
			j.out.full = disk
			j.finish(j.judge(t.Context(), 0, nil))
			want := tt.want
			if disk != nil {
				want = tt.full
			}
			if got := j.rec.End.Status; got != want {
				t.Errorf("status file %q, disk %v: %s, want %s", tt.word, disk, got, want)
			}
		}
	}
}
