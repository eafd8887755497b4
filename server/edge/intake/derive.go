package intake

import (
	"context"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// maxInline is how long an attachment may be that is no part of the upload and
// stands in the row of its test all the same.
const maxInline = 256

// derived is the blob of what stands in the files of a post in another form than
// it is read: escaped, or encoded. There is one for a post, if it needs any.
type derived struct {
	ctx   context.Context // of the request
	blobs store.Blobs
	open  store.BlobWriter
	size  int64
}

// keep moves long texts of attachments out of the row.
func (d *derived) keep(list []resultstore.Attachment) error {
	for i := range list {
		a := &list[i]
		if len(a.Inline) <= maxInline {
			continue
		}
		if d.open == nil {
			var err error
			if d.open, err = d.blobs.Create(d.ctx); err != nil {
				return err
			}
		}
		if _, err := d.open.Write(a.Inline); err != nil {
			return err
		}
		a.Spans = []resultstore.Span{{Offset: d.size, Length: int64(len(a.Inline))}}
		a.Derived = true
		d.size += int64(len(a.Inline))
		a.Inline = nil
	}
	return nil
}

// commit returns the name of the blob, or nothing when nothing was kept.
func (d *derived) commit() (string, error) {
	if d.open == nil {
		return "", nil
	}
	sha, size, err := d.open.Commit()
	if err == nil {
		spend(d.ctx, size)
	}
	return sha, err
}

func (d *derived) abort() {
	if d.open != nil {
		_ = d.open.Abort() // after commit it does nothing
	}
}

// attachments copies those of a record, which belongs to the reader. Spans become
// places in the content of the part. What is in another file of the post is found
// by its name, and what is not there is left out with a warning.
func (e *reading) attachments(m *member, list []report.Attachment) []resultstore.Attachment {
	var kept []resultstore.Attachment
	for i := range list {
		a := &list[i]
		out := resultstore.Attachment{Name: a.Name, MIME: a.MIME, Size: a.Size, Inline: slices.Clone(a.Data), File: m.n}
		for _, s := range a.Spans {
			out.Spans = append(out.Spans, resultstore.Span{Offset: m.offset + s.Offset, Length: s.Length})
		}
		if a.Member != "" {
			other := e.directory().find(m.name, a.Member)
			if other == nil {
				m.missing++
				continue
			}
			other.referred = true
			out.File, out.Size, out.Inline = other.n, other.size, nil
			out.Spans = []resultstore.Span{{Offset: other.offset, Length: other.size}}
		}
		kept = append(kept, out)
	}
	return kept
}

// test makes a row of a record, but for its numbers.
func (e *reading) test(m *member, r *report.Record, prefix int) (resultstore.Test, error) {
	t := resultstore.Test{
		Name: r.ID, Status: resultstore.TestStatus(r.Status), Start: r.Start, Stop: r.Stop,
		Tags: slices.Clone(r.Tags), Attachments: e.attachments(m, r.Attachments),
	}
	t.Length = resultstore.Length{Duration: r.Duration, HasDuration: r.HasDuration}
	t.Origin = resultstore.Origin{File: m.n, Suite: r.Suite, Host: r.Host, Prefix: int64(prefix)}
	for _, p := range r.Properties {
		t.Properties = append(t.Properties, resultstore.Property(p))
	}
	if t.Status.MayFail() && len(t.Attachments) > 0 {
		t.Failure = e.failure(m, t.Attachments)
	}
	return t, e.derived.keep(t.Attachments)
}

// failure is what a test says of its failure, read before anything of it moves.
// What stands in other files is no message.
func (e *reading) failure(m *member, list []resultstore.Attachment) string {
	own := slices.DeleteFunc(slices.Clone(list), func(a resultstore.Attachment) bool { return a.File != m.n })
	return resultstore.FailureText(blobReader{e.open, m.part.content.SHA256}, own)
}
