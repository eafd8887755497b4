package products

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/server/products/opaque"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// postResult stores what an agent reports. file is what was read from the file
// that came with it, nil for none; it is published together with the result, unless
// the result was there already: then fresh is false. files are all that came.
func (h *Handler) postResult(ctx context.Context, req productsapi.PostTestResultRequestObject, in *productsapi.NewTestResult, file *resultstore.Result, files ...formFile) (_ *call.Answer, fresh bool, err error) {
	fileDigest := ""
	if file != nil {
		fileDigest = file.SHA256
	}
	if len(files) > 1 {
		var all strings.Builder
		for _, f := range files {
			fmt.Fprintf(&all, "%s %q\n", f.SHA256, f.Name)
		}
		fileDigest = all.String()
	}
	post, err := postFrom(in, fileDigest)
	if err != nil {
		return nil, false, err
	}
	extra := &posted{payload: rawOf(in.ResultPayload), agent: rawOf(in.Agent), revno: fromNullable(in.AgentRevno), file: file, files: files}
	body := struct {
		Result *productsapi.NewTestResult
		File   string
	}{in, fileDigest}
	a, err := h.idempotent(ctx, req.Params.IdempotencyKey, body, func(tx *productstore.Store) (*call.Answer, error) {
		fresh = false
		o, err := lockOpportunity(ctx, tx, req.ProductID, in.TestOpportunityID)
		if err != nil {
			return nil, err
		}
		post.ResultID = tx.NewID()
		err = h.change(ctx, tx, o, extra, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
			change, err := l.PostResult(now, post)
			fresh = len(change.Events) > 0
			return change, err
		})
		if err != nil {
			return nil, err
		}
		if !fresh {
			return h.resultThere(ctx, tx, o)
		}
		return extra.answer(o)
	})
	if err == nil && fresh && extra.row.AgentID != nil {
		h.heard(ctx, *extra.row.AgentID)
	}
	return a, fresh, err
}

// resultThere answers a result that was posted before.
func (h *Handler) resultThere(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity) (*call.Answer, error) {
	r, err := tx.OpportunityResult(ctx, o.ProductID, *o.ResultID)
	if err != nil {
		return nil, err
	}
	return h.resultAnswer(ctx, tx, r)
}

// answer is the answer to a result that is new, of what was stored just now.
func (p *posted) answer(o *productstore.Opportunity) (*call.Answer, error) {
	docs := &resultDocs{related: p.related, opportunities: map[uuid.UUID]*productstore.Opportunity{o.ID: o}}
	docs.kept = map[uuid.UUID][]productstore.KeptFile{p.row.ID: p.kept}
	if p.file != nil {
		docs.files = map[uuid.UUID]*resultstore.Result{p.file.ID: p.file}
	}
	location := "/v1/products/" + o.ProductID.String() + "/tests/results/" + p.row.ID.String()
	return created(location, func(op *opaques) any { return docs.toAPI(p.row, op) })
}

// postFrom reads who posts what. Agents of the time show their id instead of a
// token, in either spelling.
func postFrom(in *productsapi.NewTestResult, fileDigest string) (lifecycle.Post, error) {
	status, ok := lifecycle.NormalizeStatus(in.TestStatus)
	if !ok {
		return lifecycle.Post{}, fault.InvalidBody("/test_status", "must be 1 to 32 letters, digits or _")
	}
	token, agent, hyphen := valueOr(fromNullable(in.LeaseToken), ""), valueOr(fromNullable(in.AgentID), ""), valueOr(fromNullable(in.HyphenAgentID), "")
	switch {
	case agent != "" && hyphen != "" && agent != hyphen:
		return lifecycle.Post{}, fault.InvalidBody("/agent-id", "must be the same as agent_id when both are given")
	case agent == "":
		agent = hyphen
	}
	if token == "" && agent == "" {
		return lifecycle.Post{}, fault.InvalidBody("/lease_token", "is required, or agent_id for the agent that holds the lease")
	}
	if err := checkTexts("/agent_revno", []string{valueOr(fromNullable(in.AgentRevno), "")}); err != nil {
		return lifecycle.Post{}, err
	}
	return lifecycle.Post{Token: token, AgentID: agent, TestStatus: status, Digest: digestOf(status, in, fileDigest)}, nil
}

