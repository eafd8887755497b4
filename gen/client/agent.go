package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/oapi-codegen/nullable"
)

// AgentSession asks for test opportunities and reports on them under one agent id.
type AgentSession struct {
	api      *API
	id       string
	instance string

	// Lease is how long the work of a Poll stays the agent's without a heartbeat; 0
	// leaves it to the server.
	Lease time.Duration
}

// Agent returns the agent of an id. instance tells this machine apart from another
// one that uses the same id by mistake; it may be empty.
func (a *API) Agent(id, instance string) *AgentSession {
	return &AgentSession{api: a, id: id, instance: instance}
}

// Register makes the agent known, or changes what is known of it.
func (g *AgentSession) Register(ctx context.Context, as AgentRegistration) error {
	answer, err := g.api.RegisterAgentWithResponse(ctx, g.id, as)
	if err == nil && answer.JSON200 == nil && answer.JSON201 == nil {
		err = unexpected(answer.HTTPResponse) // such as a proxy's page
	}
	return err
}

// Poll asks for work and waits up to wait for some; the server has a limit of its
// own. It returns nil without an error when there is none. holding are the ids of
// the opportunities that the agent still runs: what else it had counts as lost.
func (g *AgentSession) Poll(ctx context.Context, wait time.Duration, holding ...string) (*Work, error) {
	seconds := int32(wait / time.Second)
	pick := OpportunityPick{WaitSeconds: &seconds, Holding: holding}
	if g.instance != "" {
		pick.Instance = &g.instance
	}
	if g.Lease > 0 {
		length := int64(g.Lease / time.Second)
		pick.LeaseSeconds = &length
	}
	answer, err := g.api.PickOpportunityWithResponse(ctx, g.id, nil, pick)
	if err != nil || answer.StatusCode() == http.StatusNoContent {
		return nil, err
	}
	if answer.JSON200 == nil {
		return nil, unexpected(answer.HTTPResponse)
	}
	return &Work{agent: g, Opportunity: answer.JSON200}, nil
}

// Resume returns work that the agent picked before it was started again.
func (g *AgentSession) Resume(o *PickedOpportunity) *Work {
	return &Work{agent: g, Opportunity: o}
}

// SetMode drains the agent, which lets it finish what it holds and gives it
// nothing more, or brings it back. why is for people and may be empty.
func (g *AgentSession) SetMode(ctx context.Context, mode AgentMode, why string) error {
	patch := AgentPatch{Mode: mode}
	if why != "" {
		patch.Comment = nullable.NewNullableWithValue(why)
	}
	answer, err := g.api.UpdateAgentWithResponse(ctx, g.id, patch)
	if err == nil && answer.JSON200 == nil {
		err = unexpected(answer.HTTPResponse)
	}
	return err
}

// Work is a test opportunity that the agent has picked, under a lease.
type Work struct {
	agent       *AgentSession
	Opportunity *PickedOpportunity

	offset int64 // bytes of output that the server has
}

// ID returns the opportunity's id.
func (w *Work) ID() string { return w.Opportunity.TestOpportunityID }

func (w *Work) product() string { return w.Opportunity.ProductID }

// Release gives the work back, for another agent; cancelled work ends with it. why is
// for people.
func (w *Work) Release(ctx context.Context, why string) error {
	key := "release-" + w.Opportunity.Lease.Token
	answer, err := w.agent.api.ReleaseOpportunityWithResponse(ctx, w.product(), w.ID(), &ReleaseOpportunityParams{IdempotencyKey: &key},
		OpportunityRelease{LeaseToken: w.Opportunity.Lease.Token, Reason: &why})
	if err == nil && answer.JSON200 == nil {
		err = unexpected(answer.HTTPResponse)
	}
	return err
}

