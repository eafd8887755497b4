package jsonfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Lines reads a file that has a JSON object on each line, and calls read before
// each. Other lines are noise, such as what a runner's build printed between, and
// are handed to noise, if there is one. A line that is broken is damage, and the
// next one is read.
func (f *File) Lines(read func() error, noise func(line []byte, at int64)) error {
	l := liner{f: f, r: bufio.NewReaderSize(&f.src, 64<<10), pos: f.base}
	f.src.dec = nil
	var buf bytes.Buffer
	for {
		line, at, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		text := bytes.TrimSpace(line)
		if len(text) == 0 {
			continue
		}
		if text[0] != '{' {
			f.Noise(int64(len(line)))
			if noise != nil {
				noise(text, at)
			}
			continue
		}
		buf = *bytes.NewBuffer(line)
		f.base, f.depth, f.members = at, 0, f.members[:0]
		f.dec.Reset(&buf, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		err = f.value(read)
		if err == nil {
			err = f.end()
		}
		if err != nil && !errors.Is(err, errBroken) {
			return f.Stopped(err)
		}
	}
	if f.Report.NoiseBytes > 0 {
		f.Warn("%d bytes between the lines of the format are not read", f.Report.NoiseBytes)
	}
	return nil
}

// liner splits a text into lines that are not longer than one value may be.
type liner struct {
	f    *File
	r    *bufio.Reader
	pos  int64
	long []byte
}

// next returns a line and its place. The bytes are good until the next call.
func (l *liner) next() ([]byte, int64, error) {
	l.long = l.long[:0]
	at, cut := l.pos, false
	for {
		part, err := l.r.ReadSlice('\n')
		l.pos += int64(len(part))
		if err == nil && len(l.long) == 0 && !cut {
			return part, at, nil
		}
		if int64(len(l.long)+len(part)) > l.f.longest {
			cut = true
			l.long = l.long[:0]
		}
		if !cut {
			l.long = append(l.long, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, at, err
		}
		if cut {
			l.f.Damage(at, report.KindJSON, "a line longer than %d bytes is not read", l.f.longest)
			return nil, at, nil
		}
		if len(l.long) > 0 {
			return l.long, at, nil
		}
		return nil, at, err
	}
}
