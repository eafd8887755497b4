package reports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/lava"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// processed is what the original says to a callback (app/handlers/callback.py).
const processed = "Request accepted and being processed"

// callback is a LAVA job that has ended, on its way into the store.
type callback struct {
	job  *lava.Job
	lab  string
	body map[string]json.RawMessage
	made map[string]any // the body of a report that stands for it
	name string         // what its log is called: the plan, or boot
	log  string         // the path of its log, once there is one
}

// callbackSort is what becomes of a callback.
type callbackSort struct {
	// body makes the body of the report.
	body func(*lava.Job, string) (map[string]any, error)
	// save reads that body, and returns what stores the report.
	save func(ctx context.Context, c *callback) (func(*reportstore.Store) error, error)
}

// ReceiveLavaTest stores what a LAVA job tested as a test group.
func (h *Handler) ReceiveLavaTest(ctx context.Context, req reportsapi.ReceiveLavaTestRequestObject) (reportsapi.Response, error) {
	lab := labOf(req.Params.LabName)
	return h.receiveLava(ctx, lab, callbackSort{(*lava.Job).Group, h.saveLavaGroup})
}

// ReceiveLavaBoot stores a LAVA job as a boot report, as labs' jobs asked for
// until the summer of 2020.
func (h *Handler) ReceiveLavaBoot(ctx context.Context, req reportsapi.ReceiveLavaBootRequestObject) (reportsapi.Response, error) {
	lab := labOf(req.Params.LabName)
	return h.receiveLava(ctx, lab, callbackSort{(*lava.Job).Boot, h.saveLavaBoot})
}

// receiveLava checks in the order of the other writes; what belongs to the lab
// comes last. The report and the files of the job become visible together.
func (h *Handler) receiveLava(ctx context.Context, lab string, sort callbackSort) (*answer, error) {
	limits := h.limits()
	limits.Zeros = true // serial consoles send them; package lava takes them out
	parsed, err := h.jsonBodyWithin(ctx, limits)
	if err != nil {
		return nil, err
	}
	c := callback{lab: lab, body: map[string]json.RawMessage{}, name: "boot"}
	for name, value := range parsed.Members() {
		c.body[name] = json.RawMessage(value)
	}
	if c.job, err = lava.Parse(c.body, lava.Limits{Tests: h.config.MaxCases}); err == nil && c.job != nil {
		c.made, err = sort.body(c.job, lab)
	}
	if err != nil {
		return nil, refusedCallback(err)
	}
	if lab == "" {
		return nil, fault.InvalidField("query", "lab_name", "is missing: Missing lab name in query string")
	}
	warnings, err := h.mayReport(ctx, h.store, lab)
	if err != nil {
		return nil, err
	}
	o := outcome{Code: http.StatusAccepted, Reason: processed, Errors: warnings}
	if c.job == nil {
		o.Messages = []string{"The job has not ended: nothing was stored"}
		return done(o), nil
	}
	o.Errors = append(o.Errors, c.job.Warnings...)
	more, err := h.saveCallback(ctx, &c, sort)
	if err != nil {
		return nil, err
	}
	o.Errors = append(o.Errors, more...)
	return done(o), nil
}

func refusedCallback(err error) error {
	var bad *lava.Error
	if !errors.As(err, &bad) {
		return err
	}
	return fault.InvalidBody("/"+bad.Member, "%s", bad.Message)
}

// saveCallback keeps the log and the callback itself as files of the lab's, in the
// transaction that stores the report.
func (h *Handler) saveCallback(ctx context.Context, c *callback, sort callbackSort) (warnings []string, err error) {
	if plan, ok := c.made["name"].(string); ok {
		c.name = plan
	}
	files, warnings, err := h.callbackFiles(ctx, c)
	if err != nil {
		return nil, err
	}
	write, err := sort.save(ctx, c)
	if err != nil {
		return nil, err
	}
	return warnings, h.writer(ctx).InTx(ctx, func(tx *reportstore.Store) error {
		if _, err := tx.SaveFiles(ctx, files); err != nil {
			return err
		}
		return write(tx)
	})
}

