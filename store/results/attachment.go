package results

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/compact"
)

// Attachment is a file that a test left in the stream. Its bytes are not
// copied: they are spans of the content of one of the result's files. Formats in
// which they stand encoded, such as JSON, give short ones inline, and longer ones
// as spans of what was derived of the file.
type Attachment struct {
	Name string
	MIME string
	Size int64 // as the stream had it; more than what is kept when it was cut

	// One of the two, or neither when nothing was kept.
	Spans  []Span
	Inline []byte

	File    int64 // in which of the result's files the spans lie
	Derived bool  // they lie in what was decoded of it
}

// Span is a part of a blob.
type Span struct{ Offset, Length int64 }

// Kept is the number of bytes that can be read back.
func (a *Attachment) Kept() int64 {
	kept := int64(len(a.Inline))
	for _, s := range a.Spans {
		kept += s.Length
	}
	return kept
}

// compactVersion stands at the beginning of every compact column.
const compactVersion = 1

var errCompact = errors.New("compact column cannot be read")

// encodeAttachments returns nil for none.
func encodeAttachments(list []Attachment) []byte {
	if len(list) == 0 {
		return nil
	}
	b := append(make([]byte, 0, 96*len(list)), compactVersion) // most fit, and need not be moved
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = list[i].append(b)
	}
	return b
}

// append writes offsets as the distance from the end of the span before,
// because the chunks of an attachment usually lie close together.
func (a *Attachment) append(b []byte) []byte {
	b = compact.AppendText(b, a.Name)
	b = compact.AppendText(b, a.MIME)
	b = binary.AppendUvarint(b, uint64(a.Size))
	b = binary.AppendUvarint(b, uint64(len(a.Spans)))
	end := int64(0)
	for _, s := range a.Spans {
		b = binary.AppendVarint(b, s.Offset-end)
		b = binary.AppendUvarint(b, uint64(s.Length))
		end = s.Offset + s.Length
	}
	b = compact.AppendText(b, string(a.Inline))
	from := uint64(a.File) << 1
	if a.Derived {
		from |= 1
	}
	return binary.AppendUvarint(b, from)
}

func decodeAttachments(data []byte) ([]Attachment, error) {
	if data == nil {
		return nil, nil
	}
	r := compact.NewReader(data)
	if r.Byte() != compactVersion {
		return nil, errCompact
	}
	var list []Attachment
	for range r.Count() {
		list = append(list, readAttachment(r))
		if r.Failed() {
			return nil, errCompact
		}
	}
	if r.Failed() || !r.Empty() {
		return nil, errCompact
	}
	return list, nil
}

func readAttachment(r *compact.Reader) Attachment {
	a := Attachment{Name: r.Text(), MIME: r.Text(), Size: r.Size()}
	end := int64(0)
	for range r.Count() {
		s := Span{Offset: end + r.Varint(), Length: r.Size()}
		end = s.Offset + s.Length
		if s.Offset < 0 || end < s.Offset { // also when the sum overflows
			r.Fail()
		}
		if r.Failed() {
			return Attachment{}
		}
		a.Spans = append(a.Spans, s)
	}
	if inline := r.Bytes(); len(inline) > 0 {
		a.Inline = append([]byte{}, inline...)
	}
	from := r.Size()
	a.File, a.Derived = from>>1, from&1 == 1
	return a
}

// encodeDetails returns nil for nothing.
func (o *Origin) encodeDetails() []byte {
	if o.Suite == "" && o.Host == "" && o.Prefix == 0 && len(o.Properties) == 0 {
		return nil
	}
	b := compact.AppendText([]byte{compactVersion}, o.Suite)
	b = compact.AppendText(b, o.Host)
	b = binary.AppendUvarint(b, uint64(o.Prefix))
	b = binary.AppendUvarint(b, uint64(len(o.Properties)))
	for _, p := range o.Properties {
		b = compact.AppendText(b, p.Name)
		b = compact.AppendText(b, p.Value)
	}
	return b
}

// DecodeOrigin reads the column details, which has all of an Origin but the file.
func DecodeOrigin(details []byte) (o Origin, err error) {
	err = o.decodeDetails(details)
	return o, err
}

