package edge

import (
	"bytes"
	"fmt"
	"sync"
	"weak"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/openapi"
)

// shared is a document for as long as somebody holds it.
type shared struct {
	sync.Mutex
	doc weak.Pointer[openapi3.T]
}

var wholeDocument, rulesAlone shared

// LoadDocument returns the embedded document, which nobody may change: who needs it
// at the same time shares it. It is large; a server needs LoadRules only.
func LoadDocument() (*openapi3.T, error) {
	return wholeDocument.load(func() ([]byte, error) { return withNull(openapi.JSON), nil })
}

// LoadRules returns the document without what only people read, such as descriptions
// and examples, and without the shapes of answers. It is read in a fraction of the
// time, which is most of a start. Nobody may change it, servers of one process share
// it, and who needs something of it works that out at start and lets go of the rest.
func LoadRules() (*openapi3.T, error) {
	return rulesAlone.load(func() ([]byte, error) { return rulesOf(withNull(openapi.JSON)) })
}

func (s *shared) load(text func() ([]byte, error)) (*openapi3.T, error) {
	s.Lock()
	defer s.Unlock()
	if doc := s.doc.Value(); doc != nil {
		return doc, nil
	}
	data, err := text()
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	s.doc = weak.Make(doc)
	return doc, nil
}

// withNull says in the validator's words where null is taken. A schema without a type
// takes any value, and nullable means nothing there in OpenAPI 3.0.3; the validator
// refuses null without it.
func withNull(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte(`"x-nullable": true`), []byte(`"nullable": true`))
}