// digestOf tells the same result from a different one.
func digestOf(status string, in *productsapi.NewTestResult, file string) lifecycle.Digest {
	sum := sha256.New()
	for _, part := range []string{
		status, string(opaque.Canonical(rawOf(in.ResultPayload))), string(opaque.Canonical(rawOf(in.Agent))),
		valueOr(fromNullable(in.AgentRevno), ""), file,
	} {
		_ = binary.Write(sum, binary.BigEndian, int64(len(part))) // a hash never fails
		_, _ = sum.Write([]byte(part))
	}
	return lifecycle.Digest(sum.Sum(nil))
}

// passed is the status of an opportunity that failed in nothing.
const passed = "PASSED"

// keepResult stores the result of a change, with what helps to find it.
func keepResult(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity, r *lifecycle.Result, extra *posted) error {
	related, err := relatedFrom(ctx, tx, []productstore.Opportunity{{ContextID: o.ContextID, VersionID: o.VersionID}})
	if err != nil {
		return err
	}
	c, v := related.contexts[o.ContextID], related.versions[o.VersionID]
	if c == nil || v == nil {
		return errors.New("the context of an opportunity is lost")
	}
	row := &productstore.OpportunityResult{
		ID: r.ID, OpportunityID: o.ID, ProductID: o.ProductID, ImageUniqueID: o.ImageUniqueID, SpecName: v.Name,
		PrimarySnapName: c.PrimarySnapName, BaseChannel: c.BaseChannel, UpdateChannel: c.UpdateChannel,
		TestStatus: r.TestStatus, Attempt: int64(r.Attempt), Synthetic: r.Synthetic, CreatedAt: r.StoredAt,
	}
	if !r.Synthetic {
		row.AgentID, row.AgentPlatform, row.AgentGroup = &r.Holder.AgentID, r.Holder.Platform, r.Holder.AgentGroup
		row.Token, row.Digest = r.Token, r.Digest[:]
		row.Payload, row.Agent, row.AgentRevno = extra.payload, extra.agent, extra.revno
		if row.TestStatus != passed {
			row.Failure = failureText(row.Payload)
		}
		if extra.file != nil {
			if err := tx.Results.PublishFile(extra.file); err != nil {
				return err
			}
			row.FileID = &extra.file.ID
		}
		if row.AgentRevno == nil { // what the agent said when it registered
			row.AgentRevno = registeredRevno(ctx, tx, o.Tenant, r.Holder.AgentID)
		}
	}
	if extra != nil {
		extra.row, extra.related = row, related
	}
	if err := tx.CreateOpportunityResult(row); err != nil {
		return err
	}
	if err := queueSets(ctx, tx, o); err != nil {
		return err
	}
	if row.TestStatus != passed || extra != nil && extra.file != nil && extra.file.Counts.Failed() {
		if err := tx.QueueFailures(store.QueuedFailure{Tenant: o.Tenant, OpportunityResult: new(row.ID.String())}); err != nil {
			return err
		}
	}
	if extra == nil {
		return nil
	}
	extra.kept = keptFiles(row.ID, extra.files)
	return tx.CreateKeptFiles(extra.kept)
}

// queueSets notes that an opportunity has a result, and its image with it, to be
// compared with the one before.
func queueSets(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity) error {
	return errors.Join(
		tx.QueueSet(store.PendingSet{Tenant: o.Tenant, Kind: "opportunity", Ref: store.SetRef("opportunity", o.ID.String())}),
		tx.QueueSetSoon(ctx, store.PendingSet{Tenant: o.Tenant, Kind: "image", Ref: store.SetRef("image", o.ProductID.String(), o.ImageUniqueID)}))
}

func registeredRevno(ctx context.Context, tx *productstore.Store, tenant, agent string) *string {
	a, err := tx.Agent(ctx, tenant, agent)
	if err != nil {
		return nil
	}
	return a.Revno
}

