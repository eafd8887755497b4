package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// keptFor is how long an interrupted upload is remembered.
const keptFor = 24 * time.Hour

// begun remembers which run an upload made, until it has ended: a call that was
// interrupted goes on with it instead of leaving an empty run behind.
type begun struct{ file string }

// newBegun names the upload by all that makes it the same one. Without a home, or
// of standard input, nothing is remembered.
func newBegun(server, cloud, name string, sources []source) *begun {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil || home == "" {
			return &begun{}
		}
		dir = filepath.Join(home, ".local", "state")
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", server, cloud, name)
	for _, src := range sources {
		path, err := filepath.Abs(src.path)
		if src.kept != nil || err != nil {
			return &begun{}
		}
		fmt.Fprintf(sum, " %q %q %d %d", src.name, path, src.info.Size(), src.info.ModTime().UnixNano())
	}
	return &begun{filepath.Join(dir, "slipway", "uploads", hex.EncodeToString(sum.Sum(nil))+".json")}
}

// run is the one that was made, 0 for none.
func (b *begun) run() int64 {
	info, err := os.Stat(b.file)
	if err != nil || time.Since(info.ModTime()) > keptFor {
		return 0
	}
	text, err := os.ReadFile(b.file)
	if err != nil {
		return 0
	}
	var run int64
	_ = json.Unmarshal(text, &run) // 0 for what is none
	return run
}

// keep remembers a run. That it cannot be remembered is no reason not to upload.
func (b *begun) keep(run int64) {
	if b.file != "" {
		_ = writeFile(b.file, fmt.Appendln(nil, run))
	}
}

// forget ends it.
func (b *begun) forget() {
	if b.file != "" {
		os.Remove(b.file)
	}
}
