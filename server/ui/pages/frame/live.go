package frame

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
)

// pingEvery is how often a silent stream says that it is there, so that a browser
// notices when it is not.
const pingEvery = 15 * time.Second

// sessionEvery is how often a stream looks whether its session is still there: who
// logs out sees nothing more, also in what is open elsewhere.
const sessionEvery = 5 * time.Second

// isStream reports whether a request opens a page's stream.
func isStream(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
}

// Stream is the one event stream of a page. It is for one goroutine.
type Stream struct {
	// Since is the id of the last message that the browser has; empty at first.
	Since string

	visit *Visit
	c     *http.ResponseController
}

// stream answers with the page's stream. Its context ends with the server as well.
func (v *Visit) stream() error {
	ctx, cancel := context.WithCancel(v.Context())
	defer cancel()
	go func() {
		select {
		case <-v.site.config.Done:
			cancel()
		case <-ctx.Done():
		}
	}()
	v.HTTP = v.HTTP.WithContext(ctx)
	if v.credential != "" {
		go v.endWithSession(ctx, cancel)
	}
	since := v.HTTP.Header.Get("Last-Event-ID")
	if since == "" {
		since = v.Query("since")
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	s := &Stream{Since: since, visit: v, c: http.NewResponseController(v.w)}
	s.send("retry: 3000\n\n")
	if err := v.page.Live(v, s); err != nil && v.Context().Err() == nil {
		s.End(err.Error())
	}
	return nil
}

// endWithSession calls end when the visitor's session is over.
func (v *Visit) endWithSession(ctx context.Context, end func()) {
	look := time.NewTicker(sessionEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if _, err := v.site.config.Sessions.Get(ctx, sessionID(v.cookie)); errors.Is(err, ErrNoSession) {
				end()
				return
			}
		}
	}
}

func (s *Stream) send(text string) {
	fmt.Fprint(s.visit.w, text)
	_ = s.c.Flush() // the visitor may have gone
}

// Ping says that the stream is there.
func (s *Stream) Ping() { s.send(": \n\n") }

// Changed has the browser fetch the page's live parts anew: elements with an id and
// data-live. The id is where the stream resumes.
func (s *Stream) Changed(id string) { s.send("id: " + line(id) + "\nevent: changed\ndata: \n\n") }

// Part sends HTML. Each element with an id takes the place of the page's element with
// that id; a new one goes into the element that its data-into names, at the beginning
// or, with data-at="end", at the end.
func (s *Stream) Part(id string, html []byte) {
	html = s.visit.Links(html)
	var b strings.Builder
	if id != "" {
		b.WriteString("id: " + line(id) + "\n")
	}
	for part := range bytes.SplitSeq(html, []byte("\n")) {
		b.WriteString("data: " + strings.TrimSuffix(string(part), "\r") + "\n")
	}
	s.send(b.String() + "\n")
}

// Log appends text to the element that follows a log, as text.
func (s *Stream) Log(id, text string) {
	var b strings.Builder
	b.WriteString("id: " + line(id) + "\nevent: log\n")
	for part := range strings.SplitSeq(text, "\n") {
		b.WriteString("data: " + strings.ReplaceAll(part, "\r", "") + "\n")
	}
	s.send(b.String() + "\n")
}

// End says that nothing more will come, and why when that is no good news. The
// browser does not come back.
func (s *Stream) End(reason string) { s.send("event: end\ndata: " + line(reason) + "\n\n") }

func line(text string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(text) }

// OnEvents is a stream for Page.Live: when the event log has something new that the
// filter lets through, the page's live parts are fetched anew.
func OnEvents(filter func(*Visit) client.ListEventsParams) func(*Visit, *Stream) error {
	return func(v *Visit, s *Stream) error {
		return v.Events(s, filter(v), func(e *client.Event) { s.Changed(e.ID) })
	}
}

// Events follows the event log from where the browser stopped, and calls f for each
// event, until the visitor goes or the credential ends.
func (v *Visit) Events(s *Stream, filter client.ListEventsParams, f func(*client.Event)) error {
	ctx, cancel := context.WithCancel(v.Context())
	defer cancel()
	type next struct {
		event *client.Event
		err   error
	}
	events := make(chan next)
	go func() {
		for e, err := range v.API.Events(ctx, s.Since, filter) {
			select {
			case events <- next{e, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ping.C:
			s.Ping()
		case n := <-events:
			if n.err != nil {
				return n.err
			}
			f(n.event)
		}
	}
}
