package edge

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/openapi"
)

// LoadDocument parses the embedded document. It is large: who needs something of
// it works that out at start and lets go of the rest.
func LoadDocument() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	return doc, nil
}
