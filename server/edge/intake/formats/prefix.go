package formats

import (
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Prefix returns the beginning of a file as Detect wants it: in UTF-8 and without
// a mark, when the file is in UTF-8 or in UTF-16. Other encodings are the same in
// what formats are told by.
func Prefix(in report.Input) ([]byte, error) {
	head, err := headAt(in, 0)
	for at := int64(len(head)); err == nil && at < in.Size && blank(head) == len(head); { // a file that begins with nothing, however much of it
		if head, err = headAt(in, at); err == nil && blank(head) < len(head) {
			at += int64(blank(head))
			head, err = headAt(in, at)
			break
		}
		at += int64(len(head))
	}
	if err != nil {
		return nil, err
	}
	if e := wide(head); e != nil {
		// What is cut in the middle of a character becomes U+FFFD.
		head, err = e.NewDecoder().Bytes(head)
		return head, err
	}
	return bytes.TrimPrefix(head, []byte("\ufeff")), nil
}

func headAt(in report.Input, at int64) ([]byte, error) {
	head := make([]byte, min(in.Size-at, report.PrefixBytes))
	n, err := in.ReadAt(head, at)
	if err != nil && !errors.Is(err, io.EOF) || n < len(head) {
		return nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return head, nil
}

// blank counts the bytes at the beginning of a text that say nothing: white space, and
// the zeros that are left of a log when it is emptied while it is written.
func blank(text []byte) int {
	return len(text) - len(bytes.TrimLeft(text, " \t\r\n\v\f\x00"))
}

// wide returns the encoding of a text in UTF-16, with or without a mark.
func wide(head []byte) encoding.Encoding {
	switch {
	case len(head) < 2:
		return nil
	case head[0] == 0xff && head[1] == 0xfe, head[0] == 0xfe && head[1] == 0xff:
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case head[0] != 0 && head[1] == 0 && head[0] < 0x80:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case head[0] == 0 && head[1] != 0 && head[1] < 0x80:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// IsBlank reports whether a file holds nothing but white space.
func IsBlank(in report.Input) (bool, error) {
	r := in.Reader()
	buf := make([]byte, min(in.Size, report.PrefixBytes))
	for {
		n, err := r.Read(buf)
		if len(bytes.Trim(buf[:n], " \t\r\n\v\f")) > 0 {
			return false, nil
		}
		if errors.Is(err, io.EOF) || n == 0 && err == nil {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}
