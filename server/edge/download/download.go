// Package download sends stored bytes to a client: whole, in ranges, or not at
// all when the client has them.
//
// What is sent comes from strangers, so it always goes out as something to save
// and never as something to show: octet-stream, attachment, nosniff, and a
// policy under which a browser that shows it all the same runs nothing in it.
package download

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// File is what is sent.
type File struct {
	Name     string // under which a browser saves it; may come from a stranger
	Tag      string // names the bytes: the same tag means the same bytes
	Modified time.Time
	Size     int64
	Content  io.ReadSeeker
	Close    func() error // called when everything is sent; may be nil

	// SHA256 is what the bytes must have as their hash; empty when nobody knows.
	SHA256 string
}

// Send writes the answer to the request in info. A range that cannot be read is
// ignored, as are several at once; one outside the file is a 416 fault, returned
// before anything is written, and a file that is not the one that the client insists
// on (If-Match, If-Unmodified-Since) is a 412 fault. So is store.ErrContentLost for bytes that are not as many as Size. What
// goes wrong later, such as a hash that is another at the end, is returned as well;
// the last bytes were not written then, and nobody may take the answer for whole.
func (f File) Send(w http.ResponseWriter, info *call.Info) error {
	if f.Close != nil {
		defer f.Close() //nolint:errcheck // it was only read
	}
	header := w.Header()
	tag := strconv.Quote(f.Tag)
	r := info.HTTP.Clone(info.HTTP.Context())
	if f.isOther(r.Header, tag) {
		return fault.New(http.StatusPreconditionFailed, "precondition-failed", "the file is not the one that If-Match or If-Unmodified-Since names")
	}
	switch checkRange(r.Header.Get("Range"), f.Size) {
	case rangeUnreadable:
		r.Header.Del("Range")
	case rangeOutside:
		if applies(r.Header.Get("If-Range"), tag) {
			return fault.New(http.StatusRequestedRangeNotSatisfiable, "range-not-satisfiable",
				"the range lies outside the file, which has %d bytes", f.Size).
				With("Content-Range", fmt.Sprintf("bytes */%d", f.Size))
		}
		r.Header.Del("Range")
	}
	content, err := f.content(r)
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Disposition", disposition(f.Name))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("ETag", tag)
	http.ServeContent(w, r, "", f.Modified.Truncate(time.Second), content)
	return content.err
}

// isOther reports whether the client insists on another file than this one. Weak tags
// match none (RFC 9110, section 13.1.1).
func (f File) isOther(h http.Header, tag string) bool {
	if wanted := h.Values("If-Match"); len(wanted) > 0 {
		list := strings.Split(strings.Join(wanted, ","), ",") // a tag of ours has no comma
		return !slices.ContainsFunc(list, func(one string) bool {
			one = strings.TrimSpace(one)
			return one == tag || one == "*"
		})
	}
	until, err := http.ParseTime(h.Get("If-Unmodified-Since"))
	return err == nil && f.Modified.Truncate(time.Second).After(until)
}

// applies reports whether a range counts under the If-Range header.
func applies(ifRange, tag string) bool { return ifRange == "" || ifRange == tag }

// disposition quotes the name so that nothing in it ends the header; characters
// outside ASCII go into filename* (RFC 6266).
func disposition(name string) string {
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '/' || c == '\\' {
			return '_'
		}
		return c
	}, name)
	if name == "" || len(name) > 255 {
		name = "file"
	}
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
		return d
	}
	return "attachment"
}

type rangeVerdict int

const (
	rangeFine rangeVerdict = iota
	rangeUnreadable
	rangeOutside
)

// checkRange reads a Range header as far as net/http would refuse it, which
// answers 416 with a text of its own to whatever it cannot read.
func checkRange(header string, size int64) rangeVerdict {
	if header == "" {
		return rangeFine
	}
	list, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return rangeUnreadable
	}
	first, last, ok := strings.Cut(strings.TrimSpace(list), "-") // several do not fit the document's answer
	if !ok {
		return rangeUnreadable
	}
	from, readable := bounds(strings.TrimSpace(first), strings.TrimSpace(last))
	if !readable {
		return rangeUnreadable
	}
	if from >= size || size == 0 {
		return rangeOutside
	}
	return rangeFine
}

// bounds reads one range; from is -1 for the last so many bytes.
func bounds(first, last string) (from int64, ok bool) {
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		return -1, err == nil && n > 0
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, false
	}
	if last == "" {
		return from, true
	}
	to, err := strconv.ParseInt(last, 10, 64)
	return from, err == nil && to >= from
}
