package lab

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

const machineKeyHeader = "X-Machine-Key"

// machineKey derives a key of a machine from its id and the number of the key,
// which all but the first show.
func (h *Handler) machineKey(id string, number int64) string {
	text, shown := "slipway machine\x00"+id, ""
	if number != 1 {
		shown = strconv.FormatInt(number, 10) + "."
		text += "\x00" + shown
	}
	mac := hmac.New(sha256.New, h.config.Secret)
	_, _ = mac.Write([]byte(text)) // a hash never fails
	return shown + hex.EncodeToString(mac.Sum(nil))
}

// keyNumber returns the number of a key that was made for the machine of that id,
// and 0 for any other text. Whether the number still counts only the store knows.
func (h *Handler) keyNumber(id, key string) int64 {
	number := int64(1)
	if shown, _, numbered := strings.Cut(key, "."); numbered {
		var err error
		if number, err = strconv.ParseInt(shown, 10, 64); err != nil {
			return 0
		}
	}
	if !hmac.Equal([]byte(h.machineKey(id, number)), []byte(key)) {
		return 0
	}
	return number
}

// machine returns the machine of that id, whose key the caller must have sent.
func (h *Handler) machine(ctx context.Context, id string) (*labstore.Machine, error) {
	sent := call.From(ctx).Header.Get(machineKeyHeader)
	id = strings.ToUpper(id)
	if sent == "" {
		return nil, fault.Unauthorized("the key of the machine is required in %s", machineKeyHeader).With("WWW-Authenticate", "Machine-Key")
	}
	number := h.keyNumber(id, sent)
	if number == 0 {
		return nil, notTheKey()
	}
	m, err := h.storedMachine(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case number == m.NewKey:
		return nil, fault.Forbidden("this key of the machine counts when an operator has confirmed it: the machine was known, and registered without its key")
	case number != m.KeyNumber:
		return nil, notTheKey()
	}
	return m, nil
}

func notTheKey() error { return fault.Forbidden("%s is not the key of this machine", machineKeyHeader) }

func (h *Handler) storedMachine(ctx context.Context, id string) (*labstore.Machine, error) {
	m, err := h.store.Machine(ctx, strings.ToUpper(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("machine %q does not exist", id)
	}
	return m, err
}

// machineOrToken checks a machine's key, when one was sent instead of a
// credential: it must be the machine that is the node. It returns nil for
// callers with a credential, whom the permission table has let in.
func (h *Handler) machineOrToken(ctx context.Context, node string) (*labstore.Machine, error) {
	if call.From(ctx).Header.Get(machineKeyHeader) == "" {
		return nil, nil
	}
	m, err := h.store.MachineOf(ctx, node)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.Forbidden("%s is not the key of the machine that is node %q", machineKeyHeader, node)
	}
	if err != nil {
		return nil, err
	}
	return h.machine(ctx, m.ID)
}

// shared tells whether an address says nothing about whose it is: all zeros, as
// of a loopback, or one of a group.
func shared(mac string) bool {
	parsed, err := net.ParseMAC(mac)
	return err != nil || parsed[0]&1 != 0 || !slices.ContainsFunc(parsed, func(b byte) bool { return b != 0 })
}

// RegisterMachine takes a machine in. Whoever knows a MAC address could say to be
// a machine that is known, so only operators and who has the machine's key get
// that key; anybody else gets another one, which opens nothing until an operator
// confirms it, and the machine is held.
func (h *Handler) RegisterMachine(ctx context.Context, req labapi.RegisterMachineRequestObject) (labapi.Response, error) {
	m, err := h.machineFromAPI(req.Body)
	if err != nil {
		return nil, err
	}
	who, sent, trusted := auth.From(ctx), textOf(req.Params.XMachineKey), true
	itself := func(old *labstore.Machine) bool {
		trusted = who.May(auth.HoldMachines) || h.keyNumber(old.ID, sent) == old.KeyNumber
		return trusted
	}
	reason := "registered again without its key, by " + who.Label() + "; confirm one of its keys"
	known, err := h.store.RegisterMachine(ctx, m, itself, reason)
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("the MAC addresses belong to several machines; delete those that no longer exist")
	}
	if err != nil {
		return nil, err
	}
	doc := machineDocument(m)
	doc["key"] = h.machineKey(m.ID, m.KeyNumber)
	if !trusted {
		doc["key"] = h.machineKey(m.ID, m.NewKey)
	}
	if known {
		return call.OK(doc).Secret(), nil
	}
	return call.Created(location(ctx, "/v1/machines/"+m.ID), doc).Secret(), nil
}

