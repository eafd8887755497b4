package reports

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/lava"
)

// FuzzCallback: what is made of a callback can be stored, or the metadata of its job
// are at fault. No results make a callback that is refused.
func FuzzCallback(f *testing.F) {
	names, err := filepath.Glob("testdata/faults/lava_*.json")
	if err != nil || len(names) == 0 {
		f.Fatal("no samples", err)
	}
	for _, name := range append(names, "lava/testdata/usb.json") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(members["results"]), []byte(members["log"]), "2", "Infrastructure")
	}
	f.Add([]byte(`{"0_x":"- &a [*a]","1_x":"[{name: a, metadata: {set: \"\\0\"}}]","_":"[]","":"[{}]"}`), []byte(`[1]`), `"x"`, "\x00")
	const definition = `"metadata: {kernel.tree: t, kernel.version: k, device.type: b, test.plan: usb, kernel.defconfig: d}"`
	f.Fuzz(func(t *testing.T, results, log []byte, status, errorType string) {
		quoted, _ := json.Marshal(errorType)
		job, err := lava.Parse(map[string]json.RawMessage{
			"id": []byte("1"), "definition": []byte(definition), "status": []byte(status), "results": results, "log": log, "error_type": quoted,
		}, lava.Limits{Tests: 50, Lines: 10})
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if job == nil {
			return
		}
		group, err := job.Group("lab-a")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(group)
		if err != nil {
			t.Fatal(err)
		}
		body, err := document.ParseBody(text, document.Limits{})
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		tree, _, err := document.IntakeGroup(body, document.Limits{Cases: 5*50 + 100})
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		boot, err := job.Boot("lab-a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(boot); err != nil {
			t.Fatal(err)
		}
		if allPass(&tree) && (job.Status != "complete" || job.ErrorType != "") {
			t.Errorf("status %s, error %q, and all PASS", job.Status, job.ErrorType)
		}
	})
}

func allPass(tree *document.GroupTree) bool {
	for _, c := range tree.Cases {
		if c.Text("status") != "PASS" {
			return false
		}
	}
	for i := range tree.Sub {
		if !allPass(&tree.Sub[i]) {
			return false
		}
	}
	return true
}

// FuzzIntakeBuild: no body of a build in files makes the reading panic, and a step
// that did not pass is never a build that did.
func FuzzIntakeBuild(f *testing.F) {
	text, err := os.ReadFile("testdata/build_nested.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"bmeta":{"build":{"status":null},"revision":[]},"steps":[null,{}],"artifacts":{"config":[{"path":{},"key":"fragment"}],"kernel":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := document.ParseBody(text, document.Limits{})
		if err != nil {
			return
		}
		build, _, err := document.IntakeBuild(body)
		var invalid *document.InvalidError
		if err != nil {
			if !errors.As(err, &invalid) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		var files struct {
			Bmeta json.RawMessage
			Steps []struct{ Status string }
		}
		if json.Unmarshal(text, &files) != nil || files.Bmeta == nil {
			return
		}
		for _, step := range files.Steps {
			if strings.EqualFold(step.Status, "FAIL") && build.Text("status") == "PASS" {
				t.Errorf("a step failed, and the build is PASS")
			}
		}
	})
}
