package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// problemSchema is the one shape of an error.
const problemSchema = "#/components/schemas/Problem"

// problem is what an example of an error says.
type problem struct {
	ID     string    `yaml:"id"`
	Detail string    `yaml:"detail"`
	Errors []mistake `yaml:"errors"`
}

type mistake struct {
	In        string  `yaml:"in"`
	Parameter string  `yaml:"parameter,omitempty"`
	Pointer   *string `yaml:"pointer,omitempty"`
	Message   string  `yaml:"message"`
}

// cases are the errors that look different with each operation, by operation and status.
type cases map[string]map[string]problem

// readCases reads the file beside the fragments. Without one no error has an example.
func readCases(dir string) (cases, error) {
	text, err := os.ReadFile(filepath.Join(dir, "cases.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c cases
	if err := yaml.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("cases.yaml: %w", err)
	}
	return c, nil
}

// showProblems gives each error of the document an example, and lists the ids that there
// are. An error whose example is the operation's own stands at the operation; where
// all look the same, the example stands at the answer that they share.
func showProblems(doc *yaml.Node, own cases) error {
	if own == nil {
		return nil
	}
	s := showing{doc: doc, own: own, used: map[string]bool{}}
	if err := errors.Join(s.listIDs(), eachOperation(doc, s.operation), eachOperation(doc, s.form)); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(own)) {
		for status := range own[id] {
			if !s.used[id+" "+status] {
				return fmt.Errorf("cases.yaml: %s declares no %s, or there is no such operation", id, status)
			}
		}
	}
	s.dropShared()
	return nil
}

type showing struct {
	doc  *yaml.Node
	own  cases
	used map[string]bool
}

// listIDs makes the ids of the table of problems the values of Problem's id.
func (s *showing) listIDs() error {
	_, table := find(s.doc, "x-problems")
	schema := s.resolve(reference(problemSchema))
	if table == nil || schema == nil {
		return errors.New("examples of errors need x-problems and the schema Problem")
	}
	_, properties := find(schema, "properties")
	_, id := find(properties, "id")
	values := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for i := 0; i < len(table.Content); i += 2 {
		values.Content = append(values.Content, plain(table.Content[i].Value))
	}
	id.Content = append(id.Content, plain("enum"), values)
	return nil
}

func (s *showing) operation(at, _ string, op *yaml.Node) error {
	_, responses := find(op, "responses")
	if responses == nil {
		return nil
	}
	id, dialect := said(op, "operationId"), said(op, "x-dialect")
	where := s.instance(at, op)
	for i := 0; i < len(responses.Content); i += 2 {
		status, answer := responses.Content[i].Value, responses.Content[i+1]
		if status[0] != '4' && status[0] != '5' {
			continue
		}
		p, mine := s.own[id][status]
		if mine {
			s.used[id+" "+status] = true
			p = p.or(usual(status, dialect, op))
		} else {
			p = usual(status, dialect, op)
			p, mine = s.ofOperation(status, dialect, op, p)
		}
		if p.Detail == "" {
			return fmt.Errorf("%s: nobody knows how an error %s looks", id, status)
		}
		shared := answer.Kind == yaml.MappingNode && said(answer, "$ref") != ""
		if shared && mine {
			answer = clone(s.resolve(answer))
			responses.Content[i+1] = answer
		} else if shared {
			answer = s.resolve(answer)
		}
		if err := show(answer, status, where, p); err != nil {
			return fmt.Errorf("%s: %s: %w", id, status, err)
		}
	}
	return nil
}

// or takes from usual what p leaves out.
func (p problem) or(usual problem) problem {
	if p.ID == "" {
		p.ID = usual.ID
	}
	return p
}

// show adds the example to each form of an answer that is a Problem and has none.
func show(answer *yaml.Node, status, where string, p problem) error {
	_, content := find(answer, "content")
	if content == nil {
		return errors.New("has no content")
	}
	content.Style &^= yaml.FlowStyle
	for i := 1; i < len(content.Content); i += 2 {
		media := content.Content[i]
		_, schema := find(media, "schema")
		if _, there := find(media, "example"); there != nil || schema == nil || said(schema, "$ref") != problemSchema {
			continue
		}
		example, err := p.example(status, where)
		if err != nil {
			return err
		}
		media.Style &^= yaml.FlowStyle
		media.Content = append(media.Content, plain("example"), example)
	}
	return nil
}

