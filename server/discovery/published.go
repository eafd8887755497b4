package discovery

import (
	"bytes"
	"errors"

	"github.com/slipway-lab/slipway/openapi"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// The servers entry as the document has it, in both forms.
const (
	yamlServer = "\n  - url: /\n"
	jsonServer = "\"servers\": [\n  {\n   \"url\": \"/\""
)

// checkPublished reports whether the servers entry can be filled in.
func checkPublished() error {
	if !bytes.Contains(openapi.YAML, []byte(yamlServer)) || !bytes.Contains(openapi.JSON, []byte(jsonServer)) {
		return errors.New("the document's servers entry is not where it is looked for")
	}
	return nil
}

// publishedYAML is the embedded document with the server that the caller reached.
func publishedYAML(o call.Origin) []byte {
	return bytes.Replace(openapi.YAML, []byte(yamlServer), []byte("\n  - url: "+o.URL("")+"\n"), 1)
}

// publishedJSON is the same as JSON.
func publishedJSON(o call.Origin) []byte {
	return bytes.Replace(openapi.JSON, []byte(jsonServer), []byte("\"servers\": [\n  {\n   \"url\": \""+o.URL("")+"\""), 1)
}
