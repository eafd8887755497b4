package jsonfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// errLong says that one value takes more memory than the limits allow.
var errLong = errors.New("a value too long to read")

// source is what a decoder reads from. It ends when the context does, and when the
// decoder has been given more than longest bytes since its last value: it holds
// one value in memory, however long it is.
type source struct {
	ctx     context.Context
	r       io.Reader
	dec     *jsontext.Decoder // nil when somebody else takes care of long values
	given   int64
	longest int64
	err     error // of the input; not for what the file holds
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	if s.dec != nil && s.given-s.dec.InputOffset() > s.longest {
		return 0, errLong
	}
	n, err := s.r.Read(p)
	s.given += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

var utf8Mark = []byte("\xef\xbb\xbf")

// open returns the text of a file in UTF-8 from its first character on, the place
// of that in the file, and whether text and file are the same bytes.
func open(ctx context.Context, in report.Input) (text io.Reader, base int64, verbatim bool, err error) {
	head := make([]byte, 4)
	n, err := in.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, 0, false, err
	}
	head = head[:n]
	raw := bufio.NewReaderSize(in.Reader(), int(min(max(in.Size, 512), 64<<10)))
	if order, ok := utf16Order(head); ok {
		return transform.NewReader(raw, unicode.UTF16(order, unicode.UseBOM).NewDecoder()), 0, false, nil
	}
	if bytes.HasPrefix(head, utf8Mark) {
		base = int64(len(utf8Mark))
		_, _ = raw.Discard(len(utf8Mark))
	}
	if odd, err := mentions(ctx, in); odd || err != nil {
		return &literals{r: raw}, base, true, err
	}
	return raw, base, true, nil
}

// utf16Order finds out from the first two characters, which are ASCII in every
// JSON, whether a text is UTF-16.
func utf16Order(head []byte) (unicode.Endianness, bool) {
	switch {
	case len(head) < 2:
		return unicode.BigEndian, false
	case head[0] == 0xff && head[1] == 0xfe, head[0] != 0 && head[1] == 0:
		return unicode.LittleEndian, true
	case head[0] == 0xfe && head[1] == 0xff, head[0] == 0 && head[1] != 0:
		return unicode.BigEndian, true
	}
	return unicode.BigEndian, false
}
