package discovery

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/openapi"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// published renders the embedded document with the servers entry that fits the
// caller. The JSON form keeps the order in which the document was written, and
// is made when it is first asked for.
type published struct {
	once sync.Once
	text []byte
	err  error
}

// The servers entry as the document has it, in both forms.
const (
	yamlServer = "\n  - url: /\n"
	jsonServer = `"servers":[{"url":"/"`
)

func (p *published) yaml(o call.Origin) []byte {
	return bytes.Replace(openapi.YAML, []byte(yamlServer), []byte("\n  - url: "+o.URL("")+"\n"), 1)
}

func (p *published) json(o call.Origin) ([]byte, error) {
	p.once.Do(func() { p.text, p.err = toJSON(openapi.YAML) })
	if p.err != nil {
		return nil, p.err
	}
	return bytes.Replace(p.text, []byte(jsonServer), []byte(`"servers":[{"url":"`+o.URL("")+`"`), 1), nil
}

// toJSON turns YAML into JSON with the members in the order of the text.
func toJSON(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := writeNode(jsontext.NewEncoder(&b), doc.Content[0]); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeNode(e *jsontext.Encoder, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		return writeAll(e, n, jsontext.BeginObject, jsontext.EndObject)
	case yaml.SequenceNode:
		return writeAll(e, n, jsontext.BeginArray, jsontext.EndArray)
	case yaml.ScalarNode:
		return writeScalar(e, n)
	}
	return fmt.Errorf("line %d: not expected in the merged document", n.Line)
}

func writeAll(e *jsontext.Encoder, n *yaml.Node, begin, end jsontext.Token) error {
	if err := e.WriteToken(begin); err != nil {
		return err
	}
	for i, child := range n.Content {
		var err error
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			err = e.WriteToken(jsontext.String(child.Value)) // a name is text, whatever YAML takes it for
		} else {
			err = writeNode(e, child)
		}
		if err != nil {
			return err
		}
	}
	return e.WriteToken(end)
}

func writeScalar(e *jsontext.Encoder, n *yaml.Node) error {
	token := jsontext.String(n.Value)
	switch n.Tag {
	case "!!null":
		token = jsontext.Null
	case "!!bool":
		token = jsontext.Bool(n.Value == "true")
	case "!!int", "!!float":
		return e.WriteValue(jsontext.Value(n.Value))
	}
	return e.WriteToken(token)
}
