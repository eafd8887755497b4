package edge

import (
	"bytes"
	"fmt"
	"sync"
	"weak"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/openapi"
)

// loaded is the document for as long as somebody holds it.
var loaded struct {
	sync.Mutex
	doc weak.Pointer[openapi3.T]
}

// LoadDocument returns the embedded document, which nobody may change: servers
// of one process that start together share it. It is large: who needs something
// of it works that out at start and lets go of the rest.
func LoadDocument() (*openapi3.T, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if doc := loaded.doc.Value(); doc != nil {
		return doc, nil
	}
	doc, err := openapi3.NewLoader().LoadFromData(withNull(openapi.JSON))
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	loaded.doc = weak.Make(doc)
	return doc, nil
}

// withNull says in the validator's words where null is taken. A schema without a type
// takes any value, and nullable means nothing there in OpenAPI 3.0.3; the validator
// refuses null without it.
func withNull(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte(`"x-nullable": true`), []byte(`"nullable": true`))
}
