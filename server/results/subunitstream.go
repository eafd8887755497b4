package results

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/imports/runs"
	"github.com/slipway-lab/slipway/server/imports/scratch"
)

// streamQuery are the tests of a run, one row for each attachment of a test.
const streamQuery = `SELECT t.seq, t.status, t.start_time, t.start_time_microsecond, t.stop_time, t.stop_time_microsecond, t.test_id,
	(SELECT test_id FROM tests WHERE tests.id = t.test_id ORDER BY seq LIMIT 1),
	(SELECT json_group_array(json_array(CAST(key AS TEXT), CAST(value AS TEXT)) ORDER BY seq) FROM test_run_metadata AS m WHERE m.test_run_id = t.id),
	a.label, a.attachment
	FROM test_runs AS t LEFT JOIN attachments AS a ON a.test_run_id = t.id WHERE t.run_id = ? ORDER BY t.seq, a.seq`

// streamTest is a row of it.
type streamTest struct {
	seq                                  int64
	status, start, startUS, stop, stopUS sql.NullString
	test, name, metadata, label          sql.NullString
	attachment                           []byte
}

// stream returns what writes a run as subunit.
func (t *subunitRun) stream(ctx context.Context) func(w io.Writer) error {
	return func(w io.Writer) error {
		out := &streamWriter{Writer: bufio.NewWriterSize(w, 64<<10)}
		var before *streamTest
		err := t.d.tables.Each(ctx, streamQuery, []any{t.id}, func(scan scratch.Scan) error {
			var s streamTest
			err := scan(&s.seq, &s.status, &s.start, &s.startUS, &s.stop, &s.stopUS, &s.test, &s.name, &s.metadata, &s.label, &s.attachment)
			if err != nil {
				return err
			}
			if before == nil || before.seq != s.seq {
				out.end(before)
				out.begin(&s)
				before = &s
			}
			out.attach(before, s.label, t.d.tables.Bytes(s.attachment))
			return out.err
		})
		out.end(before)
		if err != nil {
			return err
		}
		if out.err != nil {
			return out.err
		}
		return out.Flush()
	}
}

// streamWriter writes packets of subunit v2.
type streamWriter struct {
	*bufio.Writer
	err error
}

// The flags and the statuses of a packet
// (https://github.com/testing-cabal/subunit, README, "Version 2").
const (
	packetVersion = 0x2000
	packetID      = 0x0800
	packetTime    = 0x0200
	packetRun     = 0x0100
	packetTags    = 0x0080
	packetMIME    = 0x0020
	packetEOF     = 0x0010
	packetFile    = 0x0040
)

// packetStatuses are the numbers of the words that subunit2sql stores, which are
// subunit's own. Any other one is a status that nobody knows, and stays so.
var packetStatuses = map[string]uint16{"exists": 1, "inprogress": 2, "success": 3, "uxsuccess": 4, "skip": 5, "fail": 6, "xfail": 7}

// mostPart is how many bytes of a file one packet has; a packet has at most 4 MiB.
const mostPart = 1 << 20

// packet is what a packet says of a test.
type packet struct {
	id     string
	status uint16
	at     time.Time
	tags   []string
	file   string
	mime   string
	bytes  []byte
	last   bool
}

// id is the id of a test as its stream had it: subunit2sql keeps what stood in brackets
// as metadata (subunit2sql/read_subunit.py, cleanup_test_name).
func (s *streamTest) id(attrs string) string {
	name := plain(s.name.String)
	if name == "" {
		name = "a test without a name, " + plain(s.test.String)
	}
	if attrs != "" {
		name += "[" + attrs + "]"
	}
	const longest = 60 << 10
	return strings.ToValidUTF8(name[:min(len(name), longest)], "")
}

