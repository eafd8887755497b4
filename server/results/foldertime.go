package results

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// mostTag is how many bytes of a tag are looked at.
const mostTag = 16 << 10

var timestamp = regexp.MustCompile(`\stimestamp\s*=\s*(?:"([^"]*)"|'([^']*)')`)

// earliestTime is the earliest timestamp that a suite or a test of a JUnit file names,
// zero when none does; suite tells whether there are any. It reads tags only, in the memory of one, and what is no XML is no
// error: what becomes of it is said when the file is read.
func earliestTime(in io.Reader) (earliest time.Time, suite bool, err error) {
	text := bufio.NewReaderSize(in, 64<<10)
	if head, _ := text.Peek(2); string(head) == "\x1f\x8b" {
		z, err := gzip.NewReader(text)
		if err != nil {
			return earliest, false, nil //nolint:nilerr // no gzip after all, which is said when the file is read
		}
		text = bufio.NewReaderSize(z, 64<<10)
	}
	for {
		tag, err := nextTag(text)
		mine := bytes.HasPrefix(tag, []byte("testsuite")) || bytes.HasPrefix(tag, []byte("testcase"))
		suite = suite || mine
		for _, m := range timestamp.FindAllSubmatch(tag, -1) {
			if !mine {
				break
			}
			at := xmlfile.Time(string(m[1]) + string(m[2]))
			if at.Unix() > 0 && (earliest.IsZero() || at.Before(earliest)) {
				earliest = at.UTC()
			}
		}
		if err != nil {
			return earliest, suite, failure(err)
		}
	}
}

// failure is an error of the disk, and not of what is on it.
func failure(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt) {
		return nil
	}
	return err
}

// nextTag reads the beginning of the next tag, without its bracket; with an error, as much
// as there is of it. Comments and CDATA
// are passed over.
func nextTag(in *bufio.Reader) ([]byte, error) {
	for {
		if err := passTo(in, "<"); err != nil {
			return nil, err
		}
		head, _ := in.Peek(8) // less at the end
		switch {
		case bytes.HasPrefix(head, []byte("!--")):
			if err := passTo(in, "-->"); err != nil {
				return nil, err
			}
			continue
		case bytes.HasPrefix(head, []byte("![CDATA[")):
			if err := passTo(in, "]]>"); err != nil {
				return nil, err
			}
			continue
		}
		var tag []byte
		for quote := byte(0); ; {
			c, err := in.ReadByte()
			if err != nil {
				return tag, err
			}
			switch {
			case quote == 0 && c == '>':
				return tag, nil
			case quote == c:
				quote = 0
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			}
			if len(tag) < mostTag {
				tag = append(tag, c)
			}
		}
	}
}

// passTo passes over everything up to a text, and over the text.
func passTo(in *bufio.Reader, text string) error {
	var last [3]byte
	for {
		c, err := in.ReadByte()
		if err != nil {
			return err
		}
		last[0], last[1], last[2] = last[1], last[2], c
		if string(last[3-len(text):]) == text {
			return nil
		}
	}
}
