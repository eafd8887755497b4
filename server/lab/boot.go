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
	"slices"
	"strings"
	"time"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/server/lab/boot/bootfiles"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// The states of a boot action.
const (
	bootIncomplete = "incomplete"
	bootSuccess    = "success"
	bootFailure    = "failure"
	bootUnreported = "unreported"
)

// keyOf derives the key of a deployment.
func (h *Handler) keyOf(deployment, node string) string {
	return bootfiles.Key(h.config.Secret, deployment, node)
}

// beginDeployment makes the boot actions of a node before its deployment starts.
func (h *Handler) beginDeployment(ctx context.Context, t *top, j Job) error {
	d := &labstore.Deployment{
		Node: j.Node.Name, Task: j.Task, Root: t.id,
		Digest: t.request.Digest, DesignRef: t.row.DesignRef, BaseURL: t.request.BaseURL,
	}
	var actions []labstore.BootAction
	for _, a := range actionsOf(j.Site, j.Node.Name) {
		row := labstore.BootAction{
			ID: newULID(h.store.Now()), Node: j.Node.Name, Name: a.Name, Task: j.Task, Root: t.id, Status: bootUnreported,
		}
		if a.Signaling {
			row.Status = bootIncomplete
		}
		actions = append(actions, row)
	}
	d.Keyed = len(actions) > 0
	return h.store.BeginDeployment(ctx, d, actions)
}

// actionsOf returns the boot actions for a node, in the order of the design.
func actionsOf(site *design.Site, node string) []*design.BootAction {
	var list []*design.BootAction
	for _, a := range site.BootActions {
		if slices.Contains(a.Targets, node) {
			list = append(list, a)
		}
	}
	return list
}

// awaitBootActions waits until every boot action of the nodes has reported its
// end, or the time is over.
func (h *Handler) awaitBootActions(ctx context.Context, root string, nodes []string) taskplan.Outcome {
	var rows []labstore.BootAction
	err := await(ctx, h.store, labstore.BootTopic(root), func() (bool, error) {
		all, err := h.store.BootActionsOfNodes(ctx, root)
		if err != nil {
			return false, err
		}
		rows = slices.DeleteFunc(all, func(a labstore.BootAction) bool {
			return a.Status == bootUnreported || !slices.Contains(nodes, a.Node)
		})
		return !slices.ContainsFunc(rows, func(a labstore.BootAction) bool { return a.Status == bootIncomplete }), nil
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return judge(ctx, "", err, nil)
	}
	return bootOutcome(nodes, rows)
}

func bootOutcome(nodes []string, rows []labstore.BootAction) taskplan.Outcome {
	o := taskplan.Outcome{OK: true}
	bad := map[string]bool{}
	for _, a := range rows {
		m := taskplan.Message{ContextType: "node", Context: a.Node}
		m.Text = fmt.Sprintf("Boot action %s completed with status %s", a.Name, a.Status)
		if a.Status == bootIncomplete {
			m.Text, m.Error = fmt.Sprintf("Boot action %s timed out.", a.Name), true
		}
		if a.Status != bootSuccess {
			bad[a.Node], o.OK = true, false
		}
		o.Messages = append(o.Messages, m)
	}
	for _, n := range nodes {
		if bad[n] {
			o.Failures = append(o.Failures, n)
		} else {
			o.Successes = append(o.Successes, n)
		}
	}
	return o
}

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
	if errors.Is(err, store.ErrNotFound) || err == nil && (d.Ended || !d.Keyed) {
		return nil, fault.NotFound("no deployment of node %q is going on that has boot actions", node)
	}
	if err != nil {
		return nil, err
	}
	if err := sameKey(ctx, h.keyOf(d.Task, node)); err != nil {
		return nil, err
	}
	files, err := h.render(ctx, d, kind)
	if err != nil {
		return nil, renderFault(err)
	}
	var out bytes.Buffer
	if err := bootfiles.WriteArchive(&out, files); err != nil {
		return nil, err
	}
	return call.Text(http.StatusOK, "application/gzip", out.Bytes()).
		With("Content-Disposition", fmt.Sprintf("attachment; filename=%q", bootfiles.ArchiveName(node, kind))), nil
}

// renderFault tells what is wrong with a boot action. A location that does not
// answer may answer later.
func renderFault(err error) error {
	var fetch *bootfiles.FetchError
	var render *bootfiles.RenderError
	switch {
	case errors.As(err, &fetch), errors.Is(err, context.DeadlineExceeded):
		return fault.Unavailable("the data of a boot action cannot be fetched").Because(err)
	case errors.As(err, &render):
		return fault.Invalid("a boot action of the design cannot be rendered: %s", render.Error()).Because(err)
	}
	return err
}

