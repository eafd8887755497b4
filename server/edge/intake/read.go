package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Take reads the file that the result names into rows of its own and into the
// fields that sum it up, and hands it to publish, which makes it visible in a
// transaction of its area. Whatever publish does not make visible, because of an
// error or because it was there already, is removed again.
//
// What an upload holds is no error, unless strict is set: then a damaged or
// unknown file is a 422. Errors of BeginResult pass unchanged.
func (in *Intake) Take(ctx context.Context, result *resultstore.Result, strict bool, publish func(*subunit.Report) (visible bool, err error)) error {
	report, err := in.read(ctx, result, strict)
	if err != nil {
		return err
	}
	visible, err := publish(report)
	if err != nil || !visible {
		in.discard(ctx, result)
	}
	return err
}

// read begins the result and reads its file. When it fails, nothing of it stays.
func (in *Intake) read(ctx context.Context, result *resultstore.Result, strict bool) (*subunit.Report, error) {
	if err := in.Store.BeginResult(ctx, result); err != nil {
		return nil, err
	}
	report, err := in.fill(ctx, result)
	if err == nil && strict {
		err = damageFault(report)
	}
	if err != nil {
		in.discard(ctx, result)
		return nil, err
	}
	return report, nil
}

// discard removes what an upload has written that failed, also when its
// request is over; what fails here is left to the sweep.
func (in *Intake) discard(ctx context.Context, result *resultstore.Result) {
	if err := in.Store.DiscardResult(context.WithoutCancel(ctx), result.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
		slog.WarnContext(ctx, "unfinished result left to the sweep", "result_id", result.ID, "error", err)
	}
}

// fill reads the file into the rows of the result and the fields that sum it up.
func (in *Intake) fill(ctx context.Context, result *resultstore.Result) (*subunit.Report, error) {
	content, gzipDamage, err := in.openContent(ctx, result)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	into := newRows(ctx, in.Store, result.Key, content)
	defer into.names.Close()
	report, err := subunit.Parse(content, content.Size(), subunit.Limits{Tests: in.Limits.Tests}, into.record)
	if err = errors.Join(err, into.finish(err == nil)); err != nil {
		return nil, err
	}
	if err := in.Store.InsertNameList(ctx, result, into.names); err != nil {
		return nil, err
	}
	if gzipDamage != nil {
		report.AddDamage(*gzipDamage)
	}
	return report, summarize(result, report, into)
}

// openContent opens the bytes to parse: the upload itself, or what was inside
// when it is gzip. That is stored as a blob of its own, because attachments
// are read from it later.
func (in *Intake) openContent(ctx context.Context, result *resultstore.Result) (store.Blob, *subunit.Damage, error) {
	raw, err := in.Blobs.Open(ctx, result.SHA256)
	if err != nil {
		return nil, nil, err
	}
	if zipped, err := isGzip(raw); err != nil || !zipped {
		return raw, nil, err
	}
	defer raw.Close()
	var damage *subunit.Damage
	file, err := in.Keep(ctx, func(w io.Writer) error {
		if u := strangerOf(ctx); u != nil {
			if w, err = u.unzipped(ctx, w, raw.Size()); err != nil {
				return err
			}
		}
		_, found, err := subunit.Gunzip(w, io.NewSectionReader(raw, 0, raw.Size()), in.Limits.Decompressed)
		damage = found
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	result.Gzip, result.ContentSHA256, result.ContentBytes = true, file.SHA256, file.Size
	content, err := in.Blobs.Open(ctx, file.SHA256)
	return content, damage, err
}

func isGzip(raw store.Blob) (bool, error) {
	var head [3]byte
	n, err := raw.ReadAt(head[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return subunit.IsGzip(head[:n]), err
}

// summarize fills in what the result says as a whole.
func summarize(result *resultstore.Result, report *subunit.Report, in *rows) error {
	counts, tests := in.counts()
	result.Format, result.Scope = string(report.Format), string(report.Scope)
	result.Counts, result.Tests = countsToStore(counts), tests
	result.Records, result.NoiseBytes = int64(report.Records), report.NoiseBytes
	result.DamageCount, result.Complete = int64(report.DamageCount), report.Complete()
	result.Outcome = string(counts.Outcome(report.Format, report.DamageCount))
	if report.CPID != nil {
		result.CPID = *report.CPID
	}
	for _, f := range []struct {
		into *store.JSON
		from any
	}{{&result.Damage, report.Damage}, {&result.Warnings, report.Warnings}, {&result.Attachments, report.Attachments}} {
		text, err := json.Marshal(f.from)
		if err != nil {
			return err
		}
		*f.into = text
	}
	return nil
}

// damageFault is the answer to strict=true when the upload is damaged or
// nothing that we read.
func damageFault(report *subunit.Report) error {
	if report.DamageCount == 0 && report.Format != subunit.FormatUnknown {
		return nil
	}
	f := fault.Unprocessable("the file is damaged in %d places, and strict refuses that; nothing was stored", report.DamageCount)
	if report.Format == subunit.FormatUnknown {
		f = fault.Unprocessable("the format of the file is unknown, and strict refuses that; nothing was stored")
	}
	for _, d := range report.Damage {
		f.Errors = append(f.Errors, fault.Entry{
			Parameter: "file", In: "body", Message: fmt.Sprintf("byte %d: %s: %s", d.Offset, d.Kind, d.Reason),
		})
	}
	return f
}

func countsToStore(c subunit.Counts) resultstore.Counts {
	return resultstore.Counts{
		Success: int64(c[subunit.Success]), XFail: int64(c[subunit.XFail]), Skip: int64(c[subunit.Skip]), Fail: int64(c[subunit.Fail]),
		UXSuccess: int64(c[subunit.UXSuccess]), InProgress: int64(c[subunit.InProgress]), Unknown: int64(c[subunit.Unknown]), Exists: int64(c[subunit.Exists]),
	}
}