func (h *Handler) machineFromAPI(in *labapi.LabNewMachine) (*labstore.Machine, error) {
	m := &labstore.Machine{ID: labstore.NewULID(h.store.Now())}
	for _, text := range in.Macs {
		mac, good := design.CleanMAC(text)
		if !good {
			return nil, fault.InvalidBody("/macs", "must be MAC addresses such as 52:54:00:ce:da:08")
		}
		if shared(mac) {
			return nil, fault.InvalidBody("/macs", "must not hold %s, which many machines have: a loopback, group or broadcast address", mac)
		}
		if !slices.Contains(m.MACs, mac) {
			m.MACs = append(m.MACs, mac)
		}
	}
	m.Serial, m.Architecture, m.Address = textOf(in.Serial), textOf(in.Architecture), textOf(in.Address)
	if strings.ContainsRune(m.Serial+m.Architecture+m.Address, 0) {
		return nil, fault.InvalidBody("", "must not hold U+0000")
	}
	if in.Memory != nil {
		m.Memory = *in.Memory
	}
	if in.CPUCount != nil {
		m.CPUCount = int64(*in.CPUCount)
	}
	return m, nil
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func machineDocument(m *labstore.Machine) map[string]any {
	return map[string]any{
		"id": m.ID, "macs": orEmpty(m.MACs), "serial": m.Serial, "architecture": m.Architecture, "memory": m.Memory,
		"cpu_count": m.CPUCount, "address": m.Address, "node": orNull(m.Node), "hold": m.Hold, "hold_reason": m.HoldReason,
		"key_number": m.KeyNumber, "new_key_number": numberOrNull(m.NewKey),
		"registered": wireTime(m.RegisteredAt), "last_seen": wireTime(m.SeenAt),
	}
}

// ListMachines answers the machines, newest first.
func (h *Handler) ListMachines(ctx context.Context, req labapi.ListMachinesRequestObject) (labapi.Response, error) {
	list, err := h.store.ListMachines(ctx, textOf(req.Params.Node), page(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	rows := []any{}
	for i := range list.Items {
		rows = append(rows, machineDocument(&list.Items[i]))
	}
	return call.OK(map[string]any{"machines": rows}).Paged(ctx, list.Next), nil
}

// GetMachine answers one machine.
func (h *Handler) GetMachine(ctx context.Context, req labapi.GetMachineRequestObject) (labapi.Response, error) {
	m, err := h.storedMachine(ctx, req.MachineID)
	if err != nil {
		return nil, err
	}
	return call.OK(machineDocument(m)), nil
}

// UpdateMachine takes a machine out of automatic work, or back into it, and says
// which of its keys counts.
func (h *Handler) UpdateMachine(ctx context.Context, req labapi.UpdateMachineRequestObject) (labapi.Response, error) {
	m, err := h.storedMachine(ctx, req.MachineID)
	if err != nil {
		return nil, err
	}
	reason, key := textOf(req.Body.Reason), int64(0)
	if strings.ContainsRune(reason, 0) {
		return nil, fault.InvalidBody("/reason", "must not hold U+0000")
	}
	if !req.Body.Hold {
		reason = ""
	}
	if req.Body.KeyNumber != nil {
		key = *req.Body.KeyNumber
	}
	m, err = h.store.HoldMachine(ctx, m.ID, req.Body.Hold, reason, key)
	switch {
	case errors.Is(err, labstore.ErrKeyWaits):
		return nil, fault.Conflict("the machine registered again without its key; say in key_number which key counts: its new_key_number confirms the new one, its key_number keeps the old one")
	case errors.Is(err, labstore.ErrKeyNumber):
		return nil, fault.Conflict("key_number is neither the number of the machine's key nor that of its new one; read the machine again")
	case err != nil:
		return nil, err
	}
	return call.OK(machineDocument(m)), nil
}

// RotateMachineKey makes a new key for a machine, whose others then open nothing.
func (h *Handler) RotateMachineKey(ctx context.Context, req labapi.RotateMachineKeyRequestObject) (labapi.Response, error) {
	m, err := h.storedMachine(ctx, req.MachineID)
	if err != nil {
		return nil, err
	}
	if m, err = h.store.RotateMachineKey(ctx, m.ID); err != nil {
		return nil, err
	}
	doc := machineDocument(m)
	doc["key"] = h.machineKey(m.ID, m.KeyNumber)
	return call.OK(doc).Secret(), nil
}

// DeleteMachine forgets a machine.
func (h *Handler) DeleteMachine(ctx context.Context, req labapi.DeleteMachineRequestObject) (labapi.Response, error) {
	m, err := h.storedMachine(ctx, req.MachineID)
	if err != nil {
		return nil, err
	}
	err = h.store.DeleteMachine(ctx, m.ID)
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("the machine has work; cancel its task first")
	}
	return call.NoContent(), err
}

// PollMachineWork answers what a machine has to do.
func (h *Handler) PollMachineWork(ctx context.Context, req labapi.PollMachineWorkRequestObject) (labapi.Response, error) {
	m, err := h.machine(ctx, req.MachineID)
	if err != nil {
		return nil, err
	}
	if err := h.store.SeeMachine(ctx, m.ID); err != nil {
		return nil, err
	}
	if m.Node == "" {
		return nil, fault.Conflict("no node has one of the machine's MAC addresses; a task on that node must name it first")
	}
	ctx, cancel := h.patience(ctx, req.Params.Wait)
	defer cancel()
	w, err := h.engine.NextWork(ctx, m.Node)
	if err != nil && ctx.Err() != nil {
		return call.NoContent(), nil
	}
	if err != nil {
		return nil, err
	}
	return call.OK(workDocument(ctx, w)), nil
}

// patience is the context of a long poll: it ends after the seconds, or when the
// server stops.
func (h *Handler) patience(ctx context.Context, seconds *int32) (context.Context, context.CancelFunc) {
	wait := time.Duration(0)
	if seconds != nil {
		wait = time.Duration(*seconds) * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	if h.config.Done == nil {
		return ctx, cancel
	}
	go func() {
		select {
		case <-h.config.Done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func workDocument(ctx context.Context, w *labstore.Work) map[string]any {
	doc := map[string]any{
		"task_id": w.Task, "action": w.Action, "node": w.Node, "deadline": wireTime(w.Deadline), "status": w.Status,
	}
	if w.Action == string(taskplan.DeployNode) {
		doc["manifest"] = call.From(ctx).Origin.URL("/v1/nodes/" + w.Node + "/manifest")
	}
	return doc
}

// ReportMachineWork takes a machine's report.
func (h *Handler) ReportMachineWork(ctx context.Context, req labapi.ReportMachineWorkRequestObject) (labapi.Response, error) {
	m, err := h.machine(ctx, req.MachineID)
	if err != nil {
		return nil, err
	}
	w, err := h.store.Work(ctx, strings.ToLower(req.TaskID))
	if errors.Is(err, store.ErrNotFound) || err == nil && (w.Node != m.Node || m.Node == "") {
		return nil, fault.NotFound("the machine has no work with the task %s", req.TaskID)
	}
	if err != nil {
		return nil, err
	}
	if err := h.takeReport(ctx, w, req.Body); err != nil {
		return nil, err
	}
	return call.OK(workDocument(ctx, w)), h.store.SeeMachine(ctx, m.ID)
}

// takeReport stores how a piece of work goes and makes w what is stored then.
func (h *Handler) takeReport(ctx context.Context, w *labstore.Work, report *labapi.LabWorkReport) error {
	text := textOf(report.Message)
	if strings.ContainsRune(text, 0) {
		return fault.InvalidBody("/message", "must not hold U+0000")
	}
	err := h.engine.Report(ctx, w, engine.Report{
		Status: string(report.Status), Message: text,
		Error: report.Error != nil && *report.Error, Retry: report.Retry != nil && *report.Retry,
	})
	if errors.Is(err, store.ErrConflict) {
		if now, readErr := h.store.Work(ctx, w.Task); readErr == nil && now.Status != "running" && now.Status == string(report.Status) &&
			now.Message == text && now.Retry == (report.Retry != nil && *report.Retry) {
			*w = *now // the same end again: the machine did not hear the answer
			return nil
		}
		return fault.Conflict("the work is over: it was reported, cancelled, or its time has passed")
	}
	return noRoom(err)
}

// noRoom tells a machine that its task has enough messages.
func noRoom(err error) error {
	var full *engine.RoomError
	if errors.As(err, &full) {
		return fault.TooLarge("the messages of a task have at most %d bytes together; report the status without one", full.Most)
	}
	return err
}
