package tests

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest"
)

// newerProgram gives a guide about upgrades an archive with a program that has one
// migration more than this one, and a place where programs are installed.
func newerProgram(t *testing.T, script, dir string) (string, []string) {
	t.Helper()
	const installed = "/usr/local/bin/"
	if !strings.Contains(script, installed) {
		return script, nil
	}
	old, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "slipway-99.0.0-linux-amd64")
	bin := filepath.Join(dir, "bin")
	for _, d := range []string{archive, bin} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	buildNewer(t, filepath.Join(archive, "slipway"))
	for _, c := range []string{
		"cp '" + old + "' bin/slipway",
		"tar -czf slipway-99.0.0-linux-amd64.tar.gz slipway-99.0.0-linux-amd64",
		"rm -r slipway-99.0.0-linux-amd64",
		"sha256sum -- slipway-99.0.0-linux-amd64.tar.gz >SHA256SUMS",
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", c)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c, err, out)
		}
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS"} { // they stand in the home directory, which is another one there
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return strings.ReplaceAll(script, installed, bin+"/"), env
}

// newerMain gives package main the migrations of the next version in place of the
// store's, so that nothing but main is compiled for it.
const newerMain = `package main

import (
	"embed"
	"io/fs"
	_ "unsafe" // for linkname

	"github.com/slipway-lab/slipway/store"
)

//go:embed migrations
var nextMigrations embed.FS

//go:linkname migrationFiles github.com/slipway-lab/slipway/store.migrationFiles
var migrationFiles embed.FS

func init() {
	migrationFiles = nextMigrations
	if _, err := fs.Stat(store.Migrations(), "migrations/sqlite/90000_next.sql"); err != nil {
		panic(err) // the variable has another name now
	}
}
`

// buildNewer builds the program of this tree as if it had a migration more.
func buildNewer(t *testing.T, program string) {
	t.Helper()
	tree, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	work, of := t.TempDir(), filepath.Join(tree, "cmd", "slipway")
	files := map[string]string{} // a path in the tree: the file that is there instead
	write := func(path, name, text string) {
		file := filepath.Join(work, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files[path] = file
	}
	write(filepath.Join(of, "newer.go"), "newer.go", newerMain)
	for _, database := range []string{"sqlite", "postgres"} {
		write(filepath.Join(of, "migrations", database, "90000_next.sql"), database+".sql", "-- +goose Up\nCREATE TABLE of_the_next_version (id BIGINT PRIMARY KEY);\n")
		ours, err := filepath.Glob(filepath.Join(tree, "store", "migrations", database, "*"))
		if err != nil || len(ours) == 0 {
			t.Fatalf("migrations: %d, %v", len(ours), err)
		}
		for _, name := range ours {
			files[filepath.Join(of, "migrations", database, filepath.Base(name))] = name
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-ldflags", "-X main.version=v99.0.0", "-o", program, "../cmd/slipway").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// twoClusters gives a guide about a standby its first machine, and the places of what it
// makes, all of them on this machine.
func twoClusters(t *testing.T, script, dir string) (string, []string) {
	t.Helper()
	if !strings.Contains(script, "/srv/db-1") {
		return script, nil
	}
	if os.Getenv(storetest.PoolerEnv) == "" {
		t.Skipf("%s is not set", storetest.PoolerEnv)
	}
	pair := storetest.NewPrimary(t)
	primary, err := url.Parse(pair.Primary)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := primary.User.Password()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	pair.Programs(bin)
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	second := portOf(t)
	script = strings.NewReplacer(
		"db-1.example.org:5432", primary.Host, "db-2.example.org:5432", "127.0.0.1:"+second,
		"host=db-2.example.org port=5432", "host=127.0.0.1 port="+second, "-p 5432", "-p "+second, "6432", portOf(t),
		":secret@", ":"+password+"@", `"secret"`, `"`+password+`"`,
		"/srv/db-1", filepath.Join(pair.Dir(), "primary"), "/srv/db-2", filepath.Join(pair.Dir(), "standby"), "/srv/pooler", filepath.Join(pair.Dir(), "pooler"),
	).Replace(script)
	return script, []string{"PATH=" + bin + ":" + filepath.Dir(program) + ":" + os.Getenv("PATH")}
}

// portOf is a port that nobody has.
func portOf(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(servertest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
