package intake

import (
	"io"
	"path"
	"strings"
	"sync"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// FormatOther is that of a file which is no report and was passed over, such as
// a picture beside reports.
const FormatOther report.Format = "other"

// FormatMulti is that of a result whose files have different formats.
const FormatMulti report.Format = "multi"

// kindArchive is damage of an archive.
const kindArchive report.Kind = "archive"

// part is what was posted as one file.
type part struct {
	File
	packing string // of File: gzip, xz, zip, …; empty for none
	content File   // unpacked; for an archive all its members
	damage  []report.Damage
}

func (p *part) damaged(offset int64, kind report.Kind, reason string) {
	p.damage = append(p.damage, report.Damage{Offset: offset, Kind: kind, Reason: reason})
}

// member is a file that is read: a part, or a member of one. It lies in the
// content of its part.
type member struct {
	part         *part
	name         string
	offset, size int64

	reader     report.Reader // nil: nobody's
	reportLike bool          // whatever it is, it begins like a report
	nested     string        // the name of a report in it, when it is packed a second time
	packed     string        // a packing that is not read, when nobody reads it
	format     report.Format
	scope      report.Scope
	writer     string
	tally      tally // nil when the whole result's is the member's

	damage   []report.Damage
	damages  int // all of them
	warnings []string
	referred bool // an attachment of a report is in it
	missing  int  // attachments that are not in the post
	n        int64
}

func (m *member) damaged(offset int64, kind report.Kind, reason string) {
	m.damages++
	m.damage = append(m.damage, report.Damage{Offset: offset, Kind: kind, Reason: reason})
}

// input is the member as a reader reads it.
func (m *member) input(open *openBlobs) report.Input {
	content := blobReader{open, m.part.content.SHA256}
	return report.Input{ReaderAt: io.NewSectionReader(content, m.offset, m.size), Size: m.size, Name: m.name}
}

// directory finds the members that attachments refer to by name.
type directory struct {
	exact map[string]*member
	base  map[string]*member // nil where several have the base name
}

func newDirectory(members []*member) *directory {
	d := &directory{exact: map[string]*member{}, base: map[string]*member{}}
	for _, m := range members {
		if _, taken := d.exact[m.name]; !taken {
			d.exact[m.name] = m
		}
		base := path.Base(m.name)
		if _, taken := d.base[base]; taken {
			d.base[base] = nil
			continue
		}
		d.base[base] = m
	}
	return d
}

// find returns the member that a report at from calls name: beside the report, at
// that place of the post, or anywhere if only one is called so.
func (d *directory) find(from, name string) *member {
	name = strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
	if m := d.exact[path.Join(path.Dir(from), name)]; m != nil {
		return m
	}
	if m := d.exact[name]; m != nil {
		return m
	}
	return d.base[path.Base(name)]
}

// maxOpen is how many blobs are kept open: a post may have thousands of parts.
const maxOpen = 32

// openBlobs opens blobs as they are read, and closes the oldest ones.
type openBlobs struct {
	open func(sha256 string) (store.Blob, error)

	mu    sync.Mutex
	blobs map[string]store.Blob
	order []string
}

func (o *openBlobs) readAt(sha string, p []byte, off int64) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	blob := o.blobs[sha]
	if blob == nil {
		var err error
		if blob, err = o.open(sha); err != nil {
			return 0, err
		}
		if len(o.order) == maxOpen {
			_ = o.blobs[o.order[0]].Close() // it was only read
			delete(o.blobs, o.order[0])
			o.order = o.order[1:]
		}
		o.blobs[sha] = blob
		o.order = append(o.order, sha)
	}
	return blob.ReadAt(p, off)
}

func (o *openBlobs) close() {
	for _, blob := range o.blobs {
		_ = blob.Close() // it was only read
	}
}

// blobReader reads one of them.
type blobReader struct {
	open *openBlobs
	sha  string
}

func (r blobReader) ReadAt(p []byte, off int64) (int, error) { return r.open.readAt(r.sha, p, off) }

// row is what is stored of the member, but for what it came to.
func (m *member) row(partNumber int64, derived string) resultstore.ResultFile {
	return resultstore.ResultFile{
		N: m.n, Name: m.name,
		Part: partNumber, PartName: m.part.Name, SHA256: m.part.SHA256, PartBytes: m.part.Size, Packing: m.part.packing,
		ContentSHA256: m.part.content.SHA256, ContentOffset: m.offset, Bytes: m.size, DerivedSHA256: derived,
		Format: string(m.format), Writer: m.writer,
	}
}
