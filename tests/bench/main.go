package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	scenarios string
	short     bool
	runs      int
	against   string
	database  string
	cache     string
	json      string
	note      string
	rows      int
	peers     bool
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "bare" {
		return serveBare(args[1:])
	}
	var set settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&set.scenarios, "scenario", "all", "scenarios to run, separated by commas: "+strings.Join(names(), ", "))
	flags.BoolVar(&set.short, "short", false, "smaller data and shorter runs: all scenarios in some minutes")
	flags.IntVar(&set.runs, "runs", 3, "how often each scenario runs; the median is printed")
	flags.StringVar(&set.against, "against", "", "commit to compare with: both are built and take turns")
	flags.StringVar(&set.database, "database", "", "empty postgres://… database for the server of this tree, emptied before every run; default: SQLite")
	flags.StringVar(&set.cache, "cache", ".cache/bench", "directory for what is built and made; data of the servers lies there, too")
	flags.StringVar(&set.json, "json", "", "file for the JSON; default: result.json in the cache directory")
	flags.StringVar(&set.note, "note", "", "a remark for the JSON, such as what else ran on the machine")
	flags.IntVar(&set.rows, "rows", 10_000_000, "the most tests that the scenario page asks among, without -short")
	flags.BoolVar(&set.peers, "peers", true, "measure the peers that are built as well")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	chosen, err := choose(set.scenarios)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, set)
	if err != nil {
		return err
	}
	defer b.close()
	var failed error
	for _, s := range chosen {
		if err := b.measure(ctx, s); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(failed, b.finish())
}

// scenario is one thing to measure.
type scenario struct {
	name  string
	about string
	peers []string // that can do it as well
	run   func(ctx context.Context, b *bench, s *subject) error
}

func all() []scenario {
	return []scenario{
		{"creates", "durable creates of about 1 kB: runs, boots, test groups, jobs", []string{"pocketbase", "bare", "bare-group", "pocketbase" + searched, "pocketbase" + searched + durable, "bare" + searched, "bare-group" + searched}, creates},
		{"upload", "one result of 121 000 tests, alone and with other requests beside it", []string{"python-subunit"}, uploads},
		{"page", "filtered pages with equally many matches among more and more rows", nil, pages},
		{"compare", "two results of a million tests compared", nil, compares},
		{"agents", "64 agents that pick work and report it", nil, agents},
		{"polls", "1 000 agents that wait for work", nil, polls},
		{"followers", "200 followers of the event log", nil, followers},
		{"start", "start and memory, with no data and with much", nil, starts},
	}
}

func names() []string {
	var list []string
	for _, s := range all() {
		list = append(list, s.name)
	}
	return list
}

func choose(text string) ([]scenario, error) {
	if text == "all" {
		return all(), nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(text, ",") {
		i := slices.IndexFunc(all(), func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names(), ", "))
		}
		chosen = append(chosen, all()[i])
	}
	return chosen, nil
}

// bench is one run of the program.
type bench struct {
	settings
	work     string // removed at the end
	subjects []*subject
	report   report
}

func newBench(ctx context.Context, set settings) (*bench, error) {
	var err error
	if set.cache, err = filepath.Abs(set.cache); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(set.cache, 0o755); err != nil {
		return nil, err
	}
	b := &bench{settings: set}
	if b.subjects, err = b.findSubjects(ctx); err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp(set.cache, "work-"); err != nil {
		return nil, err
	}
	b.report = newReport(ctx, set)
	return b, nil
}

func (b *bench) close() { os.RemoveAll(b.work) }

// measure runs a scenario with all subjects that can do it, each first in its turn.
func (b *bench) measure(ctx context.Context, sc scenario) error {
	var able []*subject
	for _, s := range b.subjects {
		if s.ours || slices.Contains(sc.peers, s.name) {
			able = append(able, s)
		}
	}
	for i := range b.runs {
		for j := range able {
			s := able[(i+j)%len(able)]
			fmt.Fprintf(os.Stderr, "%s, run %d of %d: %s\n", sc.name, i+1, b.runs, s.name)
			b.report.now(sc.name, s.name)
			if err := sc.run(ctx, b, s); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) finish() error {
	name := b.json
	if name == "" {
		name = filepath.Join(b.cache, "result.json")
	}
	if err := b.report.save(name); err != nil {
		return err
	}
	b.report.print(os.Stdout)
	fmt.Fprintln(os.Stderr, "as JSON:", name)
	return nil
}
