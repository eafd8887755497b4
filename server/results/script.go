package results

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// script is what get-script answers: it takes the options of the runner of
// 2014 and runs nothing that it fetched.
//
//go:embed runner.py
var script []byte

// GetScript answers the script.
func (h *Handler) GetScript(ctx context.Context, _ resultsapi.GetScriptRequestObject) (resultsapi.Response, error) {
	if err := refuseUnknownBearer(ctx); err != nil {
		return nil, err
	}
	return call.Text(http.StatusOK, "text/plain; charset=utf-8", script), nil
}

// GetTestcases answers the configured list. The runner of 2014 puts each entry
// into a shell command, so New has checked what stands in it.
func (h *Handler) GetTestcases(ctx context.Context, _ resultsapi.GetTestcasesRequestObject) (resultsapi.Response, error) {
	if _, err := h.namedRun(ctx); err != nil {
		return nil, err
	}
	line, err := json.Marshal(resultsapi.Testcases{Testcases: h.config.Testcases})
	if err != nil {
		return nil, err
	}
	return attachment("testcases.json", line), nil
}
