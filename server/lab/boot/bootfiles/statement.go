package bootfiles

import (
	"errors"
	"fmt"

	"github.com/nikolalohinski/gonja/v2/builtins"
	controlstructures "github.com/nikolalohinski/gonja/v2/builtins/control_structures"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// errForeign says that gonja's statements are no longer what this file wraps,
// which its tests would show.
var errForeign = errors.New("the template engine has changed")

// statement is a parsed statement whose execution is ours.
type statement struct {
	nodes.ControlStructure
	execute func(*exec.Renderer, *nodes.ControlStructureBlock) error
}

func (s *statement) Execute(r *exec.Renderer, tag *nodes.ControlStructureBlock) error {
	return s.execute(r, tag)
}

// maxStatements is how deep statements may stand inside each other.
const maxStatements = 100

// nested bounds how deep statements stand inside each other, and lets parsing end
// when nobody waits for it.
func (g *guard) nested(parse parser.ControlStructureParser) parser.ControlStructureParser {
	return func(p, args *parser.Parser) (nodes.ControlStructure, error) {
		if err := g.look(); err != nil {
			return nil, err
		}
		g.nesting++
		defer func() { g.nesting-- }()
		if g.nesting > maxStatements {
			return nil, &parser.SyntaxError{
				Message: fmt.Sprintf("statements are nested deeper than %d levels", maxStatements), Line: lineOf(args),
			}
		}
		return parse(p, args)
	}
}

// counted makes each execution of a statement a step.
func (g *guard) counted(s interface {
	nodes.ControlStructure
	exec.ControlStructure
}) nodes.ControlStructure {
	return &statement{s, func(r *exec.Renderer, tag *nodes.ControlStructureBlock) error {
		if err := g.tick(); err != nil {
			return err
		}
		return s.Execute(r, tag)
	}}
}

func builtin(name string, p, args *parser.Parser) (nodes.ControlStructure, error) {
	parse, ok := builtins.ControlStructures.Get(name)
	if !ok {
		return nil, errForeign
	}
	return parse(p, args)
}

// position is a statement that only knows where it stands.
type position struct{ at *tokens.Token }

func (p *position) Position() *tokens.Token { return p.at }
func (p *position) String() string          { return "watch" }

// forStatement refuses recursive loops, whose depth nothing bounds.
func (g *guard) forStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	line := lineOf(args)
	parsed, err := builtin("for", p, args)
	if err != nil {
		return nil, err
	}
	loop, ok := parsed.(*controlstructures.ForControlStructure)
	if !ok {
		return nil, errForeign
	}
	if loop.Recursive {
		return nil, &parser.SyntaxError{Message: "recursive loops are not available", Line: line}
	}
	g.body(loop.BodyWrapper, true)
	g.body(loop.EmptyWrapper, false)
	loop.ObjectEvaluator = g.entries(loop.ObjectEvaluator)
	if loop.IfCondition != nil { // evaluated for each entry, outside the body
		loop.IfCondition = &nodes.FilteredExpression{
			Expression: g.condition(loop.IfCondition), Filters: []*nodes.FilterCall{{Name: watchFilter}},
		}
	}
	return &statement{parsed, func(r *exec.Renderer, tag *nodes.ControlStructureBlock) error {
		if err := g.tick(); err != nil {
			return err
		}
		held := g.looped
		defer func() { g.made, g.looped = g.made-(g.looped-held), held }()
		return loop.Execute(r, tag)
	}}, nil
}

// entries is what a loop goes through. The loop holds something for each entry
// until it ends; loops inside each other hold theirs together.
func (g *guard) entries(n nodes.Expression) nodes.Expression {
	list := g.weighed(g.expression(n), false)
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		v := e.Eval(list)
		if v.IsError() {
			return v
		}
		if v.IsString() && len(v.String()) > g.lim.Value {
			return exec.AsValue(g.stop(errValue))
		}
		cost := entriesOf(v) * loopCost
		g.looped += cost
		if err := g.spend(cost); err != nil {
			return exec.AsValue(err)
		}
		if v.IsString() {
			return characters(v)
		}
		return v
	})
}

func lineOf(args *parser.Parser) int {
	if t := args.Current(); t != nil {
		return t.Line
	}
	return 0
}

// macroStatement makes calls count: each is a step, they may nest only so deep,
// and arguments and result must be worth keeping.
func (g *guard) macroStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	parsed, err := builtin("macro", p, args)
	if err != nil {
		return nil, err
	}
	macro, ok := parsed.(*controlstructures.MacroControlStructure)
	if !ok {
		return nil, errForeign
	}
	g.body(macro.Wrapper, true)
	for _, p := range macro.Kwargs {
		p.Value = g.expression(p.Value)
	}
	return &statement{parsed, func(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
		call, err := exec.MacroNodeToFunc(macro.Macro, r)
		if err != nil {
			return err
		}
		r.Environment.Context.Set(macro.Name, g.macro(call))
		return nil
	}}, nil
}

func (g *guard) macro(call exec.Macro) exec.Macro {
	return func(params *exec.VarArgs) *exec.Value {
		if err := g.tick(); err != nil {
			return exec.AsValue(err)
		}
		if g.depth++; g.depth > g.lim.Depth {
			return exec.AsValue(g.stop(errDepth))
		}
		defer func() { g.depth-- }()
		for _, arg := range arguments(params) {
			if err := g.keep(arg); err != nil {
				return exec.AsValue(err)
			}
		}
		return call(params)
	}
}

// withStatement is {% with name = expression, … %}. gonja's own keeps its values
// to itself, where nobody can weigh them. As in Jinja2, the expressions do not
// see each other's names.
func (g *guard) withStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	at := p.Current()
	var names []string
	var values []nodes.Expression
	for !args.End() {
		name := args.Match(tokens.Name)
		if name == nil || args.Match(tokens.Assign) == nil {
			return nil, args.Error("with takes name = expression", args.Current())
		}
		value, err := args.ParseExpression()
		if err != nil {
			return nil, err
		}
		names, values = append(names, name.Val), append(values, g.expression(value))
		if args.Match(tokens.Comma) == nil && !args.End() {
			return nil, args.Error("with takes a comma between its names", args.Current())
		}
	}
	body, end, err := p.WrapUntil("endwith")
	if err != nil {
		return nil, err
	}
	if !end.End() {
		return nil, end.Error("endwith takes nothing", end.Current())
	}
	g.body(body, false)
	return &statement{&position{at}, func(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
		sub := r.Inherit()
		for i, expression := range values {
			if err := g.tick(); err != nil {
				return err
			}
			value := r.Eval(expression)
			if value.IsError() {
				return fmt.Errorf("with: %w", value)
			}
			if err := g.keep(value); err != nil {
				return err
			}
			sub.Environment.Context.Set(names[i], shared(value))
		}
		return sub.ExecuteWrapper(body)
	}}, nil
}

// blockStatement renders a block where it stands. Naming it has no use without
// other templates, and calling it by its name has no bound, so gonja's is not
// used.
func (g *guard) blockStatement(p, args *parser.Parser) (nodes.ControlStructure, error) {
	at := p.Current()
	if args.Match(tokens.Name) == nil {
		return nil, args.Error("block takes a name", args.Current())
	}
	body, _, err := p.WrapUntil("endblock")
	if err != nil {
		return nil, err
	}
	g.body(body, false)
	return &statement{&position{at}, func(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
		if err := g.tick(); err != nil {
			return err
		}
		return r.ExecuteWrapper(body)
	}}, nil
}
