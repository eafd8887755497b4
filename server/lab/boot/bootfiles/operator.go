package bootfiles

import (
	"errors"
	"strconv"

	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// The engine evaluates operators, lists, slices and method calls itself and asks
// nobody. Therefore a parsed template is rewritten before it runs: each such part
// of an expression goes through a filter of its own, whose function asks the guard
// first and then lets the engine do its work.

// hook is an expression whose value comes from the function. It stands where the
// other expression stood.
func (g *guard) hook(at nodes.Node, f func(*exec.Evaluator) *exec.Value) nodes.Expression {
	name := "\x00" + strconv.Itoa(len(g.hooks))
	g.hooks = append(g.hooks, name)
	err := g.filterSet.Register(name, func(e *exec.Evaluator, _ *exec.Value, _ *exec.VarArgs) *exec.Value { return f(e) })
	if err != nil {
		return &nodes.Error{Location: at.Position(), Error: err}
	}
	return &nodes.FilteredExpression{
		Expression: &nodes.None{Location: at.Position()}, Filters: []*nodes.FilterCall{{Name: name}},
	}
}

// weighed is an expression whose value is weighed, and charged when it is new.
func (g *guard) weighed(n nodes.Expression, isNew bool) nodes.Expression {
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		if err := g.look(); err != nil {
			return exec.AsValue(err)
		}
		v := e.Eval(n)
		if v.IsError() {
			return v
		}
		if g.weigh(v, g.lim.Output) > g.lim.Output {
			return exec.AsValue(g.stop(errValue))
		}
		if isNew {
			if err := g.charge(v); err != nil {
				return exec.AsValue(err)
			}
		}
		return v
	})
}

// body rewrites the expressions of a statement's body, counts what it writes
// wherever that goes, and with steps makes each pass a step.
func (g *guard) body(w *nodes.Wrapper, steps bool) {
	if w == nil {
		return
	}
	g.outputs(w.Nodes)
	watch := &statement{&position{w.Location}, func(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
		r.Output = g.writer(r.Output)
		if steps {
			return g.tick()
		}
		return g.look()
	}}
	node := &nodes.ControlStructureBlock{Location: w.Location, Name: "watch", ControlStructure: watch}
	w.Nodes = append([]nodes.Node{node}, w.Nodes...)
}

// outputs rewrites what is printed. Statements have rewritten theirs when they
// were parsed.
func (g *guard) outputs(list []nodes.Node) {
	for _, n := range list {
		if out, ok := n.(*nodes.Output); ok {
			out.Expression = g.asWritten(out.Expression)
			out.Condition = g.condition(out.Condition)
			if out.Alternative != nil {
				out.Alternative = g.asWritten(out.Alternative)
			}
		}
	}
}

// asWritten is an expression whose value is written out.
func (g *guard) asWritten(n nodes.Expression) nodes.Expression {
	value := g.weighed(g.expression(n), false)
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		v := e.Eval(value)
		if v.IsError() {
			return v
		}
		return printed(v)
	})
}

// expression rewrites an expression.
func (g *guard) expression(n nodes.Expression) nodes.Expression {
	switch n := n.(type) {
	case *nodes.List:
		g.each(n.Val)
		list := g.weighed(n, true)
		return g.hook(n, func(e *exec.Evaluator) *exec.Value { return shared(e.Eval(list)) })
	case *nodes.Tuple:
		g.each(n.Val)
		return g.weighed(n, true)
	case *nodes.Dict:
		for _, p := range n.Pairs {
			g.expression(p)
		}
		return g.weighed(n, true)
	case *nodes.Pair:
		n.Key, n.Value = g.expression(n.Key), g.expression(n.Value)
	case *nodes.Call:
		return g.callExpression(n)
	case *nodes.GetItem:
		return g.entry(n)
	case *nodes.GetAttribute:
		n.Node = g.expression(n.Node)
	case *nodes.GetSlice:
		n.Node = g.weighed(g.expression(n.Node), false)
		n.Start, n.End, n.Step = g.bound(n.Start), g.bound(n.End), g.bound(n.Step)
		return g.weighed(n, true)
	case *nodes.Negation:
		n.Term = g.condition(n.Term)
	case *nodes.UnaryExpression:
		n.Term = g.expression(n.Term)
	case *nodes.BinaryExpression:
		n.Left, n.Right = g.expression(n.Left), g.expression(n.Right)
		if t := n.Operator.Token.Type; t != tokens.And && t != tokens.Or {
			return g.operation(n)
		}
		n.Left = g.emptyAsFalse(n.Left)
	case *nodes.FilteredExpression:
		n.Expression = g.expression(n.Expression)
		for _, f := range n.Filters {
			g.filterCall(f)
		}
	case *nodes.TestExpression:
		n.Expression = g.expression(n.Expression)
		g.each(n.Test.Args)
		g.eachNamed(n.Test.Kwargs)
	}
	return n
}

func (g *guard) each(list []nodes.Expression) {
	for i, n := range list {
		list[i] = g.expression(n)
	}
}

func (g *guard) eachNamed(list map[string]nodes.Expression) {
	for name, n := range list {
		list[name] = g.expression(n)
	}
}

func (g *guard) filterCall(f *nodes.FilterCall) {
	g.each(f.Args)
	g.eachNamed(f.Kwargs)
}