// example is the whole error as the server writes it.
func (p problem) example(status, where string) (*yaml.Node, error) {
	code, err := strconv.Atoi(status)
	if err != nil {
		return nil, err
	}
	page := "https://lab.example.org/docs/problems/" + p.ID
	mistakes := p.Errors
	if mistakes == nil {
		mistakes = []mistake{}
	}
	var n yaml.Node
	err = n.Encode(struct {
		Type      string    `yaml:"type"`
		Title     string    `yaml:"title"`
		Status    int       `yaml:"status"`
		Detail    string    `yaml:"detail"`
		Instance  string    `yaml:"instance"`
		Code      int       `yaml:"code"`
		Reason    string    `yaml:"reason"`
		Message   string    `yaml:"message"`
		ID        string    `yaml:"id"`
		URL       string    `yaml:"url"`
		RequestID string    `yaml:"request_id"`
		Errors    []mistake `yaml:"errors"`
	}{page, http.StatusText(code), code, p.Detail, where, code, p.Detail, p.Detail, p.ID, page, "req-0f8fad5b-d9cb-469f-a165-70867728950e", mistakes})
	n.Style = yaml.FlowStyle
	return &n, err
}

// instance is the path of an operation with the examples of its parameters.
func (s *showing) instance(at string, op *yaml.Node) string {
	_, paths := find(s.doc, "paths")
	_, item := find(paths, at)
	for _, of := range []*yaml.Node{item, op} {
		_, parameters := find(of, "parameters")
		if parameters == nil {
			continue
		}
		for _, p := range parameters.Content {
			if p = s.resolve(p); said(p, "in") == "path" {
				at = strings.ReplaceAll(at, "{"+said(p, "name")+"}", said(p, "example"))
			}
		}
	}
	return at
}

// resolve returns what a reference leads to, and anything else as it is.
func (s *showing) resolve(n *yaml.Node) *yaml.Node {
	ref := said(n, "$ref")
	if ref == "" {
		return n
	}
	_, components := find(s.doc, "components")
	_, kind := find(components, path.Base(path.Dir(ref)))
	if kind == nil {
		return nil
	}
	_, value := find(kind, path.Base(ref))
	return value
}

// dropShared removes the answers that no operation refers to any more, since each has
// one of its own.
func (s *showing) dropShared() {
	refs := map[string]bool{}
	_ = eachOperation(s.doc, func(_, _ string, op *yaml.Node) error {
		_, responses := find(op, "responses")
		for i := 1; responses != nil && i < len(responses.Content); i += 2 {
			refs[said(responses.Content[i], "$ref")] = true
		}
		return nil
	})
	_, all := find(s.doc, "components")
	_, shared := find(all, "responses")
	for i := 0; i < len(shared.Content); {
		if refs[components+shared.Content[i].Value] {
			i += 2
			continue
		}
		shared.Content = slices.Delete(shared.Content, i, i+2)
	}
}

// form gives each body of several parts the example of its schema, where people look
// for it.
func (s *showing) form(_, _ string, op *yaml.Node) error {
	_, body := find(op, "requestBody")
	if body == nil {
		return nil
	}
	_, content := find(s.resolve(body), "content")
	_, form := find(content, "multipart/form-data")
	if form == nil {
		return nil
	}
	_, there := find(form, "example")
	_, several := find(form, "examples")
	_, schema := find(form, "schema")
	if there != nil || several != nil || schema == nil {
		return nil
	}
	if _, example := find(s.resolve(schema), "example"); example != nil {
		content.Style &^= yaml.FlowStyle
		form.Style &^= yaml.FlowStyle
		form.Content = append(form.Content, plain("example"), clone(example))
	}
	return nil
}
