package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Post is what is read into one result.
type Post struct {
	Files  []File
	Format string // of all the files; empty: each is found out. See KnownFormat
	Strict bool   // refuse damage, unknown files, and files without tests

	// Damage is what the caller knows to be wrong with the first file, beside what its
	// reader finds.
	Damage []report.Damage

	// Onto is a visible result that the files are added to. What is read becomes a
	// copy of it with more tests, and store.ExtendResult publishes it.
	Onto *resultstore.Result
}

// KnownFormat returns a fault when a format that a caller names does not exist.
func KnownFormat(name string) error {
	if name == "" || formats.ByName(formats.All(), name) != nil {
		return nil
	}
	return fault.InvalidField("query", "format", "must be one of %s", formatNames())
}

func formatNames() string {
	names := ""
	for i, r := range formats.All() {
		if i > 0 {
			names += ", "
		}
		names += string(r.Info().Format)
	}
	return names
}

// Take reads the files of a post into rows of the result, and into the fields that
// sum it up, and hands it to publish, which makes it visible in a transaction of
// its area. Whatever publish does not make visible, because of an error or because
// it was there already, is removed again.
//
// What an upload holds is no error, unless the post is strict: then a file that is
// damaged, unknown or without tests is a 422. Errors of BeginResult pass unchanged.
func (in *Intake) Take(ctx context.Context, result *resultstore.Result, post Post, publish func(*report.Report) (visible bool, err error)) error {
	found, err := in.read(ctx, result, post)
	if err != nil {
		return err
	}
	visible, err := publish(found)
	if err != nil || !visible {
		in.discard(ctx, result)
	}
	return err
}

// read begins the result and reads its files. When it fails, nothing of it stays.
func (in *Intake) read(ctx context.Context, result *resultstore.Result, post Post) (*report.Report, error) {
	if err := in.Store.BeginResult(ctx, result); err != nil {
		return nil, err
	}
	found, err := in.fill(ctx, result, post)
	if err == nil && post.Strict {
		err = damageFault(found, result)
	}
	if err != nil {
		in.discard(ctx, result)
		return nil, err
	}
	return found, nil
}

// discard removes what an upload has written that failed, also when its
// request is over; what fails here is left to the sweep.
func (in *Intake) discard(ctx context.Context, result *resultstore.Result) {
	if err := in.Store.DiscardResult(context.WithoutCancel(ctx), result.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
		slog.WarnContext(ctx, "unfinished result left to the sweep", "result_id", result.ID, "error", err)
	}
}

// fill reads the files into the rows of the result and the fields that sum it up.
func (in *Intake) fill(ctx context.Context, result *resultstore.Result, post Post) (*report.Report, error) {
	e := newReading(ctx, in, result)
	defer e.close()
	if post.Onto != nil {
		if err := e.extend(post.Onto); err != nil {
			return nil, err
		}
	}
	if err := e.unpack(post.Files); err != nil {
		return nil, err
	}
	if len(post.Damage) > 0 {
		e.parts[0].damage = append(e.parts[0].damage, post.Damage...)
	}
	if err := e.find(post.Format); err != nil {
		return nil, err
	}
	err := e.readAll()
	if err = errors.Join(err, e.rows.finish(err == nil)); err != nil {
		return nil, err
	}
	if err := in.Store.InsertNameList(ctx, result, e.rows.names); err != nil {
		return nil, err
	}
	return e.sumUp(post.Onto)
}

// damageFault is the answer to strict=true when the upload is damaged, nothing
// that we read, or without tests.
func damageFault(found *report.Report, result *resultstore.Result) error {
	var f *fault.Fault
	switch {
	case found.Format == report.FormatUnknown:
		f = fault.Unprocessable("the format of the file is unknown, and strict refuses that; nothing was stored")
	case found.DamageCount > 0:
		f = fault.Unprocessable("the file is damaged in %d places, and strict refuses that; nothing was stored", found.DamageCount)
	case result.Tests == 0:
		f = fault.Unprocessable("the file holds no test, and strict refuses that; nothing was stored")
	default:
		return nil
	}
	var list []fileDamage
	_ = json.Unmarshal(result.Damage, &list) // we wrote it
	for _, d := range list {
		where := fmt.Sprintf("byte %d", d.Offset)
		if d.File != "" {
			where += " of " + d.File
		}
		f.Errors = append(f.Errors, fault.Entry{Parameter: "file", In: "body", Message: fmt.Sprintf("%s: %s: %s", where, d.Kind, d.Reason)})
	}
	return f
}

func countsToStore(c report.Counts) resultstore.Counts {
	return resultstore.Counts{
		Success: int64(c[report.Success]), XFail: int64(c[report.XFail]), Skip: int64(c[report.Skip]), Fail: int64(c[report.Fail]),
		UXSuccess: int64(c[report.UXSuccess]), InProgress: int64(c[report.InProgress]), Unknown: int64(c[report.Unknown]), Exists: int64(c[report.Exists]),
	}
}
