package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// batchEntry is one question of a batch.
type batchEntry struct {
	Method      string
	OperationID string
	Operation   []byte // instead of OperationID: a list, as kernelci-frontend names its questions
	Resource    string
	Document    string
	Query       string
	Distinct    string
}

// todaysName is that of a member by its name of 2015. Where both are given, today's
// counts.
var todaysName = map[string]string{"collection": "resource", "document_id": "document"}

// keys says which member of an entry goes where.
func (e *batchEntry) keys() map[string]*string {
	return map[string]*string{
		"method": &e.Method, "operation_id": &e.OperationID, "resource": &e.Resource, "collection": &e.Resource,
		"document": &e.Document, "document_id": &e.Document, "query": &e.Query, "distinct": &e.Distinct,
	}
}

// RunBatch answers questions one after the other, all about one state of the
// database.
func (h *Handler) RunBatch(ctx context.Context, _ reportsapi.RunBatchRequestObject) (reportsapi.Response, error) {
	text, err := bodyText(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := document.ParseBody(text, h.limits()); err != nil {
		return nil, refusedBody(ctx, err)
	}
	entries, err := h.batchEntries(auth.From(ctx), text)
	if err != nil {
		return nil, err
	}
	a := reading(ctx, func(b *body) error {
		b.buf = append(b.buf, `{"code":200,"result":[`...)
		return h.seen(ctx).Snapshot(ctx, func(view *reportstore.Store) error {
			return h.appendBatch(ctx, b, view, entries)
		})
	})
	a.tagged = false
	return a, nil
}

// batchEntries reads the questions and refuses all of them when one is wrong, or
// asks for what the caller may not GET.
func (h *Handler) batchEntries(who auth.Identity, text []byte) ([]batchEntry, error) {
	var in struct{ Batch []json.RawMessage }
	if err := json.Unmarshal(text, &in); err != nil || len(in.Batch) == 0 {
		return nil, fault.InvalidBody("/batch", "must be a list with at least one question")
	}
	if len(in.Batch) > h.config.MaxBatch {
		return nil, fault.InvalidBody("/batch", "must have at most %d questions", h.config.MaxBatch)
	}
	entries := make([]batchEntry, len(in.Batch))
	for i, raw := range in.Batch {
		if err := entries[i].read(raw); err != nil {
			return nil, fault.InvalidBody(fmt.Sprintf("/batch/%d", i), "%s", err)
		}
		if need := entries[i].permission(); !who.May(need) {
			return nil, fault.New(http.StatusForbidden, "role-required",
				"Operation not permitted: provided token is not authorized to GET what /batch/%d asks for (%.80s)", i, entries[i].Resource).
				Because(fmt.Errorf("roles %v lack %s", who.Roles, need))
		}
		if err := h.checkEntry(entries[i]); err != nil {
			return nil, fault.InvalidBody(fmt.Sprintf("/batch/%d", i), "%s", fault.From(err).Detail)
		}
	}
	return entries, nil
}

func (e *batchEntry) read(raw json.RawMessage) error {
	var members map[string]*json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return fmt.Errorf("must be an object")
	}
	keys := e.keys()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value := members[name]
		into, ok := keys[name]
		switch {
		case !ok:
			return fmt.Errorf("has the key %.80q, which is unknown; known are method, operation_id, resource, document, query and distinct", name)
		case value == nil: // null is as good as absent
		case members[todaysName[name]] != nil:
		case into == &e.OperationID && (*value)[0] == '[':
			e.Operation = *value
		case !readText(*value, into, into == &e.Document):
			return fmt.Errorf("has a %s that is not a text", name)
		}
	}
	if e.Method != "" && !strings.EqualFold(e.Method, "GET") {
		return fmt.Errorf("has the method %.20q; a batch can only GET", e.Method)
	}
	e.Query = strings.TrimPrefix(e.Query, "?")
	return nil
}

// readText reads a text, or a number as text, as other bodies may hold one; an id may
// be an object, too, as answers have it.
func readText(value json.RawMessage, into *string, id bool) bool {
	var number json.Number
	var object struct {
		OID string `json:"$oid"`
	}
	switch {
	case json.Unmarshal(value, into) == nil:
	case json.Unmarshal(value, &number) == nil:
		*into = number.String()
	case id && json.Unmarshal(value, &object) == nil && object.OID != "":
		*into = object.OID
	default:
		return false
	}
	return true
}