// ListTestResults answers a page of the results of a product.
func (h *Handler) ListTestResults(ctx context.Context, req productsapi.ListTestResultsRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	when, err := dateRange(ctx)
	if err != nil {
		return nil, err
	}
	q := req.Params
	filter := productstore.OpportunityResultFilter{
		Product: p.ID, ImageUniqueID: valueOr(q.ImageUniqueID, ""), TestStatus: strings.ToUpper(valueOr(q.TestStatus, "")), SpecName: valueOr(q.SpecName, ""),
		PrimarySnapName: valueOr(q.PrimarySnapName, ""), AgentID: valueOr(q.AgentID, ""), BaseChannel: valueOr(q.BaseChannel, ""),
		UpdateChannel: valueOr(q.UpdateChannel, ""), From: when.From, To: when.To, Page: pageOf(q.Limit, q.After),
	}
	var list store.List[productstore.OpportunityResult]
	if q.TestOpportunityID != nil {
		filter.OpportunityID, err = uuid.Parse(*q.TestOpportunityID)
	}
	if err == nil { // what is no id is no opportunity, so it has no result
		if list, err = h.store.ListOpportunityResults(ctx, filter); err != nil {
			return nil, fault.Cursor(err)
		}
	}
	docs, err := h.resultDocs(ctx, h.store, list.Items)
	if err != nil {
		return nil, err
	}
	return listed(ctx, list, func(o *opaques, items []productstore.OpportunityResult) any {
		return productsapi.TestResultList{TestResults: convertAll(items, func(r *productstore.OpportunityResult) productsapi.TestResult { return docs.toAPI(r, o) })}
	})
}

// dateRange reads start_date and end_date from the query as it came: a parameter
// that is given twice is refused, too.
func dateRange(ctx context.Context) (dates.Range, error) {
	query, _ := url.ParseQuery(call.From(ctx).Query) // the request was admitted, so it can be read
	r, err := dates.ParseRange(
		dates.Param{Name: "start_date", Values: query["start_date"]}, dates.Param{Name: "end_date", Values: query["end_date"]})
	var bad *dates.ParamError
	if errors.As(err, &bad) {
		f := fault.New(http.StatusBadRequest, "invalid-date", "%s", bad.Error())
		for _, name := range bad.Params {
			f.Errors = append(f.Errors, fault.Entry{Parameter: name, In: "query", Message: bad.Reason})
		}
		return r, f
	}
	return r, err
}

// GetTestResult answers one result.
func (h *Handler) GetTestResult(ctx context.Context, req productsapi.GetTestResultRequestObject) (productsapi.Response, error) {
	r, err := h.testResult(ctx, req.ProductID, req.ResultID)
	if err != nil {
		return nil, err
	}
	return h.resultAnswer(ctx, h.store, r)
}

func (h *Handler) testResult(ctx context.Context, product, text string) (*productstore.OpportunityResult, error) {
	p, err := h.product(ctx, product)
	if err != nil {
		return nil, err
	}
	id, err := idOf("test result", text)
	if err != nil {
		return nil, err
	}
	r, err := h.store.OpportunityResult(ctx, p.ID, id)
	return r, notFound(err, "test result", text)
}

func (h *Handler) resultAnswer(ctx context.Context, s *productstore.Store, r *productstore.OpportunityResult) (*call.Answer, error) {
	docs, err := h.resultDocs(ctx, s, []productstore.OpportunityResult{*r})
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(o *opaques) any { return docs.toAPI(r, o) })
}

// resultDocs is what documents of results tell from other tables.
type resultDocs struct {
	*related
	opportunities map[uuid.UUID]*productstore.Opportunity
	files         map[uuid.UUID]*resultstore.Result
	kept          map[uuid.UUID][]productstore.KeptFile
}

func (h *Handler) resultDocs(ctx context.Context, s *productstore.Store, rows []productstore.OpportunityResult) (*resultDocs, error) {
	d := &resultDocs{}
	var err error
	if d.opportunities, err = s.OpportunitiesByID(ctx, convertAll(rows, func(r *productstore.OpportunityResult) uuid.UUID { return r.OpportunityID })); err != nil {
		return nil, err
	}
	var list []productstore.Opportunity
	for _, o := range d.opportunities {
		list = append(list, *o)
	}
	if d.related, err = relatedFrom(ctx, s, list); err != nil {
		return nil, err
	}
	var files []uuid.UUID
	for i := range rows {
		if id := rows[i].FileID; id != nil {
			files = append(files, *id)
		}
	}
	if d.files, err = s.Results.ResultsByID(ctx, files); err != nil || len(files) == 0 {
		return d, err
	}
	d.kept, err = s.KeptFiles(ctx, convertAll(rows, func(r *productstore.OpportunityResult) uuid.UUID { return r.ID }))
	return d, err
}

