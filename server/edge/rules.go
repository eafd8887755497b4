package edge

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// rulesOf copies a document and leaves out what a server does not need of it. What is
// left of its components is what its operations lead to.
func rulesOf(text []byte) ([]byte, error) {
	c := &rulesCopy{from: jsontext.NewDecoder(bytes.NewReader(text)), parts: map[string]part{}}
	var out bytes.Buffer
	out.Grow(len(text) / 4)
	c.to = jsontext.NewEncoder(&out)
	if err := c.value("", false); err != nil {
		return nil, err
	}
	document := bytes.TrimSuffix(bytes.TrimSpace(out.Bytes()), []byte("}"))
	return append(c.components(append(document, `,"components":{`...)), "}}"...), nil
}

// rulesCopy is a copy in the making.
type rulesCopy struct {
	from *jsontext.Decoder
	to   *jsontext.Encoder

	refs  []string        // what was copied refers to
	parts map[string]part // the components, by what refers to them
}

// part is a component, and what it refers to.
type part struct {
	text []byte
	refs []string
}

// componentPath begins every reference.
const componentPath = "#/components/"

// value copies one value. Its name is that of the member that it is; answers says that
// it describes answers.
func (c *rulesCopy) value(name string, answers bool) error {
	kind := c.from.PeekKind()
	if kind != '{' && kind != '[' {
		value, err := c.from.ReadValue()
		if err != nil {
			return err
		}
		if name == "$ref" {
			c.refs = append(c.refs, strings.Trim(string(value), `"`))
		}
		return c.to.WriteValue(value)
	}
	if err := c.token(); err != nil {
		return err
	}
	for end := kind + 2; c.from.PeekKind() != end; { // in ASCII, the end of both is two after the beginning
		if kind == '[' {
			if err := c.value(name, answers); err != nil {
				return err
			}
			continue
		}
		if err := c.member(name, answers); err != nil {
			return err
		}
	}
	return c.token()
}

// member copies a member of the object with that name.
func (c *rulesCopy) member(parent string, answers bool) error {
	token, err := c.from.ReadToken()
	if err != nil {
		return err
	}
	name := token.String()
	switch {
	case parent == "" && name == "components":
		return c.putAside()
	case leftOut(parent, name, c.from.PeekKind(), answers):
		return c.from.SkipValue()
	}
	if err := c.to.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	return c.value(name, answers || name == "responses" && parent != "properties")
}

func (c *rulesCopy) token() error {
	token, err := c.from.ReadToken()
	if err != nil {
		return err
	}
	return c.to.WriteToken(token)
}

// putAside copies the components, each by itself.
func (c *rulesCopy) putAside() error {
	to, refs := c.to, c.refs
	defer func() { c.to, c.refs = to, refs }()
	return c.each(func(kind string) error {
		return c.each(func(name string) error {
			var text bytes.Buffer
			c.to, c.refs = jsontext.NewEncoder(&text), nil
			err := c.value(name, kind == "responses")
			c.parts[componentPath+kind+"/"+name] = part{bytes.TrimSpace(text.Bytes()), c.refs}
			return err
		})
	})
}

// each reads an object; visit reads the value of each member.
func (c *rulesCopy) each(visit func(name string) error) error {
	if _, err := c.from.ReadToken(); err != nil {
		return err
	}
	for c.from.PeekKind() != '}' {
		token, err := c.from.ReadToken()
		if err != nil {
			return err
		}
		if err := visit(token.String()); err != nil {
			return err
		}
	}
	_, err := c.from.ReadToken()
	return err
}

// components appends the members of the components that are led to, and the schemes of
// logins, to which their names lead.
func (c *rulesCopy) components(dst []byte) []byte {
	used := map[string]bool{}
	todo := slices.Clone(c.refs)
	for name := range c.parts {
		if strings.HasPrefix(name, componentPath+"securitySchemes/") {
			todo = append(todo, name)
		}
	}
	kinds := map[string][]string{}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p, known := c.parts[name]
		if !known || used[name] {
			continue // what leads nowhere the document's reader complains about
		}
		used[name] = true
		todo = append(todo, p.refs...)
		kind, _, _ := strings.Cut(strings.TrimPrefix(name, componentPath), "/")
		kinds[kind] = append(kinds[kind], name)
	}
	for kind, names := range kinds {
		dst = append(append(append(dst, '"'), kind...), `":{`...)
		for _, name := range names {
			dst = append(append(append(dst, '"'), name[strings.LastIndexByte(name, '/')+1:]...), `":`...)
			dst = append(append(dst, c.parts[name].text...), ',')
		}
		dst = append(bytes.TrimSuffix(dst, []byte(",")), "},"...)
	}
	return bytes.TrimSuffix(dst, []byte(","))
}

// leftOut tells whether a server needs nothing of a member. Below properties names are
// those of a body's members, whatever they are. Of answers it needs which succeed, in
// which types, and whether there may be too little space.
func leftOut(parent, name string, kind jsontext.Kind, answers bool) bool {
	if parent == "properties" {
		return false
	}
	switch name {
	case "description", "summary":
		return kind == '"'
	case "example", "examples":
		return true
	case "schema", "headers", "links":
		return answers
	}
	return parent == "responses" && !strings.HasPrefix(name, "2") && name != "507"
}
