package lab

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// nodeDocument has exactly the eight members that Drydock takes from MAAS
// (control/nodes.py).
type nodeDocument struct {
	Hostname     string `json:"hostname"`
	Memory       any    `json:"memory"`
	CPUCount     any    `json:"cpu_count"`
	StatusName   string `json:"status_name"`
	BootMAC      any    `json:"boot_mac"`
	PowerState   string `json:"power_state"`
	PowerAddress any    `json:"power_address"`
	BootIP       any    `json:"boot_ip"`
}

// ListNodes answers the nodes that a driver has seen, all of them unless a limit was
// given.
func (h *Handler) ListNodes(ctx context.Context, req labapi.ListNodesRequestObject) (labapi.Response, error) {
	rows, err := h.store.Nodes(ctx, page(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	list := make([]nodeDocument, 0, len(rows.Items))
	for _, n := range rows.Items {
		list = append(list, nodeDocument{
			n.Name, numberOrNull(n.Memory), numberOrNull(n.CPUCount), n.Status, orNull(n.BootMAC), n.Power, orNull(n.PowerAddress), orNull(n.BootIP),
		})
	}
	return call.OK(list).Paged(ctx, rows.Next), nil
}

func numberOrNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// ListNodeBuildData answers what is known of a node.
func (h *Handler) ListNodeBuildData(ctx context.Context, req labapi.ListNodeBuildDataRequestObject) (labapi.Response, error) {
	f := labstore.BuildDataFilter{
		Node: req.Hostname, Latest: req.Params.Latest != nil && strings.EqualFold(*req.Params.Latest, "true"),
		Page: page(req.Params.Limit, req.Params.After),
	}
	return h.buildData(ctx, f, fault.NotFound("No build data found for node %q", req.Hostname))
}

// ListTaskBuildData answers what a task collected.
func (h *Handler) ListTaskBuildData(ctx context.Context, req labapi.ListTaskBuildDataRequestObject) (labapi.Response, error) {
	row, err := h.taskRow(ctx, req.TaskID)
	if err != nil {
		return nil, err
	}
	f := labstore.BuildDataFilter{Task: row.ID, Page: page(req.Params.Limit, req.Params.After)}
	return h.buildData(ctx, f, fault.NotFound("No build data found: task %s has collected none", row.ID))
}

// buildData answers the build data of a filter; none is the answer where there are
// none. Behind a cursor there may be none any more, since they are deleted in time.
func (h *Handler) buildData(ctx context.Context, f labstore.BuildDataFilter, none error) (labapi.Response, error) {
	list, err := h.store.BuildDataPlaces(ctx, f)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	if len(list.Items) == 0 && f.Page.After == "" {
		return nil, none
	}
	return &buildDataStream{h.store, ctx, list.Items, call.Next(ctx, list.Next)}, nil
}

// buildDataStream writes build data, of which a node may have more than fits into
// memory.
type buildDataStream struct {
	store  *labstore.Store
	ctx    context.Context // of the request; it lives exactly as long as the answer
	places []labstore.BuildDataPlace
	link   string // to the next page
}

// write writes the records. One that cannot be read breaks the answer off, so
// that nobody takes it for the whole.
func (s *buildDataStream) WriteResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	if s.link != "" {
		w.Header().Set("Link", s.link)
	}
	w.WriteHeader(http.StatusOK)
	separator := "["
	err := s.store.EachBuildData(s.ctx, s.places, func(d *labstore.BuildData) error {
		text, err := json.Marshal(buildDataDocuments([]labstore.BuildData{*d})[0])
		if err != nil {
			return err
		}
		_, err = w.Write(append([]byte(separator), text...))
		separator = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	if separator == "[" { // all of them were deleted in the meantime
		_, err = w.Write([]byte("[]\n"))
		return err
	}
	_, err = w.Write([]byte("]\n"))
	return err
}

// CreateNodeBuildData keeps what a machine or a tool found out about a node.
func (h *Handler) CreateNodeBuildData(ctx context.Context, req labapi.CreateNodeBuildDataRequestObject) (labapi.Response, error) {
	if _, err := h.machineOrToken(ctx, req.Hostname); err != nil {
		return nil, err
	}
	d := &labstore.BuildData{Node: req.Hostname, Generator: req.Params.Generator}
	if err := h.knownNode(ctx, req.Hostname); err != nil {
		return nil, err
	}
	if strings.ContainsRune(d.Generator, 0) {
		return nil, fault.InvalidField("query", "generator", "must not hold U+0000")
	}
	if id := req.Params.TaskID; id != nil {
		d.Task = id.String()
		if _, err := h.store.Task(ctx, d.Task); errors.Is(err, store.ErrNotFound) {
			return nil, fault.InvalidField("query", "task_id", "names a task that does not exist").Because(err)
		} else if err != nil {
			return nil, err
		}
	}
	raw, found := upload.FromContext(ctx)
	if !found {
		return nil, errors.New("build data: the body was not put aside")
	}
	var err error
	if d.Data, err = readBody(raw.Body); err != nil {
		return nil, err
	}
	if !utf8.Valid(d.Data) {
		return nil, fault.InvalidBody("", "must be text in UTF-8; encode other data, for example as base64")
	}
	if d.Format, err = formatOf(raw.ContentType); err != nil {
		return nil, err
	}
	if err := h.store.AddBuildData(ctx, d); err != nil {
		return nil, err
	}
	return call.Created("", buildDataDocuments([]labstore.BuildData{*d})[0]), nil
}

// formatOf is the media type without its parameters.
func formatOf(contentType string) (string, error) {
	if contentType == "" {
		return "text/plain", nil
	}
	format, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", fault.Unsupported("the Content-Type is not a media type").Because(err)
	}
	return format, nil
}

// knownNode demands that a driver has seen the node, or that a design names it
// by its MAC address.
func (h *Handler) knownNode(ctx context.Context, name string) error {
	known, err := h.store.KnowsNode(ctx, name)
	if err == nil && !known {
		err = fault.NotFound("node %q is not known: no task has named it yet", name)
	}
	return err
}

// GetLabHealth says whether the lab works. It creates no tasks.
func (h *Handler) GetLabHealth(ctx context.Context, _ labapi.GetLabHealthRequestObject) (labapi.Response, error) {
	if err := h.store.Ping(ctx); err != nil {
		return nil, fault.Unavailable("the store cannot be reached").Because(err)
	}
	return call.NoContent(), nil
}

// GetExtendedHealth says the same in words.
func (h *Handler) GetExtendedHealth(ctx context.Context, _ labapi.GetExtendedHealthRequestObject) (labapi.Response, error) {
	list := []map[string]any{}
	say := func(text string, isError bool) {
		list = append(list, map[string]any{"message": text, "error": isError, "kind": "SimpleMessage"})
	}
	status, code, failed := "Success", http.StatusOK, 0
	if err := h.store.Ping(ctx); err != nil {
		status, code, failed = "Failure", http.StatusServiceUnavailable, 1
		say("The store cannot be reached.", true)
	}
	if h.drivers.Simulated() {
		say("The node driver is a simulator: it touches no machine.", false)
	}
	return call.JSON(code, map[string]any{
		"kind": "Status", "apiVersion": "v1.0", "metadata": map[string]any{}, "status": status, "message": "", "reason": "HealthCheck",
		"details": map[string]any{"errorCount": failed, "messageList": list}, "code": code,
	}), nil
}
