package refstack

import (
	"context"
	"net/http"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
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
func (h *Handler) GetPassListSchema(ctx context.Context, _ refstackapi.GetPassListSchemaRequestObject) (refstackapi.Response, error) {
	_, err := h.caller(ctx)
	return jsonText(passListSchema), err
}

// jsonText is an answer 200 that is JSON already.
func jsonText(text string) *call.Answer {
	return call.Text(http.StatusOK, "application/json", []byte(text+"\n"))
}