// callbackFiles streams the job's log, as text and as a page, and the callback,
// without the token that LAVA repeats in it, to the blob store, and names the log in
// the report. The callback stands at two paths: a later job of the same plan takes the
// first one, the second has the number of the job. A job whose metadata make no path
// has no files, and a warning.
func (h *Handler) callbackFiles(ctx context.Context, c *callback) (_ []*reportstore.File, warnings []string, err error) {
	device := c.job.Meta["device.type"]
	if device == "" {
		device = c.job.Meta["platform.name"]
	}
	delete(c.body, "token")
	text, err := json.Marshal(c.body)
	if err != nil {
		return nil, nil, err
	}
	var log, page bytes.Buffer
	name := c.name + "-" + device
	if err := errors.Join(c.job.WriteLog(&log), c.job.WriteHTML(&page, name)); err != nil {
		return nil, nil, err
	}
	contents := map[string][]byte{name + ".txt": log.Bytes(), name + ".html": page.Bytes(), "lava-json-" + name + ".json": text}
	if c.job.ID != "" {
		contents["lava-json-"+name+"-"+c.job.ID+".json"] = text
	}
	var files []*reportstore.File
	folder := withoutDots(strings.Join(strings.FieldsFunc(c.job.Folder(c.lab), func(c rune) bool { return c == '/' }), "/"))
	for _, file := range slices.Sorted(maps.Keys(contents)) { // their paths are locked in this order
		path, err := filePath(folder + "/" + strings.ReplaceAll(file, "/", "_"))
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("The file %.200q of the job was not kept: its path %s", file, err))
			continue
		}
		f, err := h.keep(ctx, bytes.NewReader(contents[file]))
		if err != nil {
			return nil, nil, err
		}
		f.Path = path
		files = append(files, f)
		switch base := path[strings.LastIndexByte(path, '/')+1:]; file {
		case name + ".txt":
			c.log, c.made["boot_log"] = path, base
		case name + ".html":
			c.made["boot_log_html"] = base
		}
	}
	return files, warnings, nil
}

// intakeMade reads a body that was made here as if it had been posted, so that
// there is one set of rules.
func (h *Handler) intakeMade(ctx context.Context, made map[string]any) (document.Body, error) {
	text, err := json.Marshal(made)
	if err != nil {
		return document.Body{}, err
	}
	parsed, err := document.ParseBody(text, h.limits())
	return parsed, refusedBody(ctx, err)
}

func (h *Handler) saveLavaGroup(ctx context.Context, c *callback) (func(*reportstore.Store) error, error) {
	if c.log != "" {
		c.made["log"] = c.log
	}
	parsed, err := h.intakeMade(ctx, c.made)
	if err != nil {
		return nil, err
	}
	// As many suites, sets, definitions without a suite and their groups as there may
	// be tests, and the few cases of the job itself.
	tree, _, err := document.IntakeGroup(parsed, document.Limits{Cases: 5*h.config.MaxCases + 100})
	if err != nil {
		return nil, refusedBody(ctx, err)
	}
	return func(tx *reportstore.Store) error {
		_, err := h.saveGroup(ctx, tx, &tree, true)
		return err
	}, nil
}

func (h *Handler) saveLavaBoot(ctx context.Context, c *callback) (func(*reportstore.Store) error, error) {
	parsed, err := h.intakeMade(ctx, c.made)
	if err != nil {
		return nil, err
	}
	boot, _, err := document.Boot.Intake(parsed)
	if err != nil {
		return nil, refusedBody(ctx, err)
	}
	return func(tx *reportstore.Store) error { return h.putBoot(ctx, tx, boot) }, nil
}

// labOf is the lab that a callback names, empty for none.
func labOf(name *string) string {
	if name == nil {
		return ""
	}
	return strings.TrimSpace(*name)
}
