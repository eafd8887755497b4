// Command modzip writes a tree as the module proxy would serve it, so that it can be
// asked, before a release, whether go install takes it:
//
//	modzip -dir . -module github.com/slipway-lab/slipway -version v0.0.0 -out DIR
//
// DIR is then a proxy: GOPROXY=file://DIR.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	dir := flag.String("dir", ".", "the tree")
	path := flag.String("module", "", "the module's path")
	version := flag.String("version", "v0.0.0", "the version to serve it as")
	out := flag.String("out", "", "the directory to write to")
	flag.Parse()
	if err := write(*dir, module.Version{Path: *path, Version: *version}, *out); err != nil {
		fmt.Fprintln(os.Stderr, "modzip:", err)
		os.Exit(1)
	}
}

func write(dir string, of module.Version, out string) error {
	name, err := module.EscapePath(of.Path)
	if err != nil {
		return err
	}
	out = filepath.Join(out, filepath.FromSlash(name), "@v")
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // of a proxy
		return err
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // the caller's
	if err != nil {
		return err
	}
	at := filepath.Join(out, of.Version)
	info := fmt.Sprintf("{\"Version\":%q}\n", of.Version)
	err = errors.Join(os.WriteFile(at+".mod", mod, 0o600), os.WriteFile(at+".info", []byte(info), 0o600),
		os.WriteFile(filepath.Join(out, "list"), []byte(of.Version+"\n"), 0o600))
	if err != nil {
		return err
	}
	file, err := os.Create(at + ".zip") //nolint:gosec // the caller's
	if err != nil {
		return err
	}
	return errors.Join(zip.CreateFromDir(file, of, dir), file.Close())
}
