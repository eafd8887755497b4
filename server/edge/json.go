package edge

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// strictJSON decodes bodies case-sensitively and without duplicate names, as
// they were checked; encoding/json would take "STATUS" for status.
type strictJSON struct{ echo.DefaultJSONSerializer }

// Deserialize reads the body into a value.
func (strictJSON) Deserialize(c echo.Context, into any) error {
	err := json.UnmarshalRead(c.Request().Body, into, jsontext.AllowInvalidUTF8(false))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fault.InvalidBody(string(semantic.JSONPointer), "does not have the form that the document describes").Because(err)
	}
	return fault.InvalidBody("", "must be JSON").Because(err)
}
