// Package reporttest judges readers of results in tests: against the samples with
// what is right about them, and against files that were cut or changed.
package reporttest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Test is one test id with what all its records said.
type Test struct {
	ID      string
	Status  report.Status
	Flaky   bool
	Records []report.Record // copies, their texts in Data

	attempt int64 // of the record that decided, 0 for a bare repeat
}

// Result is what a reader made of its input.
type Result struct {
	Report *report.Report
	Tests  []*Test // in the order of their first records
	ByID   map[string]*Test
}

// Counts counts the tests by status.
func (r *Result) Counts() (c report.Counts) {
	for _, t := range r.Tests {
		c[t.Status]++
	}
	return c
}

// Outcome decides as for an upload.
func (r *Result) Outcome() report.Outcome {
	return r.Counts().Outcome(r.Report.Format, r.Report.DamageCount)
}

// Read reads one file. Errors of the reader end the test.
func Read(t testing.TB, reader report.Reader, name string, data []byte) *Result {
	t.Helper()
	return ReadLimited(t, reader, name, data, report.Limits{})
}

// ReadLimited is Read under limits; zero fields are the defaults.
func ReadLimited(t testing.TB, reader report.Reader, name string, data []byte, lim report.Limits) *Result {
	t.Helper()
	return read(t, []report.Input{{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: name}}, reader.Info().Format, lim,
		func(ctx context.Context, in []report.Input, s *report.Sink) error { return reader.Read(ctx, in[0], s) })
}

// ReadGroup reads the files that belong together, in the order given.
func ReadGroup(t testing.TB, reader report.Group, files []report.Input) *Result {
	t.Helper()
	return read(t, files, reader.Info().Format, report.Limits{}, reader.ReadGroup)
}

func read(t testing.TB, files []report.Input, format report.Format, lim report.Limits, run func(context.Context, []report.Input, *report.Sink) error) *Result {
	t.Helper()
	res := &Result{ByID: map[string]*Test{}}
	var failed error
	var s *report.Sink
	s = report.NewSink(lim, func(r *report.Record) error {
		if !r.Complete && r.Status.Final() && r.Status != report.Fail {
			t.Errorf("%q is %s and not complete", r.ID, r.Status)
		}
		if err := res.add(r, files[s.File():]); err != nil {
			failed = err
		}
		return nil
	})
	s.Report.Format = format
	if err := run(t.Context(), files, s); err != nil {
		t.Fatalf("reading failed: %v", err)
	}
	if failed != nil {
		t.Fatalf("an attachment cannot be read: %v", failed)
	}
	s.Finish()
	res.Report = s.Report
	return res
}

// add folds a record into its test, as package intake does.
func (r *Result) add(rec *report.Record, files []report.Input) error {
	c := *rec
	c.Tags, c.Properties = slices.Clone(rec.Tags), slices.Clone(rec.Properties)
	c.Attachments = nil
	for _, a := range rec.Attachments {
		if a.Data == nil && a.Member == "" {
			var input io.ReaderAt
			if len(files) > 0 {
				input = files[0]
			}
			text, err := io.ReadAll(report.NewSpanReader(input, a.Spans))
			if err != nil {
				return err
			}
			a.Data = text
		}
		a.Data = bytes.Clone(a.Data)
		c.Attachments = append(c.Attachments, a)
	}
	t := r.ByID[c.ID]
	if t == nil {
		t = &Test{ID: c.ID, Status: c.Status, attempt: c.Attempt}
		r.ByID[c.ID] = t
		r.Tests = append(r.Tests, t)
	} else {
		t.fold(&c)
	}
	t.Flaky = t.Flaky || c.Flaky
	t.Records = append(t.Records, c)
	return nil
}

func (t *Test) fold(c *report.Record) {
	switch {
	case c.Attempt == 0 || t.attempt == 0 || c.Attempt == t.attempt:
		t.Status = report.Worst(t.Status, c.Status)
	case c.Attempt > t.attempt:
		t.Flaky = t.Flaky || t.Status.Failed()
		t.Status, t.attempt = c.Status, c.Attempt
	default:
		t.Flaky = t.Flaky || c.Status.Failed()
	}
}

// Cut reads the file cut at every byte, or at some two thousand places of a longer
// one, and fails when what is left of it passes. spare is how many bytes at the
// end, before white space, a report is complete without.
func Cut(t *testing.T, reader report.Reader, data []byte, spare int) {
	t.Helper()
	end := len(bytes.TrimRight(data, " \t\r\n")) - spare
	step := max(1, end/2000)
	for n := 1; n < end; n += step {
		res := Read(t, reader, "cut", data[:n])
		if got := res.Outcome(); got == report.OutcomePass {
			t.Errorf("cut after %d of %d bytes the outcome is %s, want damage or a failure; it ends in %q", n, len(data), got, tail(data[:n]))
			return
		}
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-60):] }
