package bootfiles

import (
	"fmt"
	"io"
	"strings"

	controlstructures "github.com/nikolalohinski/gonja/v2/builtins/control_structures"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// The statements that neither repeat nor nest. gonja's if, call, autoescape and raw
// are used with their expressions rewritten; its set and filter keep theirs to
// themselves, so these are ours.

func (g *guard) ifStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	parsed, err := builtin("if", p, args)
	if err != nil {
		return nil, err
	}
	s, ok := parsed.(*controlstructures.IfControlStructure)
	if !ok {
		return nil, errForeign
	}
	for i, n := range s.Conditions {
		s.Conditions[i] = g.condition(n)
	}
	for _, w := range s.Wrappers {
		g.body(w, false)
	}
	return g.counted(s), nil
}

func (g *guard) autoescapeStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	parsed, err := builtin("autoescape", p, args)
	if err != nil {
		return nil, err
	}
	s, ok := parsed.(*controlstructures.AutoescapeControlStructure)
	if !ok {
		return nil, errForeign
	}
	g.body(s.Wrapper, false)
	return g.counted(s), nil
}

// rawStatement needs no guard: what it writes stands in the template.
func (g *guard) rawStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	return builtin("raw", p, args)
}

func (g *guard) callStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	parsed, err := builtin("call", p, args)
	if err != nil {
		return nil, err
	}
	s, ok := parsed.(*controlstructures.CallControlStructure)
	if !ok {
		return nil, errForeign
	}
	g.body(s.Body, false)
	var self nodes.Expression // what a method is called on
	if getter, ok := s.Call.Func.(*nodes.GetAttribute); ok {
		self = g.weighed(getter.Node, false)
	}
	g.callExpression(s.Call)
	return &statement{parsed, func(r *exec.Renderer, tag *nodes.ControlStructureBlock) error {
		if err := g.tick(); err != nil {
			return err
		}
		if self != nil {
			if v := r.Eval(self); v.IsError() {
				return v
			}
		}
		return s.Execute(r, tag)
	}}, nil
}

// filterStatement is {% filter a | b %}: its body goes through the filters.
func (g *guard) filterStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	at := p.Current()
	body, _, err := p.WrapUntil("endfilter")
	if err != nil {
		return nil, err
	}
	g.body(body, false)
	var chain []*nodes.FilterCall
	for !args.End() {
		call, err := args.ParseFilter()
		if err != nil {
			return nil, err
		}
		g.filterCall(call)
		chain = append(chain, call)
		if args.Match(tokens.Pipe) == nil {
			break
		}
	}
	if !args.End() {
		return nil, args.Error("filter takes filters", args.Current())
	}
	return &statement{&position{at}, func(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
		if err := g.tick(); err != nil {
			return err
		}
		text, err := captured(r, body)
		if err != nil {
			return err
		}
		value := exec.AsValue(text)
		for _, call := range chain {
			if value = r.Evaluator().ExecuteFilter(call, value); value.IsError() {
				return fmt.Errorf("filter: %w", value)
			}
		}
		_, err = io.WriteString(r.Output, value.String())
		return err
	}}, nil
}

// captured is what a body writes.
func captured(r *exec.Renderer, body *nodes.Wrapper) (string, error) {
	var out strings.Builder
	sub := r.Inherit()
	sub.Output = &out
	err := sub.ExecuteWrapper(body)
	return out.String(), err
}

// setStatement is {% set target = expression %} and {% set target %}text{% endset %}.
// What the variable has become is weighed.
func (g *guard) setStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	at, name := p.Current(), args.Current(tokens.Name)
	target, err := args.ParseVariableOrLiteral()
	if err != nil {
		return nil, err
	}
	if name == nil {
		return nil, args.Error("set takes a name", args.Current())
	}
	switch n := target.(type) {
	case *nodes.Name:
	case *nodes.GetItem:
		n.Node = g.expression(n.Node)
		if n.Arg != nil {
			n.Arg = g.expression(n.Arg)
		}
	case *nodes.GetAttribute:
		n.Node = g.expression(n.Node)
	default:
		return nil, args.Error("set takes a name, or an attribute or entry of one", args.Current())
	}
	value, err := g.setValue(p, args)
	if err != nil {
		return nil, err
	}
	return &statement{&position{at}, func(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
		if err := g.tick(); err != nil {
			return err
		}
		v := value(r)
		if v.IsError() {
			return v
		}
		if err := assign(r, target, shared(v)); err != nil {
			return err
		}
		kept, _ := r.Environment.Context.Get(name.Val)
		return g.keep(exec.ToValue(kept))
	}}, nil
}

// setValue parses what stands behind the target.
func (g *guard) setValue(p, args *parser.Parser) (func(*exec.Renderer) *exec.Value, error) {
	if args.Match(tokens.Assign) != nil {
		expression, err := args.ParseExpression()
		if err != nil {
			return nil, err
		}
		if !args.End() {
			return nil, args.Error("set takes one expression", args.Current())
		}
		expression = g.expression(expression)
		return func(r *exec.Renderer) *exec.Value { return r.Eval(expression) }, nil
	}
	if !args.End() {
		return nil, args.Error("set takes = or nothing behind the name", args.Current())
	}
	body, end, err := p.WrapUntil("endset")
	if err != nil {
		return nil, err
	}
	if !end.End() {
		return nil, end.Error("endset takes nothing", end.Current())
	}
	g.body(body, false)
	return func(r *exec.Renderer) *exec.Value {
		text, err := captured(r, body)
		if err != nil {
			return exec.AsValue(err)
		}
		return exec.AsSafeValue(text)
	}, nil
}

// assign stores a value under a name, or in an entry or attribute.
func assign(r *exec.Renderer, target nodes.Expression, v *exec.Value) error {
	var in, key *exec.Value
	switch n := target.(type) {
	case *nodes.Name:
		r.Environment.Context.Set(n.Name.Val, v.Interface())
		return nil
	case *nodes.GetAttribute:
		in, key = r.Eval(n.Node), exec.AsValue(n.Attribute)
	case *nodes.GetItem:
		in, key = r.Eval(n.Node), r.Eval(n.Arg)
	default:
		return errForeign
	}
	if in.IsError() {
		return in
	}
	if key.IsError() {
		return key
	}
	return in.Set(key, v.Interface())
}
