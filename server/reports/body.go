package reports

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/server/reports/document"
)

func (h *Handler) limits() document.Limits { return document.Limits{Cases: h.config.MaxCases} }

// jsonBody reads the body of a POST or PUT in the order in which the original
// refuses: media type, JSON, object.
func (h *Handler) jsonBody(ctx context.Context) (document.Body, error) {
	return h.jsonBodyWithin(ctx, h.limits())
}

func (h *Handler) jsonBodyWithin(ctx context.Context, limits document.Limits) (document.Body, error) {
	text, err := bodyText(ctx)
	if err != nil {
		return document.Body{}, err
	}
	parsed, err := document.ParseBody(text, limits)
	return parsed, refusedBody(ctx, err)
}

func bodyText(ctx context.Context) ([]byte, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("the body was not put aside")
	}
	if media, _, err := mime.ParseMediaType(raw.ContentType); err != nil || media != "application/json" {
		return nil, fault.Unsupported("%s", "The Content-Type must be application/json")
	}
	text, err := io.ReadAll(raw.Body)
	return text, bodyError(err)
}

// bodyError tells a body that broke off from one that is too large.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	var f *fault.Fault
	switch {
	case err == nil, errors.As(err, &tooLarge), errors.As(err, &f), errors.Is(err, context.Canceled):
		return err
	}
	return fault.Invalid("the body ended too early or cannot be decompressed").Because(err)
}

// refusedBody gives the errors of the document package their status and, where
// scripts look for them, the words of the original.
func refusedBody(ctx context.Context, err error) error {
	var invalid *document.InvalidError
	switch {
	case errors.Is(err, document.ErrNoBody):
		return fault.Unprocessable("No JSON data found in the %s request", call.From(ctx).Method)
	case errors.Is(err, document.ErrNotJSON):
		return fault.Unprocessable("Provided JSON is not valid")
	case errors.Is(err, document.ErrNotObject):
		return fault.InvalidBody("", "must be a JSON object")
	case errors.As(err, &invalid):
		f := fault.Invalid("%s", invalid.Reason)
		for _, e := range invalid.Fields {
			f.Errors = append(f.Errors, fault.Entry{Pointer: e.Pointer, InBody: true, In: "body", Message: e.Message})
		}
		return f
	}
	return err
}

// posted reads the body of a POST as a document.
func (h *Handler) posted(ctx context.Context, s *document.Schema) (*document.Document, []string, error) {
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, warnings, err := s.Intake(parsed)
	return d, warnings, refusedBody(ctx, err)
}

// changes reads the body of a PUT.
func (h *Handler) changes(ctx context.Context, s *document.Schema) (*document.Document, []string, error) {
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, warnings, err := s.IntakeChanges(parsed)
	return d, warnings, refusedBody(ctx, err)
}
