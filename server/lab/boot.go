package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/server/lab/boot"
	"github.com/slipway-lab/slipway/server/lab/boot/bootfiles"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/library"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// GetBootFiles answers the files of a node's boot actions.
func (h *Handler) GetBootFiles(ctx context.Context, req labapi.GetBootFilesRequestObject) (labapi.Response, error) {
	return h.archiveOf(ctx, req.Hostname, design.AssetFile)
}

// GetBootUnits answers the systemd units of a node's boot actions.
func (h *Handler) GetBootUnits(ctx context.Context, req labapi.GetBootUnitsRequestObject) (labapi.Response, error) {
	return h.archiveOf(ctx, req.Hostname, design.AssetUnit)
}

const bootKeyHeader = "X-Bootaction-Key"

// sameKey checks the key that a boot action sent.
func sameKey(ctx context.Context, want string) error {
	sent := call.From(ctx).Header.Get(bootKeyHeader)
	switch {
	case sent == "":
		return fault.Unauthorized("No %s", bootKeyHeader).With("WWW-Authenticate", "Bootaction-Key")
	case !bootfiles.SameKey(want, sent):
		return fault.Forbidden("Invalid %s", bootKeyHeader)
	}
	return nil
}

func (h *Handler) archiveOf(ctx context.Context, node, kind string) (*call.Answer, error) {
	d, err := h.store.Deployment(ctx, node)
	if errors.Is(err, store.ErrNotFound) || err == nil && !d.Keyed {
		return nil, fault.NotFound("node %q has no deployment with boot actions", node)
	}
	if err != nil {
		return nil, err
	}
	if err := sameKey(ctx, h.boot.Key(d.Task, node)); err != nil {
		return nil, err
	}
	text, err := h.boot.Archive(ctx, d, kind)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("the design of the deployment of node %q is no longer kept", node).Because(err)
	}
	if err != nil {
		return nil, renderFault(err)
	}
	return call.Text(http.StatusOK, "application/gzip", text).
		With("Content-Disposition", fmt.Sprintf("attachment; filename=%q", bootfiles.ArchiveName(node, kind))), nil
}

// renderFault tells what is wrong with a boot action. A location that does not
// answer may answer later; nothing is wrong with one that nobody waits for.
func renderFault(err error) error {
	var fetch *bootfiles.FetchError
	var ref *library.RefError
	var render *bootfiles.RenderError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, boot.ErrBusy):
		return fault.Unavailable("too many boot actions are being rendered; the setting is --lab-max-boot-renders").Because(err)
	case errors.As(err, &ref) && !ref.Passing:
		return fault.Invalid("a boot action of the design cannot be rendered: a location %s", ref.Reason).Because(err)
	case errors.As(err, &fetch), errors.Is(err, context.DeadlineExceeded):
		return fault.Unavailable("the data of a boot action cannot be fetched").Because(err)
	case errors.As(err, &render):
		return fault.Invalid("a boot action of the design cannot be rendered: %s", render.Error()).Because(err)
	}
	return err
}

// SignalBootAction takes a report of a boot action.
func (h *Handler) SignalBootAction(ctx context.Context, req labapi.SignalBootActionRequestObject) (labapi.Response, error) {
	id := strings.ToUpper(req.ActionID)
	a, err := h.store.BootAction(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("boot action %s does not exist", id)
	}
	if err != nil {
		return nil, err
	}
	if err := sameKey(ctx, h.boot.Key(a.Task, a.Node)); err != nil {
		return nil, err
	}
	raw, found := upload.FromContext(ctx)
	if !found {
		return nil, errors.New("signal: the body was not put aside")
	}
	status, messages, err := readSignal(raw.Body, id, a.Task)
	if err != nil {
		return nil, badSignal(err)
	}
	for i := range messages {
		messages[i].CreatedAt = h.store.Now()
	}
	if err := h.engine.RoomFor(ctx, a.Task, messages); err != nil {
		return nil, noRoom(err)
	}
	a, err = h.store.SignalBootAction(ctx, id, status, messages)
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("Action %s status finalized, not available for update", id)
	}
	if err != nil {
		return nil, err
	}
	slog.DebugContext(ctx, "boot action", "node", a.Node, "action", a.Name, "status", a.Status)
	return call.OK(map[string]any{
		"node_name": a.Node, "action_id": a.ID, "action_name": a.Name, "task_id": a.Task, "action_status": a.Status,
	}), nil
}

// badSignal puts Drydock's words before what is wrong with the body.
func badSignal(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) && f.Status == http.StatusBadRequest {
		f.Detail = "Error processing body: " + f.Detail
	}
	return err
}

const (
	maxDetails    = 1000
	maxDetailText = 64 << 10
)

// readSignal checks the body by hand, because the checks that come before it
// need the key and not the body.
func readSignal(body io.Reader, id, task string) (status string, messages []labstore.Message, err error) {
	text, err := readBody(body)
	if err != nil {
		return "", nil, err
	}
	var doc map[string]json.RawMessage
	if len(bytes.TrimSpace(text)) == 0 {
		return "", nil, nil
	}
	if err := json.Unmarshal(text, &doc); err != nil || doc == nil {
		return "", nil, fault.InvalidBody("", "must be a JSON object with status and details").Because(err)
	}
	// A failure must not be lost behind a success of the same name.
	if _, err := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowInvalidUTF8(true)).ReadValue(); errors.Is(err, jsontext.ErrDuplicateName) {
		return "", nil, fault.InvalidBody("", "gives a name twice in one object").Because(err)
	}
	for name, value := range doc {
		switch name {
		case "status":
			status, err = signalStatus(value)
		case "details":
			messages, err = signalDetails(value, id, task)
		default:
			err = fault.InvalidBody("/"+name, "is not known: only status and details may be sent")
		}
		if err != nil {
			return "", nil, err
		}
	}
	return status, messages, nil
}

func signalStatus(value json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(value, &s); err == nil {
		switch s {
		case "Success", "success", "Failure", "failure":
			return strings.ToLower(s), nil
		}
	}
	return "", fault.InvalidBody("/status", "must be Success, success, Failure or failure")
}

func signalDetails(value json.RawMessage, id, task string) ([]labstore.Message, error) {
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil || list == nil || len(list) > maxDetails {
		return nil, fault.InvalidBody("/details", "must be a list of at most %d objects", maxDetails)
	}
	rows := make([]labstore.Message, 0, len(list))
	for i, d := range list {
		at := fmt.Sprintf("/details/%d", i)
		m := labstore.Message{Task: task, ContextType: "bootaction", Context: id}
		var text *string
		var isError *bool
		if err := json.Unmarshal(d["message"], &text); err != nil || text == nil || len(*text) > maxDetailText || strings.ContainsRune(*text, 0) {
			return nil, fault.InvalidBody(at+"/message", "must be a text of at most %d bytes without U+0000", maxDetailText)
		}
		if err := json.Unmarshal(d["error"], &isError); err != nil || isError == nil {
			return nil, fault.InvalidBody(at+"/error", "must be true or false")
		}
		m.Text, m.Error = *text, *isError
		for _, known := range []string{"message", "error", "context", "context_type", "ts"} {
			delete(d, known)
		}
		if len(d) > 0 {
			extra, err := json.Marshal(d)
			if err != nil {
				return nil, fault.InvalidBody(at, "cannot be kept").Because(err)
			}
			m.Extra = extra
		}
		rows = append(rows, m)
	}
	return rows, nil
}
