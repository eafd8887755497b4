package analysis

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// ListKnownIssues answers a page of the issues that the caller sees.
func (h *Handler) ListKnownIssues(ctx context.Context, req analysisapi.ListKnownIssuesRequestObject) (analysisapi.Response, error) {
	page := store.Page{Limit: int(valueOr(req.Params.Limit, store.DefaultLimit)), After: valueOr(req.Params.After, "")}
	list, err := h.store.ListIssues(ctx, auth.From(ctx).Scope(), string(valueOr(req.Params.State, "")), page)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	out := analysisapi.KnownIssueList{KnownIssues: []analysisapi.KnownIssue{}}
	if out.KnownIssues, err = h.issuesToAPI(ctx, list.Items); err != nil {
		return nil, err
	}
	return call.OK(&out).Paged(ctx, list.Next), nil
}

// CreateKnownIssue keeps an issue of the caller's tenant.
func (h *Handler) CreateKnownIssue(ctx context.Context, req analysisapi.CreateKnownIssueRequestObject) (analysisapi.Response, error) {
	in := req.Body
	row := &analysisstore.Issue{
		Tenant: auth.From(ctx).Tenant, Title: in.Title, State: string(valueOr(in.State, analysisapi.KnownIssueState(analysisstore.IssueOpen))),
		CreatedBy: auth.From(ctx).Label(),
	}
	if in.URL.IsSpecified() && !in.URL.IsNull() {
		row.URL = new(in.URL.MustGet())
	}
	if in.ExpiresOn.IsSpecified() && !in.ExpiresOn.IsNull() {
		row.ExpiresAt = new(store.RoundTime(in.ExpiresOn.MustGet()))
	}
	if err := checkIssue(row, &in.Match); err != nil {
		return nil, err
	}
	if err := h.store.CreateIssue(ctx, row, h.config.MaxIssues); err != nil {
		return nil, tooMany(err, h.config.MaxIssues)
	}
	out, err := h.issuesToAPI(ctx, []analysisstore.Issue{*row})
	if err != nil {
		return nil, err
	}
	return call.Created("/v1/known-issues/"+row.ID.String(), &out[0]), nil
}

// checkIssue fills in what an issue must match, and checks it and the URL.
func checkIssue(row *analysisstore.Issue, m *analysisapi.KnownIssueMatch) error {
	if strings.ContainsRune(row.Title, 0) {
		return fault.InvalidBody("/title", "must not contain U+0000")
	}
	if row.URL != nil {
		if u, err := url.Parse(*row.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fault.InvalidBody("/url", "must be like https://bugs.example.org/1, http or https")
		}
	}
	if m == nil {
		return nil
	}
	if len(m.Name) > engine.MaxGlob {
		return fault.InvalidBody("/match/name", "must have at most %d bytes", engine.MaxGlob)
	}
	row.Name, row.Message, row.Context, row.Sources, row.CloudID, row.Job, row.ProductID = m.Name, nil, nil, nil, nil, nil, nil
	for pointer, v := range map[string]string{"name": m.Name, "message": valueOf(m.Message), "job": valueOf(m.Job)} {
		if strings.ContainsRune(v, 0) {
			return fault.InvalidBody("/match/"+pointer, "must not contain U+0000")
		}
	}
	if v, err := m.Message.Get(); err == nil {
		row.Message = &v
	}
	if v, err := m.Context.Get(); err == nil && len(v) > 0 {
		for field := range v {
			if err := engine.CheckFields([]string{field}); err != nil {
				return fault.InvalidBody("/match/context", "%s", err)
			}
		}
		text, err := json.Marshal(v) // which writes U+0000 as an escape
		if err != nil {
			return err
		}
		row.Context = text
	}
	if v, err := m.Sources.Get(); err == nil {
		for _, source := range v {
			row.Sources = append(row.Sources, string(source))
		}
		slices.Sort(row.Sources)
	}
	if v, err := m.CloudID.Get(); err == nil {
		row.CloudID = &v
	}
	if v, err := m.Job.Get(); err == nil {
		row.Job = &v
	}
	if v, err := m.ProductID.Get(); err == nil {
		row.ProductID = new(v.String())
	}
	return nil
}

// valueOf is the empty text for null and for what was not given.
func valueOf(v nullable.Nullable[string]) string {
	text, _ := v.Get()
	return text
}

func tooMany(err error, most int) error {
	if err != nil && errors.Is(err, analysisstore.ErrTooMany) {
		return fault.Conflict("the tenant has %d open known issues, as many as it may have; close some first", most).Because(err)
	}
	return err
}

