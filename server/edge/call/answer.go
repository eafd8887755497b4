package call

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Answer is what a handler answers when it has the whole of it: a status, headers
// and a body. It writes itself, which is all that the generated interfaces ask of
// a response. Errors are returned, never made into an Answer.
type Answer struct {
	Status int
	Header http.Header // may be nil; Content-Type is application/json when it names none
	Body   any         // is written as JSON; nil: Text is the body
	Text   []byte      // the body as it is; nil, with a Body of nil: there is none

	paged bool   // it is a page of a list, which next continues
	next  string // empty on the last page

	info *Info // of a request that may hold an If-None-Match; nil: no ETag
}

// OK is a 200 with a JSON body.
func OK(body any) *Answer { return JSON(http.StatusOK, body) }

// Created is a 201 with a JSON body. The location may be empty.
func Created(location string, body any) *Answer {
	a := JSON(http.StatusCreated, body)
	if location != "" {
		a.With("Location", location)
	}
	return a
}

// JSON is an answer with a JSON body.
func JSON(status int, body any) *Answer { return &Answer{Status: status, Body: body} }

// Text is an answer whose body is sent as it is, under a media type of its own.
func Text(status int, media string, text []byte) *Answer {
	return (&Answer{Status: status, Text: text}).With("Content-Type", media)
}

// Empty is an answer without a body.
func Empty(status int) *Answer { return &Answer{Status: status} }

// NoContent is a 204.
func NoContent() *Answer { return Empty(http.StatusNoContent) }

// With sets a header. An empty value sets none.
func (a *Answer) With(name, value string) *Answer {
	if value == "" {
		return a
	}
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}

// Linked sets the Link header to the next page. nil: there is none.
func (a *Answer) Linked(link *string) *Answer {
	if link == nil {
		return a
	}
	return a.With("Link", *link)
}

// Secret keeps everybody in between from storing the answer.
func (a *Answer) Secret() *Answer { return a.With("Cache-Control", "no-store") }

// Tagged gives the answer an ETag made from the bytes that go out. A request that
// names it in If-None-Match gets 304 and no body.
func (a *Answer) Tagged(info *Info) *Answer {
	a.info = info
	return a
}

// WriteResponse writes the answer. A body that cannot be encoded is an error
// before anything was written.
func (a *Answer) WriteResponse(w http.ResponseWriter) error {
	text, err := a.encode()
	if err != nil {
		return err
	}
	h := w.Header()
	if a.info != nil {
		tag := fmt.Sprintf(`"%x"`, sha256.Sum256(text))[:18] + `"`
		h.Set("ETag", tag)
		if a.info.HasTag(tag) {
			if cache := a.Header.Get("Cache-Control"); cache != "" {
				h.Set("Cache-Control", cache)
			}
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if text != nil {
		h.Set("Content-Type", "application/json")
	}
	for name, values := range a.Header {
		h[name] = values
	}
	w.WriteHeader(a.Status)
	if text == nil {
		return nil
	}
	_, err = w.Write(text)
	return err
}

func (a *Answer) encode() ([]byte, error) {
	text := a.Text
	if a.Body != nil {
		var err error
		if text, err = json.Marshal(a.Body); err != nil {
			return nil, err
		}
		text = append(text, '\n')
	}
	if a.paged {
		text = withNext(text, a.next)
	}
	return text, nil
}

// HasTag reports whether the client has the answer with this ETag already, by its
// If-None-Match. Tags are compared weakly (RFC 9110, section 13.1.2).
func (i *Info) HasTag(tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, line := range i.Header.Values("If-None-Match") {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item == "*" || strings.TrimPrefix(item, "W/") == tag {
				return true
			}
		}
	}
	return false
}