// archiveTime is how long a node's archive may take, all templates and locations
// together.
const archiveTime = 25 * time.Second

func (h *Handler) render(ctx context.Context, d *labstore.Deployment, kind string) ([]bootfiles.File, error) {
	ctx, cancel := context.WithTimeout(ctx, archiveTime)
	defer cancel()
	var files []bootfiles.File
	left := h.config.MaxBootData
	err := h.eachAsset(ctx, d, func(a design.Asset, c bootfiles.Context) error {
		if a.Type != kind {
			return nil
		}
		f, err := h.renderer.File(ctx, assetOf(a), c)
		if left -= int64(len(f.Data)); err == nil && left < 0 {
			err = &bootfiles.RenderError{Path: a.Path, Err: fmt.Errorf("the node's files are larger than the limit of %d bytes together", h.config.MaxBootData)}
		}
		files = append(files, f)
		return err
	})
	return files, err
}

// packages are what the boot actions of a deployment want installed.
func (h *Handler) packages(ctx context.Context, d *labstore.Deployment) ([]bootfiles.Package, error) {
	list := []bootfiles.Package{}
	err := h.eachAsset(ctx, d, func(a design.Asset, c bootfiles.Context) error {
		if a.Type != design.AssetPackages {
			return nil
		}
		for _, p := range a.Packages {
			list = append(list, bootfiles.Package{Name: p.Name, Version: p.Version})
		}
		if a.Location == "" {
			return nil
		}
		more, err := h.renderer.Packages(ctx, assetOf(a), c)
		list = append(list, more...)
		return err
	})
	return list, err
}

// eachAsset calls visit for every asset of the deployment's boot actions, in the
// order of the design.
func (h *Handler) eachAsset(ctx context.Context, d *labstore.Deployment, visit func(design.Asset, bootfiles.Context) error) error {
	c, err := h.snapshot(ctx, d.Digest)
	if err != nil {
		return err
	}
	node := c.site.Node(d.Node)
	rows, err := h.store.BootActions(ctx, d.Task)
	if err != nil {
		return err
	}
	about := bootfiles.Context{Node: nodeContext(c.site, node)}
	for _, row := range rows {
		action := c.site.BootAction(row.Name)
		about.Action = bootfiles.ActionContext{
			ID: row.ID, Key: h.keyOf(d.Task, d.Node), ReportURL: d.BaseURL + "/api/v1.0/bootactions", DesignRef: d.DesignRef,
		}
		for _, a := range action.Assets {
			if err := visit(a, about); err != nil {
				return err
			}
		}
	}
	return nil
}

func assetOf(a design.Asset) bootfiles.Asset {
	return bootfiles.Asset{
		Path: a.Path, Mode: a.Mode, Location: a.Location, LocationPipeline: a.LocationPipeline, Data: a.Data, DataPipeline: a.DataPipeline,
	}
}

// nodeContext is what templates know of a node.
func nodeContext(site *design.Site, n *design.Node) bootfiles.NodeContext {
	c := bootfiles.NodeContext{Hostname: n.Name, Domain: n.DNSDomain, Tags: n.Tags, PrimaryNetwork: n.PrimaryNetwork}
	for _, key := range n.LabelKeys {
		c.Labels = append(c.Labels, bootfiles.Label{Key: key, Value: n.Labels[key]})
	}
	for _, a := range n.Addressing {
		if net := site.Network(a.Network); net != nil && a.IP != "" {
			c.Networks = append(c.Networks, bootfiles.NetworkContext{Name: a.Network, IP: a.IP, CIDR: net.CIDR, DNSSuffix: net.Domain})
		}
	}
	for _, i := range n.Interfaces {
		about := bootfiles.InterfaceContext{Name: i.Name, SRIOV: i.SRIOV != nil}
		if i.SRIOV != nil {
			about.VFCount, about.TrustedMode = i.SRIOV.VFCount, i.SRIOV.TrustedMode
		}
		c.Interfaces = append(c.Interfaces, about)
	}
	return c
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
	if err := sameKey(ctx, h.keyOf(a.Task, a.Node)); err != nil {
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
	if err := h.roomFor(ctx, a.Task, messages); err != nil {
		return nil, err
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
