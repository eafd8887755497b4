package server

import (
	"cmp"
	"net/http"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/fault"
)

// problem is the document's Problem: the one error object, whose members all the
// old clients can read. It stands here and not in a generated package, because
// every area's errors are this one.
type problem struct {
	Code       int32           `json:"code"` // the HTTP status; KernelCI, RefStack
	Detail     string          `json:"detail"`
	Errors     []problemDetail `json:"errors"`
	ID         string          `json:"id"` // SPI
	Instance   string          `json:"instance"`
	MaxVersion string          `json:"max_version,omitempty"`
	Message    string          `json:"message"` // detail again; SPI, Drydock
	MinVersion string          `json:"min_version,omitempty"`
	Reason     string          `json:"reason"` // detail again; KernelCI
	RequestID  string          `json:"request_id"`
	Status     int32           `json:"status"`
	Title      string          `json:"title"`
	Type       string          `json:"type"`
	URL        *string         `json:"url"`
}

// problemDetail is one thing that was wrong with a request.
type problemDetail struct {
	In        string  `json:"in,omitempty"`
	Message   string  `json:"message"`
	Parameter string  `json:"parameter,omitempty"`
	Pointer   *string `json:"pointer,omitempty"` // empty: the whole body
}

// problemOf leaves out what looks like a token: many an error repeats a part of
// the request, and a token may stand where a name should.
func problemOf(f *fault.Fault, info *call.Info) problem {
	detail := auth.Redact(f.Detail)
	p := problem{
		Type:       "about:blank",
		Title:      auth.Redact(cmp.Or(f.Title, http.StatusText(f.Status))),
		Status:     int32(f.Status),
		Detail:     detail,
		Instance:   auth.RedactPath(info.Path),
		Code:       int32(f.Status),
		Reason:     detail,
		Message:    detail,
		ID:         f.ID,
		RequestID:  info.ID,
		Errors:     []problemDetail{},
		MinVersion: f.MinVersion,
		MaxVersion: f.MaxVersion,
	}
	if f.URL != "" {
		p.URL = &f.URL
	}
	for _, e := range f.Errors {
		d := problemDetail{Message: auth.Redact(e.Message), Parameter: e.Parameter, In: e.In}
		if e.InBody {
			d.Pointer = &e.Pointer
		}
		p.Errors = append(p.Errors, d)
	}
	return p
}
