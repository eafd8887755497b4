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

// TestDocument_Described: every property of every schema says what it is. Words that
// are the same in several schemas stand in openapi/words.yaml.
func TestDocument_Described(t *testing.T) {
	t.Parallel()

	doc := document(t)
	for name, schema := range doc.Components.Schemas {
		checkDescribed(t, name, schema)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil {
				for media, content := range op.RequestBody.Value.Content {
					checkDescribed(t, method+" "+path+" "+media, content.Schema)
				}
			}
			for status, answer := range op.Responses.Map() {
				for media, content := range answer.Value.Content {
					checkDescribed(t, method+" "+path+" "+status+" "+media, content.Schema)
				}
			}
		}
	}
}

// checkDescribed goes through a schema as far as it is written there: what it refers to
// is looked at where that stands.
func checkDescribed(t *testing.T, at string, ref *openapi3.SchemaRef) {
	t.Helper()
	if ref == nil || ref.Value == nil {
		return
	}
	for name, p := range ref.Value.Properties {
		if p.Ref != "" || p.Value.Description == "" {
			t.Errorf("%s: the property %s has no description of its own", at, name)
		}
		if p.Ref == "" {
			checkDescribed(t, at+"."+name, p)
		}
	}
	inner := append(openapi3.SchemaRefs{ref.Value.Items, ref.Value.AdditionalProperties.Schema}, ref.Value.AllOf...)
	for _, other := range append(append(inner, ref.Value.OneOf...), ref.Value.AnyOf...) {
		if other != nil && other.Ref == "" {
			checkDescribed(t, at, other)
		}
	}
}
