// Command skips reads what go test -json says, prints what go test without it would,
// and at the end lists every test that was skipped with its reason. It fails when a
// test did, or when the stream ends before its packages do:
//
//	go test -json ./... | go run ./skips
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
}

func main() {
	failed, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

type reporter struct {
	out     io.Writer
	said    map[[2]string][]string // by package and test
	skipped []string
	open    map[string]bool // packages that have begun and not ended
	failed  bool
}

// report copies what is worth reading, and returns whether anything failed.
func report(in io.Reader, out io.Writer) (failed bool, err error) {
	r := &reporter{out: out, said: map[[2]string][]string{}, open: map[string]bool{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return true, err
		}
	}
	for name := range r.open {
		fmt.Fprintf(out, "FAIL\t%s\tended without a result\n", name)
		r.failed = true
	}
	if len(r.skipped) > 0 {
		slices.Sort(r.skipped)
		fmt.Fprintf(out, "\nSkipped (%d):\n%s", len(r.skipped), strings.Join(r.skipped, ""))
	}
	return r.failed, nil
}

func (r *reporter) line(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		fmt.Fprint(r.out, line) // of go itself
		return
	}
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.failed = true
	case "start":
		r.open[e.Package] = true
	case "output":
		r.output(key, e)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, "  "+e.Test+" ("+e.Package+")"+r.reason(key)+"\n")
		}
		r.end(key, false)
	case "pass":
		r.end(key, false)
	case "fail":
		r.failed = true
		r.end(key, true)
	}
}

// output keeps what a test says until it is known how it ends: go test shows only what
// failed. What a package says of itself is shown at once.
func (r *reporter) output(key [2]string, e event) {
	if e.Test == "" {
		if e.Output != "PASS\n" {
			fmt.Fprint(r.out, e.Output)
		}
		return
	}
	r.said[key] = append(r.said[key], e.Output)
}

func (r *reporter) end(key [2]string, show bool) {
	if key[1] == "" {
		delete(r.open, key[0])
		for k, lines := range r.said { // a package that panicked ends its tests without a word
			if k[0] == key[0] {
				if show {
					fmt.Fprint(r.out, strings.Join(lines, ""))
				}
				delete(r.said, k)
			}
		}
		return
	}
	if show {
		fmt.Fprint(r.out, strings.Join(r.said[key], ""))
	}
	delete(r.said, key)
}

// reason is what the test said when it skipped itself.
func (r *reporter) reason(key [2]string) string {
	for _, line := range r.said[key] {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "===") || strings.HasPrefix(text, "---") {
			continue
		}
		if _, said, found := strings.Cut(text, ".go:"); found {
			_, said, _ = strings.Cut(said, ": ")
			return ": " + said
		}
	}
	return ""
}