func (o *Origin) decodeDetails(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	r := compact.NewReader(data)
	if r.Byte() != compactVersion {
		return errCompact
	}
	o.Suite, o.Host, o.Prefix = r.Text(), r.Text(), r.Size()
	for range r.Count() {
		o.Properties = append(o.Properties, Property{Name: r.Text(), Value: r.Text()})
		if r.Failed() {
			return errCompact
		}
	}
	if r.Failed() || !r.Empty() {
		return errCompact
	}
	return nil
}

func encodeTags(tags []string) []byte {
	if len(tags) == 0 {
		return nil
	}
	b := append(make([]byte, 0, 8+16*len(tags)), compactVersion)
	b = binary.AppendUvarint(b, uint64(len(tags)))
	for _, tag := range tags {
		b = compact.AppendText(b, tag)
	}
	return b
}

func decodeTags(data []byte) ([]string, error) {
	if data == nil {
		return nil, nil
	}
	r := compact.NewReader(data)
	if r.Byte() != compactVersion {
		return nil, errCompact
	}
	var tags []string
	for range r.Count() {
		tags = append(tags, r.Text())
		if r.Failed() {
			return nil, errCompact
		}
	}
	if r.Failed() || !r.Empty() {
		return nil, errCompact
	}
	return tags, nil
}

// OpenAttachment returns what was kept of an attachment of one of the result's
// tests. The caller closes it.
func (s *Store) OpenAttachment(ctx context.Context, r *Result, a *Attachment) (store.Blob, error) {
	if err := r.Need(AttachmentsExpired); err != nil {
		return nil, err
	}
	if len(a.Spans) == 0 {
		return newSpanReader(inlineBlob(a.Inline), []Span{{0, int64(len(a.Inline))}}), nil
	}
	f, err := s.ResultFile(ctx, r, a.File)
	if err != nil {
		return nil, fmt.Errorf("attachment of result %s: %w", r.ID, err)
	}
	name := f.ContentSHA256
	if a.Derived {
		name = f.DerivedSHA256
	}
	content, err := s.Blobs.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("attachment of result %s: %w", r.ID, err)
	}
	if size := content.Size(); name == r.ContentSHA256 && size != r.ContentBytes {
		_ = content.Close()
		return nil, fmt.Errorf("attachment of result %s: %w: its content has %d bytes of %d", r.ID, store.ErrContentLost, size, r.ContentBytes)
	}
	return newSpanReader(content, a.Spans), nil
}

// readAtCloser is what a spanReader needs of a blob.
type readAtCloser interface {
	io.ReaderAt
	io.Closer
}

// inlineBlob is a blob in memory.
type inlineBlob []byte

func (b inlineBlob) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (inlineBlob) Close() error { return nil }

// spanReader shows spans of a blob as one.
type spanReader struct {
	*io.SectionReader
	io.Closer
}

func newSpanReader(from readAtCloser, spans []Span) spanReader {
	j := &joined{from: from, spans: spans, ends: make([]int64, len(spans))}
	size := int64(0)
	for i, s := range spans {
		size += s.Length
		j.ends[i] = size
	}
	return spanReader{io.NewSectionReader(j, 0, size), from}
}

// joined maps a place in the attachment to its place in the blob. ends[i] is
// where span i ends in the attachment.
type joined struct {
	from  io.ReaderAt
	spans []Span
	ends  []int64
}

func (j *joined) ReadAt(p []byte, off int64) (int, error) {
	read := 0
	i := sort.Search(len(j.ends), func(i int) bool { return j.ends[i] > off })
	for ; i < len(j.spans) && read < len(p); i++ {
		s := j.spans[i]
		into := off + int64(read) - (j.ends[i] - s.Length)
		part := p[read:min(int64(len(p)), int64(read)+s.Length-into)]
		n, err := j.from.ReadAt(part, s.Offset+into)
		read += n
		if n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the blob is shorter than its span
			}
			return read, err
		}
	}
	if read < len(p) {
		return read, io.EOF
	}
	return read, nil
}