// callExpression weighs what a method is called on before the engine prints it,
// which it does for an error message that it may need. A name stays a name: the
// engine stores there what the method has changed.
func (g *guard) callExpression(n *nodes.Call) nodes.Expression {
	g.each(n.Args)
	g.eachNamed(n.Kwargs)
	getter, ok := n.Func.(*nodes.GetAttribute)
	if !ok {
		n.Func = g.expression(n.Func)
		return n
	}
	name, ok := getter.Node.(*nodes.Name)
	if !ok {
		getter.Node = g.weighed(g.expression(getter.Node), false)
		if n.Parent != nil {
			n.Parent = getter.Node
		}
		return n
	}
	self := g.weighed(name, false)
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		if v := e.Eval(self); v.IsError() {
			return v
		}
		return e.Eval(n)
	})
}

// bound is a part of a slice. The engine adds a great step to an index until it
// overflows, and never comes to an end.
func (g *guard) bound(n nodes.Node) nodes.Node {
	if n == nil {
		return nil
	}
	inner := g.expression(n)
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		v := e.Eval(inner)
		if v.IsInteger() && (v.Integer() > 1<<30 || v.Integer() < -1<<30) {
			return errorf("the number in a slice is too large")
		}
		return v
	})
}

// The names by which the engine finds the operands.
var (
	leftName  = &nodes.Name{Name: &tokens.Token{Type: tokens.Name, Val: "left"}}
	rightName = &nodes.Name{Name: &tokens.Token{Type: tokens.Name, Val: "right"}}
)

// operation weighs both operands before the engine sees them.
func (g *guard) operation(n *nodes.BinaryExpression) nodes.Expression {
	apply := &nodes.BinaryExpression{Left: leftName, Right: rightName, Operator: n.Operator}
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		left := e.Eval(n.Left)
		if left.IsError() {
			return left
		}
		right := e.Eval(n.Right)
		if right.IsError() {
			return right
		}
		if err := g.beforeOperator(n.Operator.Token.Type, left, right); err != nil {
			return exec.AsValue(err)
		}
		if v, known, err := arithmetic(n.Operator.Token.Type, left, right); err != nil {
			return exec.AsValue(g.stop(err))
		} else if known {
			return v
		}
		if n.Operator.Token.Type == tokens.Tilde {
			left, right = printed(left), printed(right)
		}
		out := with(e, left, right).Eval(apply)
		if out.IsString() || out.IsList() {
			if err := g.charge(out); err != nil {
				return exec.AsValue(err)
			}
		}
		return out
	})
}

func (g *guard) beforeOperator(operator tokens.Type, left, right *exec.Value) error {
	if err := g.look(); err != nil {
		return err
	}
	l, r := g.weigh(left, g.lim.Output), g.weigh(right, g.lim.Output)
	most := min(g.lim.Output, g.lim.Memory-g.made)
	switch operator {
	case tokens.Multiply:
		if times := right.Integer(); left.IsString() && times > 0 && l > most/times {
			return g.stop(errValue)
		}
	case tokens.Addition, tokens.Tilde:
		if l+r > most {
			return g.stop(errValue)
		}
	default:
		if err := g.checkComparison(left, right); err != nil {
			return err
		}
	}
	if l > most || r > most {
		return g.stop(errValue)
	}
	return nil
}

// checkComparison fails when comparing two values, or looking for one in the other, is
// too much work: the engine looks up each entry of a mapping by going through all
// of the other.
func (g *guard) checkComparison(left, right *exec.Value) error {
	if left.IsString() || right.IsString() || entriesOf(left) == 0 || entriesOf(right) == 0 {
		return nil
	}
	if l, r := g.weigh(left, g.lim.Output)/entryWeight, g.weigh(right, g.lim.Output)/entryWeight; l*r > 8*maxWork {
		return g.stop(errSteps)
	}
	return nil
}

// testNames are those of gonja's tests that Jinja2 has as well, and their signs.
var testNames = []string{
	"boolean", "callable", "defined", "divisibleby", "eq", "equalto", "==", "escaped", "even", "false", "filter", "float",
	"ge", ">=", "gt", "greaterthan", ">", "in", "integer", "iterable", "le", "<=", "lower", "lt", "lessthan", "<", "mapping",
	"ne", "!=", "none", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
}

var errTest = errors.New("the test has changed")

// tests are gonja's, each weighed like an operator: filters such as select call
// them for every entry.
func (g *guard) tests(from *exec.TestSet) *exec.TestSet {
	set := make(map[string]exec.TestFunction, len(testNames))
	for _, name := range testNames {
		var run func(*exec.Evaluator, *exec.Value, *exec.VarArgs) (bool, error)
		f, _ := from.Get(name)
		switch f := f.(type) {
		case func(*exec.Evaluator, *exec.Value, *exec.VarArgs) (bool, error):
			run = f
		case func(*exec.Context, *exec.Value, *exec.VarArgs) (bool, error):
			run = func(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) (bool, error) {
				return f(e.Environment.Context, in, params)
			}
		case nil:
			continue
		default:
			run = func(*exec.Evaluator, *exec.Value, *exec.VarArgs) (bool, error) { return false, errTest }
		}
		set[name] = func(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) (bool, error) {
			if in.IsError() { // as undefined names are; each test says what it makes of them
				return run(e, in, params)
			}
			for _, arg := range arguments(params) {
				if err := g.beforeOperator(tokens.In, in, arg); err != nil {
					return false, err
				}
			}
			return run(e, in, params)
		}
	}
	return exec.NewTestSet(set)
}
