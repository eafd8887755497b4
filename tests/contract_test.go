package tests

import (
	"context"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/edge"
)

func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDocument_Valid checks the document itself, its examples and defaults
// included.
func TestDocument_Valid(t *testing.T) {
	t.Parallel()

	doc := document(t)
	err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation(), openapi3.EnableSchemaFormatValidation())
	if err != nil {
		t.Error(err)
	}
}

// TestDocument_Statuses checks that every operation declares what the server
// can answer before a handler is reached, and no 5xx but 501 and 503.
func TestDocument_Statuses(t *testing.T) {
	t.Parallel()

	doc := document(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			need := []int{400, 429}
			secured := op.Security == nil || len(*op.Security) > 0
			if secured {
				need = append(need, 403, 503)
				if op.Extensions["x-dialect"] != "kernelci" { // where everything wrong with a login is 403
					need = append(need, 401)
				}
			}
			if len(path) > 4 && path[:4] == "/v1/" {
				need = append(need, 406)
			}
			if op.RequestBody != nil {
				need = append(need, 413)
			}
			for _, status := range need {
				if op.Responses.Status(status) == nil {
					t.Errorf("%s %s (%s) does not declare %d", method, path, op.OperationID, status)
				}
			}
			for status := range op.Responses.Map() {
				if status[0] == '5' && status != "501" && status != "503" && status != "507" {
					t.Errorf("%s declares %s", op.OperationID, status)
				}
			}
			if full := op.Responses.Status(507) != nil; full != (op.Extensions["x-needs-space"] == true) {
				t.Errorf("%s declares 507: %t, which goes with x-needs-space", op.OperationID, full)
			}
		}
	}
}