// GetKnownIssue answers one issue.
func (h *Handler) GetKnownIssue(ctx context.Context, req analysisapi.GetKnownIssueRequestObject) (analysisapi.Response, error) {
	id, err := issueID(req.IssueID)
	if err != nil {
		return nil, err
	}
	row, err := h.store.Issue(ctx, auth.From(ctx).Scope(), id)
	if err != nil {
		return nil, noIssue(err, req.IssueID)
	}
	return h.issueAnswer(ctx, row)
}

func (h *Handler) issueAnswer(ctx context.Context, row *analysisstore.Issue) (analysisapi.Response, error) {
	out, err := h.issuesToAPI(ctx, []analysisstore.Issue{*row})
	if err != nil {
		return nil, err
	}
	return call.OK(&out[0]), nil
}

// issueID reads an id of a path. What is none cannot exist.
func issueID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return uuid.Nil, fault.NotFound("known issue %s does not exist", text)
	}
	return id, nil
}

func noIssue(err error, id string) error { return notFound(err, "known issue %s does not exist", id) }

// UpdateKnownIssue sets the fields that the body names.
func (h *Handler) UpdateKnownIssue(ctx context.Context, req analysisapi.UpdateKnownIssueRequestObject) (analysisapi.Response, error) {
	id, err := issueID(req.IssueID)
	if err != nil {
		return nil, err
	}
	in := req.Body
	row, err := h.store.UpdateIssue(ctx, auth.From(ctx).Scope(), id, h.config.MaxIssues, func(row *analysisstore.Issue) error {
		row.Title, row.State = valueOr(in.Title, row.Title), string(valueOr(in.State, analysisapi.KnownIssueState(row.State)))
		if in.URL.IsSpecified() {
			row.URL = nil
			if v, err := in.URL.Get(); err == nil {
				row.URL = &v
			}
		}
		if in.ExpiresOn.IsSpecified() {
			row.ExpiresAt = nil
			if v, err := in.ExpiresOn.Get(); err == nil {
				row.ExpiresAt = new(store.RoundTime(v))
			}
		}
		return checkIssue(row, in.Match)
	})
	if err != nil {
		return nil, tooMany(noIssue(err, req.IssueID), h.config.MaxIssues)
	}
	return h.issueAnswer(ctx, row)
}

// DeleteKnownIssue forgets an issue.
func (h *Handler) DeleteKnownIssue(ctx context.Context, req analysisapi.DeleteKnownIssueRequestObject) (analysisapi.Response, error) {
	id, err := issueID(req.IssueID)
	if err != nil {
		return nil, err
	}
	err = h.store.DeleteIssue(ctx, auth.From(ctx).Scope(), id)
	if err != nil {
		return nil, noIssue(err, req.IssueID)
	}
	return call.NoContent(), nil
}

// issuesToAPI adds to issues how often they explained a failure.
func (h *Handler) issuesToAPI(ctx context.Context, rows []analysisstore.Issue) ([]analysisapi.KnownIssue, error) {
	matches, err := h.matches(ctx, rows)
	if err != nil {
		return nil, err
	}
	list := make([]analysisapi.KnownIssue, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		out := analysisapi.KnownIssue{
			ID: row.ID, Title: row.Title, URL: orNull(row.URL), State: analysisapi.KnownIssueState(row.State), ExpiresOn: orNull(row.ExpiresAt),
			CreatedBy: row.CreatedBy, CreatedOn: row.CreatedAt, Matches: matches[row.ID.String()].Tests, LastMatch: orNull(matches[row.ID.String()].Last),
			Match: analysisapi.KnownIssueMatch{
				Name: row.Name, Message: orNull(row.Message), CloudID: orNull(row.CloudID), Job: orNull(row.Job),
				Context: null[map[string]*string](), ProductID: null[uuid.UUID](),
			},
		}
		sources := []analysisapi.TestSource{}
		for _, source := range row.Sources {
			sources = append(sources, analysisapi.TestSource(source))
		}
		out.Match.Sources.Set(sources)
		if row.Context != nil {
			var fields map[string]*string
			if err := json.Unmarshal(row.Context, &fields); err != nil {
				return nil, err
			}
			out.Match.Context.Set(fields)
		}
		if row.ProductID != nil {
			id, err := uuid.Parse(*row.ProductID)
			if err != nil {
				return nil, err
			}
			out.Match.ProductID.Set(id)
		}
		list = append(list, out)
	}
	return list, nil
}
