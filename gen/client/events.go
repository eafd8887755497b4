package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"
)

// maxEvent bounds one event of a stream.
const maxEvent = 4 << 20

// Events follows the event log from the event after since on, which is an event's
// id or empty for what happens from now on, until the context ends. A stream that
// breaks off is resumed where it stopped, so that no event is missed or shown
// twice; pauses grow to a minute while the server is away.
//
// A Problem other than 429, 502, 503 and 504 ends the sequence with an error.
func (a *API) Events(ctx context.Context, since string, filter ListEventsParams) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		pause := time.Second
		for {
			more, seen, err := a.eventStream(ctx, &since, filter, yield)
			if !more {
				return
			}
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			var problem *Problem
			if errors.As(err, &problem) && !passing(int(problem.Status)) || errors.Is(err, ErrMoved) {
				yield(nil, err)
				return
			}
			if seen {
				pause = time.Second
			}
			if err := Wait(ctx, pause); err != nil {
				yield(nil, err)
				return
			}
			pause = min(2*pause, time.Minute)
		}
	}
}

// eventStream reads one stream to its end. more is false when the consumer has
// had enough.
func (a *API) eventStream(ctx context.Context, since *string, filter ListEventsParams, yield func(*Event, error) bool) (more, seen bool, err error) {
	filter.After, filter.LastEventID = nil, nil
	if *since != "" {
		filter.LastEventID = since
	}
	answer, err := a.raw.ListEvents(ctx, &filter, func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept", "text/event-stream")
		return nil
	})
	if err != nil {
		return true, false, err
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		yield(nil, unexpected(answer))
		return false, false, nil
	}
	r := bufio.NewReader(answer.Body)
	for {
		m, err := readMessage(r)
		if err != nil {
			return true, seen, err
		}
		if len(m.data) == 0 {
			if m.id != "" {
				*since = m.id // where the stream begins, although nothing has happened yet
			}
			continue
		}
		var e Event
		if err := json.Unmarshal(m.data, &e); err != nil {
			return yield(nil, fmt.Errorf("event %s: %w", m.id, err)), seen, nil
		}
		if m.id != "" {
			*since = m.id
		}
		seen = true
		if !yield(&e, nil) {
			return false, seen, nil
		}
	}
}

// message is one of Server-Sent Events.
type message struct {
	id, event string
	data      []byte
}

// readMessage reads to the empty line that ends a message. What the end of the
// stream cuts off is dropped, as the standard demands.
func readMessage(r *bufio.Reader) (message, error) {
	var m message
	size := 0
	for {
		line, err := readLine(r)
		if err != nil {
			return message{}, err
		}
		if size += len(line); size > maxEvent {
			return message{}, errors.New("an event is larger than 4 MiB")
		}
		if len(line) == 0 {
			return m, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			m.id = string(value)
		case "event":
			m.event = string(value)
		case "data":
			if m.data != nil {
				m.data = append(m.data, '\n')
			}
			m.data = append(m.data, value...)
		}
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := r.ReadSlice('\n')
		whole = append(whole, part...)
		if err == nil {
			return bytes.TrimRight(whole, "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(whole) > maxEvent {
			return nil, errors.New("a line of an event is larger than 4 MiB")
		}
	}
}
