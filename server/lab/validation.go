package lab

import (
	"context"
	"errors"
	"net/http"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/library"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
)

// FilterNodes answers the nodes of a design that a filter selects. The design
// need not be valid.
func (h *Handler) FilterNodes(ctx context.Context, req labapi.FilterNodesRequestObject) (labapi.Response, error) {
	filter, _, err := readFilter(req.Body.NodeFilter.Get())
	if err != nil {
		return nil, err
	}
	c, _, err := h.library.Design(ctx, req.Body.DesignRef)
	if err == nil {
		err = c.Usable()
	}
	if err != nil {
		return nil, badDesign("design_ref", err)
	}
	names := filter.Select(library.Inventory(c.Site))
	if names == nil {
		names = []string{}
	}
	return call.OK(names), nil
}

// readFilter checks a node filter. An absent one, which Get refuses, and null
// select every node.
func readFilter(sent labapi.LabNodeFilter, absent error) (*nodefilter.Filter, map[string]any, error) {
	if absent != nil || sent == nil {
		return nil, nil, nil
	}
	f, err := nodefilter.Parse(map[string]any(sent), nodefilter.Limits{})
	var bad *nodefilter.Error
	if errors.As(err, &bad) {
		return nil, nil, fault.InvalidBody("/node_filter"+bad.Pointer, "%s", bad.Reason)
	}
	return f, sent, err
}

// ValidateDesign answers whether a design passes. A design that does not is 400,
// with the same document.
func (h *Handler) ValidateDesign(ctx context.Context, req labapi.ValidateDesignRequestObject) (labapi.Response, error) {
	c, _, err := h.library.Design(ctx, req.Body.Href)
	var bad *library.RefError
	var report design.Report
	switch {
	case errors.As(err, &bad):
		report = unfetched(bad)
	case err != nil:
		return nil, err
	default:
		report = c.Report()
	}
	code := http.StatusBadRequest
	if report.OK() {
		code = http.StatusOK
	}
	return call.JSON(code, h.validation(report, code)), nil
}

// unfetched reports a design that could not be read at all. Drydock answers 500
// there.
func unfetched(err *library.RefError) design.Report {
	return design.Report{Status: design.StatusBroken, Messages: []design.Message{{
		Name: "DD000", Text: "Error processing document: the design reference " + err.Reason, Error: true, Level: design.LevelError,
		Diagnostic: "Name a design that the server can fetch.", Documents: []design.Ref{},
	}}}
}

// validation is Drydock's Status document of a validation.
func (h *Handler) validation(r design.Report, code int) map[string]any {
	now := wireTime(h.store.Now())
	list := make([]any, 0, len(r.Messages))
	for _, m := range r.Messages {
		list = append(list, finding(m, now))
	}
	return map[string]any{
		"kind": "Status", "apiVersion": "v1.0", "metadata": map[string]any{},
		"message": orNull(r.Message), "reason": orNull(r.Reason), "status": r.Status, "code": code,
		"details": map[string]any{"errorCount": r.ErrorCount(), "messageList": list},
	}
}

// finding is one message of a validation. The one without a code is a plain
// status message.
func finding(m design.Message, now string) map[string]any {
	if m.Name == "" {
		return map[string]any{
			"message": m.Text, "error": m.Error, "context_type": "NA", "context": "NA", "ts": now, "extra": map[string]any{},
		}
	}
	documents := make([]any, 0, len(m.Documents))
	for _, d := range m.Documents {
		documents = append(documents, map[string]any{"schema": d.Schema, "name": d.Name})
	}
	return map[string]any{
		"kind": "ValidationMessage", "name": m.Name, "message": m.Text, "error": m.Error, "level": m.Level,
		"diagnostic": m.Diagnostic, "ts": now, "documents": documents,
	}
}

// orNull writes an empty text as null.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
