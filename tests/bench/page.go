package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"time"
)

// pages asks for the same page among 10 thousand tests, a million and ten million, or
// more by tens when -rows says so.
// What matches is the same at each size.
func pages(ctx context.Context, b *bench, s *subject) error {
	sizes, fill := []int{10_000}, 250_000
	for size := 1_000_000; size <= b.rows; size *= 10 {
		sizes = append(sizes, size)
	}
	if b.short {
		sizes, fill = []int{10_000, 300_000}, 100_000
	}
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	few, err := b.plain("few", 10_000, 1)
	if err != nil {
		return err
	}
	more, err := b.plain("more", fill, 2)
	if err != nil {
		return err
	}
	if err := v.post(few, subunitType); err != nil {
		return err
	}
	stored := 10_000
	medians := map[string]float64{}
	for _, size := range sizes {
		for ; stored < size; stored += fill {
			if err := v.post(more, subunitType); err != nil {
				return err
			}
		}
		if err := pageQuestions(ctx, b, v, strconv.Itoa(size/1000)+" k", medians); err != nil {
			return err
		}
	}
	return nil
}

// pageQuestions asks each question so often over one connection.
func pageQuestions(ctx context.Context, b *bench, v *server, size string, first map[string]float64) error {
	const asked = 500
	for _, q := range []struct{ name, path string }{
		{"failed tests of a run", "/v1/runs/1/results/current/tests?" + query("status", "fail", "limit", "50")},
		{"a test by its name", "/v1/test-results?" + query("name", "few.module_7.test_7", "limit", "50")},
		{"newest runs", "/v1/runs?" + query("limit", "1")},
	} {
		before := v.cpu()
		got, err := v.drive(ctx, load{conns: 1, count: asked, limit: 2 * time.Minute}, func(c *conn, _ int64) error {
			_, _, err := c.ask("GET", q.path, "", 200)
			return err
		})
		used := float64((v.cpu() - before).Microseconds()) / asked
		if err != nil {
			return err
		}
		for _, f := range []struct {
			name, unit string
			value      float64
		}{{q.name, "ms", got.at(0.5)}, {q.name + ": processor", "us each", used}} {
			b.report.add(f.name+", of "+size, f.unit, f.value)
			if least, ok := first[f.name]; ok && least > 0 {
				b.report.add(f.name+", of "+size+": in times of the least", "times", f.value/least)
			} else {
				first[f.name] = f.value
			}
		}
	}
	return nil
}

// plain makes a stream of small tests, of which one in a hundred fails; which ones
// depends on the seed.
func (b *bench) plain(prefix string, tests int, seed uint64) (string, error) {
	name := filepath.Join(b.cache, fmt.Sprintf("plain-%s-%d-%d.subunit", prefix, tests, seed))
	return name, b.makeOnce(name, func(w io.Writer) error {
		dice := rand.New(rand.NewPCG(seed, 0))
		for i := range tests {
			outcome := "success"
			if dice.IntN(100) == 0 {
				outcome = "failure"
			}
			if _, err := fmt.Fprintf(w, "test: %s.module_%d.test_%d\n%s: %s.module_%d.test_%d\n", prefix, i/100, i, outcome, prefix, i/100, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// compares asks what changed between two results of a million tests.
func compares(ctx context.Context, b *bench, s *subject) error {
	tests := 1_000_000
	if b.short {
		tests = 100_000
	}
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	for seed := range uint64(2) {
		name, err := b.plain("large", tests, 10+seed)
		if err == nil {
			err = v.post(name, subunitType)
		}
		if err != nil {
			return err
		}
	}
	for _, q := range []struct{ name, path string }{
		{"first page of the changes", "/v1/compare?" + query("base", "run:1", "head", "run:2", "limit", "50")},
		{"all of it as CSV", "/v1/compare?" + query("base", "run:1", "head", "run:2", "as", "csv", "class", "all")},
	} {
		grown := v.peak()
		before := v.cpu()
		got, err := v.drive(ctx, load{conns: 1, count: 3, limit: 3 * time.Minute}, func(c *conn, _ int64) error {
			resp, err := c.send("GET", q.path, "", "", 0, nil)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %w %d", q.path, errStatus, resp.StatusCode)
			}
			return nil
		})
		grew := grown()
		if err != nil {
			return err
		}
		b.report.add(q.name, "ms", got.at(0.5))
		b.report.add(q.name+": processor", "ms", milliseconds(v.cpu()-before)/3)
		b.report.add(q.name+": memory", "MiB more", float64(grew)/mib)
	}
	return nil
}
