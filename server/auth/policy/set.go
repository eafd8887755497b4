package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Set is the rules of a file, each with its name.
type Set struct {
	rules map[string]Expr
	lines map[string]int
}

// Read reads a policy file: a YAML or JSON object of names and rules. Every
// rule must be understood, and every rule that one names must be there. The
// error tells all that is wrong, each with its line.
func Read(file []byte) (*Set, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("a policy file has at most %d bytes", MaxFile)
	}
	object, err := readObject(file)
	if err != nil {
		return nil, err
	}
	if len(object) > 2*MaxRules {
		return nil, fmt.Errorf("a policy file has at most %d rules", MaxRules)
	}
	s := &Set{rules: map[string]Expr{}, lines: map[string]int{}}
	var errs []error
	for i := 0; i < len(object); i += 2 {
		if err := s.add(object[i], object[i+1]); err != nil {
			errs = append(errs, fmt.Errorf("line %d: rule %.100q: %w", object[i].Line, object[i].Value, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, s.checkReferences()
}

// readObject returns the names and values of the file's object, in turns.
func readObject(file []byte) ([]*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(file))
	var document, second yaml.Node
	if err := d.Decode(&document); err == io.EOF {
		return nil, nil // nothing but comments, as Drydock's sample is
	} else if err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if err := d.Decode(&second); err != io.EOF {
		return nil, errors.New("a policy file holds one document")
	}
	switch object := document.Content[0]; {
	case object.Kind == yaml.MappingNode:
		return object.Content, nil
	case object.Tag == "!!null":
		return nil, nil
	default:
		return nil, fmt.Errorf("line %d: a policy file is an object of names and rules", object.Line)
	}
}

func (s *Set) add(name, rule *yaml.Node) error {
	switch {
	case name.Kind != yaml.ScalarNode || name.Tag != "!!str":
		return errors.New("a rule's name must be text")
	case s.rules[name.Value] != nil:
		return fmt.Errorf("the name is in line %d already", s.lines[name.Value])
	case rule.Kind == yaml.SequenceNode:
		return errors.New("lists are not understood; write the rule as text")
	case rule.Kind != yaml.ScalarNode || rule.Tag != "!!str":
		return errors.New("a rule must be text; one that begins with @ needs quotes")
	}
	e, err := Parse(rule.Value)
	if err != nil {
		return err
	}
	s.rules[name.Value], s.lines[name.Value] = e, name.Line
	return nil
}

// checkReferences finds rules that are named but not there, and rules that
// lead back to themselves.
func (s *Set) checkReferences() error {
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var errs []error
	var visit func(name, from string)
	visit = func(name, from string) {
		e, ok := s.rules[name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("line %d: rule %.100q names the rule %.100q, which does not exist", s.lines[from], from, name))
		case state[name] == open:
			errs = append(errs, fmt.Errorf("line %d: rule %.100q leads back to itself", s.lines[name], name))
		case state[name] == 0:
			state[name] = open
			e.references(func(other string) { visit(other, name) })
			state[name] = done
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.rules)) {
		visit(name, name)
	}
	return errors.Join(errs...)
}

// Line is where in the file a rule stands, 0 when it is not there.
func (s *Set) Line(name string) int { return s.lines[name] }

// Names lists the rules, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.rules)) }

// Has reports whether there is a rule of this name.
func (s *Set) Has(name string) bool {
	_, ok := s.rules[name]
	return ok
}

// Allows reports whether a rule allows somebody with these roles. A rule that
// is not there allows nobody.
func (s *Set) Allows(name string, roles []string) bool {
	q := question{set: s, roles: roles, known: map[string]bool{}}
	return q.rule(name)
}

// question remembers the answers of rules, so that rules which name others many
// times over take no longer than there are rules.
type question struct {
	set   *Set
	roles []string
	known map[string]bool
}

func (q *question) rule(name string) bool {
	answer, ok := q.known[name]
	if !ok {
		if e, exists := q.set.rules[name]; exists {
			answer = e.allows(q)
		}
		q.known[name] = answer
	}
	return answer
}

func (everybody) allows(*question) bool { return true }
func (nobody) allows(*question) bool    { return false }

// allows compares without case, as oslo.policy does with the names of roles.
func (r role) allows(q *question) bool {
	return slices.ContainsFunc(q.roles, func(have string) bool { return strings.EqualFold(have, string(r)) })
}

func (r reference) allows(q *question) bool { return q.rule(string(r)) }
func (n not) allows(q *question) bool       { return !n.of.allows(q) }

func (a all) allows(q *question) bool {
	return !slices.ContainsFunc(a, func(e Expr) bool { return !e.allows(q) })
}

func (a anyOf) allows(q *question) bool {
	return slices.ContainsFunc(a, func(e Expr) bool { return e.allows(q) })
}

func (everybody) references(func(string))       {}
func (nobody) references(func(string))          {}
func (role) references(func(string))            {}
func (r reference) references(add func(string)) { add(string(r)) }
func (n not) references(add func(string))       { n.of.references(add) }
func (a all) references(add func(string))       { referencesOf(a, add) }
func (a anyOf) references(add func(string))     { referencesOf(a, add) }

func referencesOf(list []Expr, add func(string)) {
	for _, e := range list {
		e.references(add)
	}
}