// said reads the metadata: the attributes that belong to the id, and tags.
func (s *streamTest) said() (attrs string, tags []string) {
	var list [][2]*string
	_ = json.Unmarshal([]byte(plain(s.metadata.String)), &list) // SQLite made it
	const most = 1000
	for _, pair := range list {
		if pair[0] == nil || pair[1] == nil || len(tags) > most {
			continue
		}
		switch key, value := *pair[0], plain(*pair[1]); {
		case key == "attrs" && attrs == "":
			attrs = value
		case key == "tags":
			tags = append(tags, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
		default:
			tags = append(tags, plain(key)+"="+value)
		}
	}
	if word := s.status.String; packetStatuses[word] == 0 {
		tags = append(tags, "status="+plain(word))
	}
	return attrs, tags
}

// momentOf reads a time with its microseconds, which have a column of their own in later
// databases.
func momentOf(text, micros sql.NullString) time.Time {
	at, err := runs.Time(text.String)
	if err != nil || at.Year() > 2105 { // the last year of a packet
		return time.Time{}
	}
	if us, err := strconv.ParseInt(micros.String, 10, 64); err == nil && us >= 0 && us < 1_000_000 && at.Nanosecond() == 0 {
		at = at.Add(time.Duration(us) * time.Microsecond)
	}
	return at
}

func (w *streamWriter) begin(s *streamTest) {
	if at := momentOf(s.start, s.startUS); !at.IsZero() {
		attrs, _ := s.said()
		w.write(&packet{id: s.id(attrs), status: packetStatuses["inprogress"], at: at})
	}
}

func (w *streamWriter) end(s *streamTest) {
	if s == nil {
		return
	}
	attrs, tags := s.said()
	w.write(&packet{id: s.id(attrs), status: packetStatuses[s.status.String], at: momentOf(s.stop, s.stopUS), tags: tags})
}

func (w *streamWriter) attach(s *streamTest, label sql.NullString, content []byte) {
	if !label.Valid && content == nil {
		return
	}
	attrs, _ := s.said()
	name := plain(label.String)
	if name == "" {
		name = "attachment"
	}
	for done := false; !done; {
		n := min(len(content), mostPart)
		done = n == len(content)
		w.write(&packet{id: s.id(attrs), file: name, mime: "application/octet-stream", bytes: content[:n], last: done})
		content = content[n:]
	}
}

func (w *streamWriter) write(p *packet) {
	if w.err != nil {
		return
	}
	flags := uint16(packetVersion|packetRun|packetID) | p.status
	var parts []byte
	if !p.at.IsZero() {
		flags |= packetTime
		parts = binary.BigEndian.AppendUint32(parts, uint32(p.at.Unix()))
		parts = appendNumber(parts, p.at.Nanosecond())
	}
	parts = appendText(parts, p.id)
	if len(p.tags) > 0 {
		flags |= packetTags
		parts = appendNumber(parts, len(p.tags))
		for _, tag := range p.tags {
			parts = appendText(parts, tag[:min(len(tag), 1000)])
		}
	}
	if p.file != "" {
		flags |= packetMIME | packetFile
		if p.last {
			flags |= packetEOF
		}
		parts = appendText(appendText(parts, p.mime), p.file)
		parts = append(appendNumber(parts, len(p.bytes)), p.bytes...)
	}
	if len(parts) > 4<<20-64 {
		w.err = &runs.RefusedError{Says: fmt.Sprintf("the test %.80q does not fit into a stream", p.id)}
		return
	}
	head := binary.BigEndian.AppendUint16([]byte{0xb3}, flags)
	head = appendLength(head, 3+len(parts)+4)
	sum := crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, parts)
	for _, bytes := range [][]byte{head, parts, binary.BigEndian.AppendUint32(nil, sum)} {
		_, err := w.Write(bytes)
		if w.err == nil {
			w.err = err
		}
	}
}

// appendLength adds the length of a packet, of which its own bytes are a part.
func appendLength(dst []byte, rest int) []byte {
	for _, own := range []int{1, 2, 3} {
		if n := appendNumber(nil, rest+own); len(n) == own {
			return append(dst, n...)
		}
	}
	return append(dst, wideNumber(rest+3)...)
}

// appendNumber adds a number in its shortest form: the first two bits say how many bytes
// it has.
func appendNumber(dst []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(dst, uint16(n)|0x4000)
	case n < 1<<22:
		return append(dst, wideNumber(n)...)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|0xc0000000)
}

func wideNumber(n int) []byte { return []byte{0x80 | byte(n>>16), byte(n >> 8), byte(n)} }

func appendText(dst []byte, text string) []byte { return append(appendNumber(dst, len(text)), text...) }
