package products

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// How much of an output is on the page: text of which much must be escaped still
// keeps the page below its bound.
const (
	headBytes  = 12 << 10
	tailBytes  = 28 << 10
	searchHits = 100
	hitBytes   = 300 // of a line
	pingEvery  = 15 * time.Second
)

// escapes are what terminals take for colours and movements.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-9;?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-Z\\\\-_])")

// plain is output as text: without escapes and control characters, whatever it was
// encoded in.
func plain(output []byte) string {
	text := strings.ToValidUTF8(string(output), "\uFFFD")
	if strings.IndexByte(text, '\x1b') >= 0 { // a search looks at every line of 100 MB
		text = escapes.ReplaceAllString(text, "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

// hit is a line of the output that has what was looked for.
type hit struct {
	Line int64
	Text string
	Href string
}

// outputShown is what the page has of an output.
type outputShown struct {
	Path    string // of the call
	Page    string
	Size    int64
	Gone    bool // it was there, and is not any more
	Head    string
	Tail    string
	From    int64 // where the tail, or the part, begins
	Left    int64 // between head and tail
	Part    bool  // it is a part in the middle
	Prev    string
	Next    string
	Follows bool // what comes is wanted
	Q       string
	Hits    []hit
	More    bool
}

// read reads the head and the end of the output, or a part of it, or what has a text.
func (d *outputShown) read(v *frame.Visit, o *client.Opportunity) error {
	id := o.TestOpportunityID
	d.Path = "/v1/products/" + o.ProductID + "/tests/opportunities/" + id + "/output"
	d.Page = "/ui/opportunities/" + id
	d.Q = v.Query("q")
	d.Follows = v.Query("follow") != "no" && d.Q == "" && v.Query("at") == ""
	head, size, err := d.part(v, 0, headBytes+tailBytes)
	if err != nil {
		return err
	}
	d.Size, d.Gone = size, size > 0 && len(head) == 0
	if d.Q != "" {
		return d.find(v)
	}
	if from, err := strconv.ParseInt(v.Query("at"), 10, 64); err == nil && from >= 0 && from < size {
		return d.middle(v, from)
	}
	if size <= headBytes+tailBytes {
		d.Tail = plain(head)
		return nil
	}
	d.Head = plain(lines(head[:min(len(head), headBytes)], false))
	d.From = size - tailBytes
	tail, _, err := d.part(v, d.From, tailBytes)
	if err != nil {
		return err
	}
	whole := lines(tail, true)
	d.From += int64(len(tail) - len(whole))
	d.Left = d.From - headBytes
	d.Tail = plain(whole)
	return nil
}

// middle reads the part that begins at an offset.
func (d *outputShown) middle(v *frame.Visit, from int64) error {
	text, _, err := d.part(v, from, headBytes+tailBytes)
	if err != nil {
		return err
	}
	d.Part, d.From = true, from
	d.Tail = plain(text)
	if from > 0 {
		d.Prev = d.at(max(0, from-headBytes-tailBytes))
	}
	if end := from + int64(len(text)); end < d.Size {
		d.Next = d.at(end)
	}
	return nil
}

func (d *outputShown) at(offset int64) string {
	return d.Page + "?at=" + strconv.FormatInt(offset, 10) + "#output"
}

// Middle is where the part that is left out begins.
func (d *outputShown) Middle() string { return d.at(headBytes) }

// part reads some bytes of the output, and says how many there are.
func (d *outputShown) part(v *frame.Visit, from int64, n int) ([]byte, int64, error) {
	answer, err := v.Get(frame.APIPath(d.Path, "offset", strconv.FormatInt(from, 10)), "text/plain")
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	size, _ := strconv.ParseInt(answer.Header.Get("X-Output-Size"), 10, 64) // the server wrote it
	text, err := io.ReadAll(io.LimitReader(answer.Body, int64(n)))
	return text, size, err
}

// lines leaves out the line that was cut, at the beginning or at the end.
func lines(text []byte, atStart bool) []byte {
	if atStart {
		if i := strings.IndexByte(string(text), '\n'); i >= 0 && i < len(text)/2 {
			return text[i+1:]
		}
		return text
	}
	if i := strings.LastIndexByte(string(text), '\n'); i >= len(text)/2 {
		return text[:i+1]
	}
	return text
}

// find looks for a text in all lines, whatever its case. The output goes by in pieces,
// so that a large one takes time but no memory.
func (d *outputShown) find(v *frame.Visit) error {
	answer, err := v.Get(d.Path, "text/plain")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	wanted := strings.ToLower(d.Q)
	r := bufio.NewReaderSize(answer.Body, 64<<10)
	var offset, start, n int64
	begun := true // of a line
	for {
		piece, err := r.ReadSlice('\n')
		if begun {
			start, n = offset, n+1
		}
		if text := plain(piece); strings.Contains(strings.ToLower(text), wanted) {
			if len(d.Hits) == searchHits {
				d.More = true
				return nil
			}
			d.Hits = append(d.Hits, hit{n, excerpt(text, wanted), d.at(start)})
		}
		offset += int64(len(piece))
		begun = err == nil
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// excerpt is as much of a line as shows what was found.
func excerpt(text, wanted string) string {
	text = strings.TrimRight(text, "\n")
	if len(text) <= hitBytes {
		return text
	}
	from := max(0, strings.Index(strings.ToLower(text), wanted)-hitBytes/3)
	for from > 0 && from < len(text) && !utf8.RuneStart(text[from]) {
		from--
	}
	to := min(len(text), from+hitBytes)
	return strings.ToValidUTF8(text[min(from, to):to], "") + " …"
}

// output sends the whole output as a file.
func output(v *frame.Visit) (*frame.View, error) {
	o, err := byID(v)
	if err != nil {
		return nil, err
	}
	id := o.TestOpportunityID
	answer, err := v.Get("/v1/products/"+o.ProductID+"/tests/opportunities/"+id+"/output", "text/plain")
	if err != nil {
		return nil, err
	}
	return &frame.View{Raw: func(w http.ResponseWriter) error {
		defer answer.Body.Close()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="output-`+url.PathEscape(id)+`.txt"`)
		_, _ = io.Copy(w, answer.Body) // the visitor may have gone
		return nil
	}}, nil
}

// follow is the stream of an opportunity's page: its events and its output. An id has
// both, so that a browser that comes back misses nothing of either.
func follow(v *frame.Visit, s *frame.Stream) error {
	o, err := byID(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(v.Context())
	defer cancel()
	lastEvent, since, _ := strings.Cut(s.Since, "/")
	offset, _ := strconv.ParseInt(since, 10, 64)
	d := &outputShown{Path: "/v1/products/" + o.ProductID + "/tests/opportunities/" + o.TestOpportunityID + "/output"}
	if s.Since == "" {
		if offset, err = d.begin(v, s); err != nil {
			return err
		}
	}
	pieces, events := make(chan piece), make(chan string)
	go d.pieces(ctx, v, offset, pieces)
	if v.May("listEvents") {
		go changes(ctx, v, lastEvent, o.TestOpportunityID, events)
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ping.C:
			s.Ping()
		case lastEvent = <-events:
			s.Changed(lastEvent + "/" + strconv.FormatInt(offset, 10))
		case p := <-pieces:
			if p.err != nil {
				return p.err
			}
			if p.end {
				s.End("")
				return nil
			}
			offset = p.offset
			s.Log(lastEvent+"/"+strconv.FormatInt(offset, 10), plain([]byte(p.text)))
		}
	}
}

// begin brings the page's end of the output up to date, since something may have been
// written after the page was made.
func (d *outputShown) begin(v *frame.Visit, s *frame.Stream) (int64, error) {
	_, size, err := d.part(v, 0, 0)
	if err != nil {
		return 0, err
	}
	tail, _, err := d.part(v, max(0, size-tailBytes), tailBytes)
	if err != nil {
		return 0, err
	}
	offset := max(0, size-tailBytes) + int64(len(tail))
	if offset > tailBytes {
		tail = lines(tail, true)
	}
	s.Part("/"+strconv.FormatInt(offset, 10), []byte(`<span id="tail">`+template.HTMLEscapeString(plain(tail))+`</span>`))
	return offset, nil
}

// piece is something of the output, or its end.
type piece struct {
	text   string
	offset int64 // behind it
	end    bool
	err    error
}

// pieces reads the stream of the output until the opportunity is over. One that breaks
// off is taken up where it stopped.
func (d *outputShown) pieces(ctx context.Context, v *frame.Visit, offset int64, to chan<- piece) {
	send := func(p piece) bool {
		select {
		case to <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	answer, err := v.Get(frame.APIPath(d.Path, "offset", strconv.FormatInt(offset, 10)), "text/event-stream")
	if err != nil {
		send(piece{err: err})
		return
	}
	defer answer.Body.Close()
	stop := context.AfterFunc(ctx, func() { answer.Body.Close() })
	defer stop()
	r := bufio.NewReader(answer.Body)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				err = nil
			}
			send(piece{end: err == nil, err: err})
			return
		}
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		switch name {
		case "id":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				offset = n
			}
		case "data":
			var said struct{ Text string }
			if json.Unmarshal([]byte(value), &said) == nil && said.Text != "" && !send(piece{text: said.Text, offset: offset}) {
				return
			}
		}
	}
}

// changes tells of each event of the opportunity. That the events cannot be read does
// not end the output.
func changes(ctx context.Context, v *frame.Visit, since, id string, to chan<- string) {
	for e, err := range v.API.Events(ctx, since, client.ListEventsParams{TestOpportunityID: &id}) {
		if err != nil {
			return
		}
		select {
		case to <- e.ID:
		case <-ctx.Done():
			return
		}
	}
}
