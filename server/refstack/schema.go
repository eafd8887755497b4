package refstack

import (
	"context"
	"net/http"

	"github.com/slipway-lab/slipway/gen/api"
)

// passListSchema is the schema of refstack/api/validators.py,
// TestResultValidator, as GET /v1/results/schema has answered it.
const passListSchema = `{"type":"object","properties":{` +
	`"cpid":{"type":"string"},` +
	`"duration_seconds":{"type":"integer"},` +
	`"results":{"type":"array","items":[{"type":"object","properties":{` +
	`"name":{"type":"string"},"uuid":{"type":"string","format":"uuid_hex"}}}]}},` +
	`"required":["cpid","duration_seconds","results"],"additionalProperties":false}`

// GetPassListSchema answers the schema.
func (h *Handler) GetPassListSchema(ctx context.Context, _ api.GetPassListSchemaRequestObject) (api.GetPassListSchemaResponseObject, error) {
	_, err := h.caller(ctx)
	return jsonText(passListSchema), err
}

// jsonText is an answer 200 that is JSON already.
type jsonText string

func (j jsonText) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write([]byte(j + "\n"))
	return err
}

// VisitGetPassListSchemaResponse writes the answer.
func (j jsonText) VisitGetPassListSchemaResponse(w http.ResponseWriter) error { return j.write(w) }

// VisitGetResultMetaKeyResponse writes the answer.
func (j jsonText) VisitGetResultMetaKeyResponse(w http.ResponseWriter) error { return j.write(w) }