func (d *resultDocs) toAPI(r *productstore.OpportunityResult, o *opaques) productsapi.TestResult {
	out := productsapi.TestResult{
		ID: r.ID, TestOpportunityID: r.OpportunityID, ImageUniqueID: r.ImageUniqueID, TestStatus: r.TestStatus,
		ResultPayload: o.nullable(r.Payload), HyphenAgentID: orNull(r.AgentID), AgentID: orNull(r.AgentID), AgentRevno: orNull(r.AgentRevno),
		AgentGroup: orNull(r.AgentGroup), Agent: o.nullable(r.Agent), PrimarySnapName: orNull(r.PrimarySnapName),
		BaseChannel: r.BaseChannel, UpdateChannel: orNull(r.UpdateChannel), ProductID: r.ProductID, Attempt: int32(r.Attempt),
		Synthetic: r.Synthetic, CreatedAt: dates.FormatCreated(r.CreatedAt),
		OutputURL: orNull[string](nil), File: orNull[productsapi.ResultFile](nil),
	}
	row := d.opportunities[r.OpportunityID]
	if row == nil {
		return out
	}
	out.Platform, out.Release = orNull(orEmpty(row.PlatformKey)), row.Release
	if row.OutputBytes > 0 {
		out.OutputURL.Set("/v1/products/" + row.ProductID.String() + "/tests/opportunities/" + row.ID.String() + "/output")
	}
	if c := d.contexts[row.ContextID]; c != nil {
		out.ImageReference, out.PrimarySnapRevision = o.nullable(c.ImageReference), orNull(c.PrimarySnapRevision)
		out.BaseSnaps, out.ExtraSnaps = snapsToAPI(c.BaseSnaps), o.value(c.ExtraSnaps)
	}
	if v := d.versions[row.VersionID]; v != nil {
		out.TestSpec = productsapi.TestSpecOfResult{
			ID: v.SpecID, Name: v.Name, Platform: orNull(v.Platform), CreatedAt: dates.FormatCreated(v.SpecCreatedAt), TestPayload: o.nullable(v.TestPayload),
		}
	}
	if r.FileID != nil && d.files[*r.FileID] != nil {
		out.File.Set(fileToAPI(d.files[*r.FileID]))
	}
	if kept := d.kept[r.ID]; len(kept) > 0 {
		out.Files = convertAll(kept, keptFileToAPI)
	}
	return out
}

func fileToAPI(r *resultstore.Result) productsapi.ResultFile {
	return productsapi.ResultFile{
		Format: r.Format, Compressed: r.Gzip, Sha256: r.SHA256, Bytes: r.Bytes, Outcome: productsapi.Outcome(r.Outcome),
		Complete: r.Complete, Tests: r.Tests, DamageCount: r.DamageCount,
		Counts: productsapi.TestCounts{
			Success: r.Counts.Success, Xfail: r.Counts.XFail, Skip: r.Counts.Skip, Fail: r.Counts.Fail, Uxsuccess: r.Counts.UXSuccess,
			Inprogress: r.Counts.InProgress, Unknown: r.Counts.Unknown, Exists: r.Counts.Exists,
		},
	}
}

// eventToAPI is an entry of an opportunity's log.
func eventToAPI(e *store.Event) productsapi.OpportunityEvent {
	data := eventData{}
	_ = json.Unmarshal(e.Data, &data) // we wrote it
	return productsapi.OpportunityEvent{
		EventType: productsapi.OpportunityEventEventType(e.Type), Timestamp: dates.FormatEvent(e.Time), AgentID: data.AgentID,
		Platform: data.Platform, AgentGroup: data.AgentGroup, ResultID: data.ResultID, TestStatus: data.TestStatus,
		Attempt: data.Attempt, Reason: data.Reason,
	}
}