// Elsewhere reports whether somebody else has the work by now, or nobody may have it
// any more: it is false while it waits for an agent, whose result would be taken.
func (w *Work) Elsewhere(ctx context.Context) (bool, error) {
	answer, err := w.agent.api.GetOpportunityWithResponse(ctx, w.product(), w.ID())
	if err != nil {
		return false, err
	}
	if answer.JSON200 == nil {
		return false, unexpected(answer.HTTPResponse)
	}
	return answer.JSON200.State != OpportunityStateQUEUED, nil
}

// Errors of a heartbeat.
var (
	// ErrLost: the lease has ended, and somebody else may have the work.
	ErrLost = errors.New("the lease of the test opportunity is lost")
	// ErrCancelled: the work should be stopped; the lease goes on until its result
	// is posted or it is released.
	ErrCancelled = errors.New("the test opportunity was cancelled")
)

// Heartbeat extends the lease by its own length. It returns ErrLost or
// ErrCancelled when the agent should stop.
func (w *Work) Heartbeat(ctx context.Context) error {
	beat := Heartbeat{Leases: []HeartbeatLease{{TestOpportunityID: w.ID(), Token: w.Opportunity.Lease.Token}}}
	if w.agent.instance != "" {
		beat.Instance = &w.agent.instance
	}
	answer, err := w.agent.api.SendHeartbeatWithResponse(ctx, w.agent.id, beat)
	if err != nil {
		return err
	}
	if answer.JSON200 == nil || len(answer.JSON200.Leases) != 1 {
		return unexpected(answer.HTTPResponse)
	}
	return standing(answer.JSON200.Leases[0])
}

// Output appends to the console output. Sending a piece twice is harmless, as its
// offset says where it belongs, so it is tried again like a call with a key.
func (w *Work) Output(ctx context.Context, piece []byte) error {
	if _, err := w.append(ctx, w.offset, piece); err != nil {
		return err
	}
	w.offset += int64(len(piece))
	return nil
}

// OutputSize returns how much output the server has, and goes on from there. The
// output of earlier attempts stands before that of this one.
func (w *Work) OutputSize(ctx context.Context) (int64, error) {
	size, err := w.append(ctx, 0, nil)
	if err == nil {
		w.offset = size
	}
	return size, err
}

// OutputAt goes on at another place than where the last piece ended.
func (w *Work) OutputAt(offset int64) { w.offset = offset }

func (w *Work) append(ctx context.Context, offset int64, piece []byte) (int64, error) {
	params := &AppendOutputParams{Offset: offset, LeaseToken: w.Opportunity.Lease.Token}
	answer, err := w.agent.api.AppendOutputWithBodyWithResponse(repeatably(ctx), w.product(), w.ID(), params, "application/octet-stream", bytes.NewReader(piece))
	if err != nil {
		return 0, err
	}
	if answer.JSON200 == nil {
		return 0, unexpected(answer.HTTPResponse)
	}
	return answer.JSON200.Size, nil
}

// Result reports how the work ended: status is PASSED, FAILED, SKIPPED, ERROR or a
// word of the lab's own, payload any JSON value or nil. files are what the runner
// wrote: all are kept, and single tests are read from the first that is a report.
// It is sent under a key made of the lease, so that a call whose answer was lost can
// be made again; a late one, whose lease has ended, is a Problem of status 409.
func (w *Work) Result(ctx context.Context, status string, payload json.RawMessage, files ...File) error {
	result := NewTestResult{TestOpportunityID: w.ID(), TestStatus: status,
		LeaseToken: nullable.NewNullableWithValue(w.Opportunity.Lease.Token), AgentID: nullable.NewNullableWithValue(w.agent.id)}
	if payload != nil {
		result.ResultPayload = nullable.NewNullableWithValue(payload)
	}
	_, err := w.agent.api.UploadTestResult(ctx, TestResultUpload{Product: w.product(), Result: result}, files...)
	return err
}

// standing is what a heartbeat says of a lease.
func standing(lease LeaseStatus) error {
	switch lease.Status {
	case LeaseStatusStatusLost:
		return ErrLost
	case LeaseStatusStatusCancelRequested:
		return ErrCancelled
	}
	return nil
}
