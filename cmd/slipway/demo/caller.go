package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// object is a JSON object on its way.
type object = map[string]any

// caller calls the server in this process, each call with somebody's token.
type caller struct {
	handler http.Handler
	calls   int
}

// answer is what came back, as far as a story needs it.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// Header, WriteHeader and Write make it an http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the first final status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

// Write keeps the body.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// send sends a body of a media type and returns the answer's object, which is nil
// when there is none. A refusal is an error with the server's sentence.
func (c *caller) send(ctx context.Context, token, method, path, mediaType string, body []byte, header ...string) (object, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://demo"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.RemoteAddr = "203.0.113.7:40000" // an address for documentation
	r.RequestURI = path
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "slipway-demo")
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	c.calls++
	a := &answer{header: http.Header{}}
	c.handler.ServeHTTP(a, r)
	var out object
	if strings.Contains(a.header.Get("Content-Type"), "json") && a.body.Len() > 0 {
		if err := json.Unmarshal(a.body.Bytes(), &out); err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	if a.status >= 300 {
		return out, fmt.Errorf("%s %s: %d %.500s", method, path, a.status, a.body.Bytes())
	}
	return out, nil
}

// json sends an object.
func (c *caller) json(ctx context.Context, token, method, path string, body any) (object, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, token, method, path, "application/json", text)
}

// text is a member of an object that is a string or a number.
func text(o object, name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case float64:
		return fmt.Sprintf("%.0f", v)
	}
	return ""
}
