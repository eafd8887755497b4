// Package runs takes runs of other systems over as results. A run becomes a file in a
// format that is read here, as if its runner had uploaded it: what every upload has, its
// bytes, its tests and their damage, it has as well, and nothing is read by rules of an
// import's own. Its id and its times stay (store/results, PublishImported).
package runs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Run is a run of another system.
type Run struct {
	resultstore.Imported
	Where imports.Finding // in the dump

	// Files write what is read of the run; the same each time.
	Files []File
	// Format is that of the files; empty: it is found out.
	Format string
	// Damage is why the run may not be what it was. A run with any is never shown as a
	// good one.
	Damage []string
	// Took is how long the run was; nil when nobody said it.
	Took *time.Duration

	// Publish makes the result visible in a transaction; nil is PublishImported.
	Publish func(ctx context.Context, tx *store.Store, final *resultstore.Result) error
	// Check may refuse what was read before it is published; nil refuses nothing.
	Check func(found *report.Report, final *resultstore.Result) error
}

// File is one file of a run.
type File struct {
	Name  string
	Write func(w io.Writer) error
}

// RefusedError says why a run cannot be taken, which ends no import.
type RefusedError struct {
	Says string
	// LeftOut says that there is nothing to take, which is no fault.
	LeftOut bool
}

// Error says it.
func (e *RefusedError) Error() string { return e.Says }

// Taker takes runs.
type Taker struct {
	Import *imports.Import
	Limits intake.Limits
}

// Take takes a run in a step of an import: see imports.Steps.
func (t *Taker) Take(ctx context.Context, run *Run, r *imports.Report, commit imports.Commit) error {
	old, err := resultstore.New(t.Import.Store).Result(ctx, run.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	default:
		return t.repeated(ctx, old, run, r, commit)
	}
	if t.Import.DryRun {
		if _, err := sumOf(run); err != nil {
			return t.refused(err, run, r, commit)
		}
		t.taken(run, r)
		return commit(nil)
	}
	ctx, release := store.HoldBlobs(ctx)
	defer release()
	in := &intake.Intake{Store: resultstore.New(t.Import.Store), Blobs: t.Import.Store.Blobs, Limits: t.Limits}
	var files []intake.File
	for _, f := range run.Files {
		file, err := in.Keep(ctx, f.Write)
		if err != nil {
			return t.refused(err, run, r, commit)
		}
		file.Name = f.Name
		files = append(files, file)
	}
	err = t.read(ctx, in, files, run, r, commit)
	return t.refused(err, run, r, commit)
}

// refused tells of a run that cannot be taken, and passes every other error on.
func (t *Taker) refused(err error, run *Run, r *imports.Report, commit imports.Commit) error {
	var refused *RefusedError
	var limit *fault.Fault // of the reading: too many tests or files
	f := run.Where
	switch {
	case errors.As(err, &refused):
		f.Says = refused.Says
	case errors.As(err, &limit):
		f.Says = limit.Detail
	default:
		return err
	}
	if refused != nil && refused.LeftOut {
		r.LeaveOut(f)
	} else {
		r.Refuse(f)
	}
	return commit(nil)
}

func (t *Taker) read(ctx context.Context, in *intake.Intake, files []intake.File, run *Run, r *imports.Report, commit imports.Commit) error {
	result := intake.NewResult(files)
	result.Tenant = t.Import.Tenant
	post := intake.Post{Files: files, Format: run.Format}
	for _, says := range run.Damage {
		post.Damage = append(post.Damage, report.Damage{Kind: report.KindContent, Reason: says})
	}
	return in.Take(ctx, result, post, func(found *report.Report) (bool, error) {
		if run.Check != nil {
			if err := run.Check(found, result); err != nil {
				return false, err
			}
		}
		if run.Took != nil {
			us := run.Took.Microseconds()
			result.DurationUS = &us
		}
		t.taken(run, r)
		for _, d := range found.Damage {
			f := run.Where
			f.Says = d.Reason
			r.Note(f)
		}
		return true, commit(func(tx *store.Store) error {
			if run.Publish != nil {
				return run.Publish(ctx, tx, result)
			}
			_, err := resultstore.New(tx).PublishImported(ctx, result, run.Imported)
			return err
		})
	})
}

// taken counts a run.
func (t *Taker) taken(run *Run, r *imports.Report) {
	r.Taken(run.Where.Kind)
	if t.Import.DryRun {
		for _, says := range run.Damage {
			f := run.Where
			f.Says = says
			r.Note(f)
		}
	}
}

// repeated tells of a run whose id is there. One that says something else is refused: it
// may have failed where the other one passed.
func (t *Taker) repeated(ctx context.Context, old *resultstore.Result, run *Run, r *imports.Report, commit imports.Commit) error {
	sum, err := sumOf(run)
	if err != nil {
		return t.refused(err, run, r, commit)
	}
	if old.SHA256 == sum && old.Tenant == t.Import.Tenant {
		r.There(run.Where.Kind)
		return commit(nil)
	}
	return t.refused(&RefusedError{Says: "another result has this id; that one stays"}, run, r, commit)
}

// sumOf is what a result of the run's files is known by.
func sumOf(run *Run) (string, error) {
	var files []intake.File
	for _, f := range run.Files {
		sum := sha256.New()
		if err := f.Write(sum); err != nil {
			return "", err
		}
		files = append(files, intake.File{SHA256: hex.EncodeToString(sum.Sum(nil)), Name: f.Name})
	}
	return intake.NewResult(files).SHA256, nil
}

// timeForms are how databases write times into dumps.
var timeForms = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07", time.RFC3339Nano}

// Time reads a time as a database writes it, in UTC unless it says otherwise. MySQL's
// 0000-00-00 is none.
func Time(text string) (time.Time, error) {
	for _, form := range timeForms {
		at, err := time.Parse(form, text)
		if err == nil && at.Year() >= 1970 && at.Year() < 10_000 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time", text)
}

// ID is an id for something that has none, made of what it is known by: the same each
// time.
func ID(known ...string) uuid.UUID {
	sum := sha256.New()
	for _, k := range known {
		fmt.Fprintf(sum, "%d:%s", len(k), k)
	}
	id := uuid.UUID(sum.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: by a rule of one's own (RFC 9562)
	id[8] = id[8]&0x3f | 0x80
	return id
}
