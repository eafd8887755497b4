package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
)

// largeTests is a full run of tempest, two hundred times over.
const largeTests = 121_000

// stream makes a file with a subunit stream, or takes the one that was made before.
func (b *bench) stream(tests int, seed uint64) (string, error) {
	name := filepath.Join(b.cache, fmt.Sprintf("stream-%d-%d.subunit", tests, seed))
	return name, b.makeOnce(name, func(w io.Writer) error { return subunittest.WriteTempestLike(w, tests, 4, seed) })
}

// makeOnce writes a file unless it is there.
func (b *bench) makeOnce(name string, write func(io.Writer) error) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	f, err := os.CreateTemp(b.cache, "new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	buffered := bufio.NewWriterSize(f, 1<<20)
	err = errors.Join(write(buffered), buffered.Flush(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// post uploads a file as a result of a new run.
func (v *server) post(name, contentType string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	c, err := v.dial()
	if err != nil {
		return err
	}
	defer c.close()
	resp, err := c.send("POST", "/v1/post-result", contentType, "", info.Size(), f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("post-result: %w %d: %.300s", errStatus, resp.StatusCode, text)
	}
	return err
}

const subunitType = "application/x-subunit"

// uploads measures a large upload: the first, whose names are new, the next ones, and
// one beside which others read and write.
func uploads(ctx context.Context, b *bench, s *subject) error {
	name, err := b.stream(largeTests, 42)
	if err != nil {
		return err
	}
	if s.name == "python-subunit" {
		began := time.Now()
		if out, err := exec.CommandContext(ctx, s.program, name).CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		b.report.add("again", "tests/s", largeTests/time.Since(began).Seconds())
		return nil
	}
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	for _, metric := range []string{"first", "again", "again"} {
		grown := v.peak()
		before, began := v.cpu(), time.Now()
		err := v.post(name, subunitType)
		took, grew := time.Since(began), grown()
		if err != nil {
			return err
		}
		b.report.add(metric, "tests/s", largeTests/took.Seconds())
		b.report.add(metric+": processor", "us a test", float64((v.cpu()-before).Microseconds())/largeTests)
		b.report.add(metric+": memory", "MiB more", float64(grew)/mib)
	}
	return besideUpload(ctx, b, v, name)
}

// besideUpload measures what others notice of an upload.
func besideUpload(ctx context.Context, b *bench, v *server, name string) error {
	request := func(c *conn, n int64) error {
		var err error
		if n%2 == 0 {
			_, _, err = c.ask("POST", "/v1/runs", "", 201)
		} else {
			_, _, err = c.ask("GET", "/v1/runs?limit=20", "", 200)
		}
		return err
	}
	alone, err := v.drive(ctx, load{conns: 8, rate: 50, limit: 2 * time.Second}, request)
	if err != nil {
		return err
	}
	uploaded := make(chan struct{})
	var failed error
	go func() {
		defer close(uploaded)
		for range 2 {
			if err := v.post(name, subunitType); err != nil {
				failed = err
				return
			}
		}
	}()
	beside, err := v.drive(ctx, load{conns: 8, rate: 50, limit: time.Minute, until: uploaded}, request)
	<-uploaded
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	b.report.add("others at 50/s without it: p99", "ms", alone.at(0.99))
	b.report.add("others at 50/s beside it: p99", "ms", beside.at(0.99))
	b.report.add("others at 50/s beside it: most", "ms", beside.at(1))
	return nil
}
