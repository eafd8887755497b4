package results

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/call"
)

// script is what get-script answers: it takes the options of the runner of
// 2014 and runs nothing that it fetched.
//
//go:embed runner.py
var script []byte

// deprecated says in three ways that an operation is deprecated, since the day
// on which RefStack's specification replaced it.
func deprecated(ctx context.Context) http.Header {
	return http.Header{
		"Deprecation": {"@1402444800"}, // 2014-06-11
		"Link":        {`<` + call.From(ctx).Origin.URL("/docs") + `#deprecated>; rel="deprecation"`},
		"Warning":     {`299 - "deprecated"`},
	}
}

// GetScript answers the script.
func (h *Handler) GetScript(ctx context.Context, _ api.GetScriptRequestObject) (api.GetScriptResponseObject, error) {
	if err := refuseUnknownBearer(ctx); err != nil {
		return nil, err
	}
	return scriptAnswer{deprecated(ctx)}, nil
}

type scriptAnswer struct{ header http.Header }

// VisitGetScriptResponse writes the script.
func (a scriptAnswer) VisitGetScriptResponse(w http.ResponseWriter) error {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write(script)
	return err
}

// GetTestcases answers the configured list. The runner of 2014 puts each entry
// into a shell command, so New has checked what stands in it.
func (h *Handler) GetTestcases(ctx context.Context, _ api.GetTestcasesRequestObject) (api.GetTestcasesResponseObject, error) {
	if _, err := h.namedRun(ctx); err != nil {
		return nil, err
	}
	line, err := json.Marshal(api.Testcases{Testcases: h.config.Testcases})
	if err != nil {
		return nil, err
	}
	return attachment{name: "testcases.json", body: line, deprecated: deprecated(ctx)}, nil
}