// permission is what the GET needs that an entry stands for. What is no resource is
// asked for like a report, so that nobody learns what there is.
func (e *batchEntry) permission() auth.Permission {
	switch e.Resource {
	case "lab":
		return auth.ReadLabs
	case "token":
		return auth.ReadReportTokens
	}
	return auth.ReadReports
}

// checkEntry refuses what only the answer would find wrong, when the first
// entries would be on their way already.
func (h *Handler) checkEntry(e batchEntry) error {
	r := resourceCalled(e.Resource)
	if r == nil && e.Resource == "count" {
		r = resourceCalled(e.Document)
	}
	if r == nil {
		return nil
	}
	q, err := h.parser.Parse(e.Query, r.catalogue)
	if err != nil {
		return refusedQuery(err)
	}
	if e.Distinct != "" && !r.distinct(e.Distinct) {
		return fault.Invalid("No field specified or field not valid")
	}
	return r.checkAggregate(q)
}

func (h *Handler) appendBatch(ctx context.Context, b *body, view *reportstore.Store, entries []batchEntry) error {
	for i, e := range entries {
		if i > 0 {
			b.buf = append(b.buf, ',')
		}
		b.buf = append(b.buf, '{')
		switch {
		case e.Operation != nil:
			b.buf = append(append(append(b.buf, `"operation_id":`...), e.Operation...), ',')
		case e.OperationID != "":
			b.buf, _ = appendJSON(append(b.buf, `"operation_id":`...), e.OperationID) // a text cannot fail
			b.buf = append(b.buf, ',')
		}
		b.buf = append(b.buf, `"result":[`...)
		if err := h.appendEntry(ctx, b, view, e); err != nil {
			return err
		}
		b.buf = append(b.buf, `]}`...)
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.buf = append(b.buf, `]}`...)
	return nil
}

// appendEntry writes what stands in the list of one answer: nothing when there is
// no such resource or document.
func (h *Handler) appendEntry(ctx context.Context, b *body, view *reportstore.Store, e batchEntry) (err error) {
	r := resourceCalled(e.Resource)
	switch {
	case e.Resource == "count":
		return h.appendBatchCount(ctx, b, view, e)
	case r == nil:
		return nil
	case e.Document != "":
		return h.appendBatchDocument(ctx, b, view, r, e)
	case e.Distinct != "":
		list, err := h.distinct(ctx, view, r, e.Distinct, e.Query)
		if err != nil {
			return err
		}
		b.buf, err = appendJSON(b.buf, map[string]any{"count": len(list), "result": list})
		return err
	}
	q, err := h.parser.Parse(e.Query, r.catalogue)
	if err != nil {
		return err
	}
	b.buf = append(b.buf, '{')
	err = h.appendSearch(ctx, b, view, r, q)
	b.buf = append(b.buf, '}')
	return err
}

func (h *Handler) appendBatchDocument(ctx context.Context, b *body, view *reportstore.Store, r *resource, e batchEntry) error {
	id, ok := document.ParseID(e.Document)
	if !ok {
		return nil
	}
	d, err := find(ctx, view, r, conditionsOf("_id", id))
	if err != nil || d == nil {
		return err
	}
	q, err := h.parser.Parse(e.Query, r.catalogue)
	if err != nil {
		return err
	}
	b.buf, err = project(b.buf, d, q.Projection)
	return err
}

func (h *Handler) appendBatchCount(ctx context.Context, b *body, view *reportstore.Store, e batchEntry) error {
	if r := resourceCalled(e.Document); r != nil && e.Distinct != "" {
		list, err := h.distinct(ctx, view, r, e.Distinct, e.Query)
		if err != nil {
			return err
		}
		b.buf, err = appendJSON(b.buf, map[string]any{"field": e.Distinct, "count": len(list), "resource": e.Document})
		return err
	}
	list, err := h.counts(ctx, view, e.Document, e.Query)
	if err != nil {
		if f := fault.From(err); f.Status == 404 {
			return nil
		}
		return err
	}
	for i, entry := range list {
		if i > 0 {
			b.buf = append(b.buf, ',')
		}
		b.buf, _ = appendJSON(b.buf, entry) // a name and a number cannot fail
	}
	return nil
}

// resourceCalled returns the resource that clients call so, nil for none. Labs
// and tokens take other rights, and are not in batches.
func resourceCalled(name string) *resource {
	switch name {
	case "boot":
		return boots
	case "build", "defconfig":
		return builds
	case "job":
		return jobs
	case "test_group":
		return groups
	case "test_case":
		return cases
	}
	return nil
}
