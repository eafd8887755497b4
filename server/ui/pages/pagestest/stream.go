package pagestest

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long a line of a stream is awaited.
const patience = time.Minute

// Stream is the event stream of a page.
type Stream struct {
	t     testing.TB
	lines *bufio.Scanner
}

// Stream opens the stream of a page, as its script does. It ends with the test.
func (b *Browser) Stream(path string, headers ...string) *Stream {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	b.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.t.Fatalf("stream of %s: %v", path, err)
	}
	b.t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "text/event-stream" {
		b.t.Fatalf("stream of %s: %d %s", path, answer.StatusCode, got)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &Stream{b.t, lines}
}

// Until reads lines until one that has the text, and returns all of them.
func (s *Stream) Until(text string) string {
	s.t.Helper()
	var read strings.Builder
	for s.lines.Scan() {
		read.WriteString(s.lines.Text() + "\n")
		if strings.Contains(s.lines.Text(), text) {
			return read.String()
		}
	}
	s.t.Fatalf("the stream ends without %q: %v\n%s", text, s.lines.Err(), read.String())
	return ""
}

// End reads on until the server has ended the stream, and returns what came.
func (s *Stream) End() string {
	s.t.Helper()
	var read strings.Builder
	for s.lines.Scan() {
		read.WriteString(s.lines.Text() + "\n")
	}
	if err := s.lines.Err(); err != nil {
		s.t.Fatalf("the server does not end the stream: %v\n%s", err, read.String())
	}
	return read.String()
}
