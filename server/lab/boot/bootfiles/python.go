package bootfiles

import (
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// Python's values, where the engine has others: its lists are copied from scope to
// scope, its texts consist of bytes, its operators take whatever they get and make
// a number of it.

// shared makes a list one that all variables and scopes share, so that what is
// appended to it in a loop is there behind the loop. Other values stay as they are.
func shared(v *exec.Value) *exec.Value {
	if _, already := v.Interface().(*exec.ValuesList); already || !v.IsList() {
		return v
	}
	list := make(exec.ValuesList, 0, v.Len())
	for i := range v.Len() {
		list = append(list, v.Index(i))
	}
	return exec.AsValue(&list)
}

// copied is a list as the engine's own functions know lists.
func copied(v *exec.Value) *exec.Value {
	if list, ok := v.Interface().(*exec.ValuesList); ok {
		return exec.AsValue(*list)
	}
	return v
}

func allCopied(params *exec.VarArgs) *exec.VarArgs {
	out := exec.NewVarArgs()
	for _, v := range params.Args {
		out.Args = append(out.Args, copied(v))
	}
	for name, v := range params.KwArgs {
		out.KwArgs[name] = copied(v)
	}
	return out
}

// sharedList is the list behind a value that can be changed in its place.
func sharedList(v *exec.Value) (*exec.ValuesList, error) {
	if list, ok := v.Interface().(*exec.ValuesList); ok {
		return list, nil
	}
	return nil, errors.New("a list must be named with set before it is changed")
}

// emptyAsFalse gives an empty mapping as one that the engine takes for false.
func (g *guard) emptyAsFalse(n nodes.Expression) nodes.Expression {
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		v := e.Eval(n)
		if d, ok := v.Interface().(*exec.Dict); ok && len(d.Pairs) == 0 {
			return exec.AsValue(map[string]any{})
		}
		return v
	})
}

// condition rewrites an expression that is asked whether it is true.
func (g *guard) condition(n nodes.Expression) nodes.Expression {
	if n == nil {
		return nil
	}
	return g.emptyAsFalse(g.expression(n))
}

// entry is x[n], where texts consist of characters and -1 is the last one.
func (g *guard) entry(n *nodes.GetItem) nodes.Expression {
	n.Node = g.expression(n.Node)
	if n.Arg == nil {
		return n
	}
	n.Arg = g.expression(n.Arg)
	apply := &nodes.GetItem{Location: n.Location, Node: leftName, Arg: rightName}
	return g.hook(n, func(e *exec.Evaluator) *exec.Value {
		in := e.Eval(n.Node)
		if in.IsError() {
			return in
		}
		key := e.Eval(n.Arg)
		if key.IsError() {
			return key
		}
		if key.IsInteger() && (in.IsList() || in.IsString()) {
			return at(in, key.Integer())
		}
		return with(e, in, key).Eval(apply)
	})
}

// at is an entry of a list or a character of a text; outside there is none.
func at(in *exec.Value, i int) *exec.Value {
	n := in.Len()
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return exec.AsValue(nil)
	}
	return in.Index(i)
}

// with is an evaluator that knows nothing but two operands.
func with(e *exec.Evaluator, left, right *exec.Value) *exec.Evaluator {
	environment := *e.Environment
	environment.Context = exec.NewContext(map[string]any{"left": left, "right": right})
	return &exec.Evaluator{Config: e.Config, Environment: &environment, Loader: e.Loader}
}

// characters is a text as the list of its characters.
func characters(v *exec.Value) *exec.Value {
	list := []any{}
	for _, r := range v.String() {
		list = append(list, string(r))
	}
	return exec.AsValue(list)
}

var (
	errOperands = errors.New("an operator has operands that do not fit; numbers are made of texts with |int, and texts of numbers with |string or ~")
	errZero     = errors.New("a division by zero")
	errTooLarge = errors.New("a number is too large")
)

// arithmetic calculates as Python does. Not known: the engine is to do it.
func arithmetic(operator tokens.Type, left, right *exec.Value) (v *exec.Value, known bool, err error) {
	switch operator {
	case tokens.Addition:
		if left.IsString() && right.IsString() || left.IsList() && right.IsList() {
			return nil, false, nil
		}
	case tokens.Multiply:
		if left.IsString() && right.IsInteger() {
			return nil, false, nil
		}
	case tokens.LowerThan, tokens.LowerThanOrEqual, tokens.GreaterThan, tokens.GreaterThanOrEqual:
		if left.IsString() && right.IsString() || isNumber(left) && isNumber(right) {
			return nil, false, nil
		}
		return nil, true, errOperands
	case tokens.Subtraction, tokens.Division, tokens.FloorDivision, tokens.Modulo:
	default:
		return nil, false, nil
	}
	switch {
	case !isNumber(left) || !isNumber(right):
		return nil, true, errOperands
	case left.IsFloat() || right.IsFloat() || operator == tokens.Division:
		v, err = floats(operator, float(left), float(right))
	default:
		v, err = integers(operator, whole(left), whole(right))
	}
	return v, true, err
}

func isNumber(v *exec.Value) bool { return v.IsNumber() || v.IsBool() }

func whole(v *exec.Value) int {
	if v.IsBool() {
		if v.Bool() {
			return 1
		}
		return 0
	}
	return v.Integer()
}

func float(v *exec.Value) float64 {
	if v.IsFloat() {
		return v.Float()
	}
	return float64(whole(v))
}

func floats(operator tokens.Type, a, b float64) (*exec.Value, error) {
	switch operator {
	case tokens.Addition:
		return exec.AsValue(a + b), nil
	case tokens.Subtraction:
		return exec.AsValue(a - b), nil
	case tokens.Multiply:
		return exec.AsValue(a * b), nil
	}
	if b == 0 {
		return nil, errZero
	}
	switch operator {
	case tokens.FloorDivision:
		return exec.AsValue(math.Floor(a / b)), nil
	case tokens.Modulo:
		rest := math.Mod(a, b)
		if rest != 0 && (rest < 0) != (b < 0) {
			rest += b
		}
		return exec.AsValue(rest), nil
	}
	return exec.AsValue(a / b), nil
}

func integers(operator tokens.Type, a, b int) (*exec.Value, error) {
	switch operator {
	case tokens.Addition:
		if sum := a + b; (sum > a) == (b > 0) {
			return exec.AsValue(sum), nil
		}
		return nil, errTooLarge
	case tokens.Subtraction:
		if rest := a - b; (rest < a) == (b > 0) {
			return exec.AsValue(rest), nil
		}
		return nil, errTooLarge
	case tokens.Multiply:
		product := a * b
		if a != 0 && (product/a != b || a == -1 && b == math.MinInt) {
			return nil, errTooLarge
		}
		return exec.AsValue(product), nil
	}
	if b == 0 {
		return nil, errZero
	}
	quotient, rest := a/b, a%b
	if rest != 0 && (rest < 0) != (b < 0) {
		quotient, rest = quotient-1, rest+b
	}
	if operator == tokens.Modulo {
		return exec.AsValue(rest), nil
	}
	return exec.AsValue(quotient), nil
}

// failedEntry is the first entry of a list that is an error: filters that call
// others for each entry keep theirs.
func failedEntry(v *exec.Value) *exec.Value {
	if _, ok := v.Interface().(string); ok || !v.IsList() || v.Len() == 0 {
		return nil
	}
	for i := range v.Len() {
		if inner := v.Index(i); inner.IsError() {
			return inner
		}
	}
	return nil
}

// printed is what a value is when it is written: lists and mappings as Python
// writes them.
func printed(v *exec.Value) *exec.Value {
	if !v.IsList() && !v.IsDict() {
		return v
	}
	return pprint(nil, v, nil)
}

// holds tells whether a value is, or has somewhere in it, what the pointer or map
// leads to. One that takes long to look through counts as one that has.
func holds(v *exec.Value, what any, left *int, depth int) bool {
	if *left--; *left < 0 || depth > maxNesting {
		return true
	}
	v = exec.ToValue(v.Interface())
	if same(v, what) {
		return true
	}
	switch {
	case isPair(v):
		return holds(v.Interface().(*exec.Pair).Value, what, left, depth+1)
	case v.IsDict():
		return slices.ContainsFunc(pairsOf(v), func(p *exec.Pair) bool { return holds(p.Value, what, left, depth+1) })
	case v.IsList():
		for i := range v.Len() {
			if holds(v.Index(i), what, left, depth+1) {
				return true
			}
		}
	}
	return false
}

func same(v *exec.Value, what any) bool {
	switch v.Val.Kind() {
	case reflect.Pointer, reflect.Map:
		other := reflect.ValueOf(what)
		return other.Kind() == v.Val.Kind() && other.Pointer() == v.Val.Pointer()
	}
	return false
}

var errItself = errors.New("a list or mapping cannot hold itself")

// notInside fails when one of the values holds what it is about to be put into.
func notInside(what any, values []*exec.Value) error {
	left := maxWork
	if slices.ContainsFunc(values, func(v *exec.Value) bool { return holds(v, what, &left, 0) }) {
		return errItself
	}
	return nil
}

func listMethod(f func(list *exec.ValuesList, args []*exec.Value) (any, error)) exec.Method[[]any] {
	return func(_ []any, value *exec.Value, p *exec.VarArgs) (any, error) {
		if len(p.KwArgs) > 0 {
			return nil, errors.New("the method takes no arguments with names")
		}
		list, err := sharedList(value)
		if err == nil {
			err = notInside(list, p.Args)
		}
		if err != nil {
			return nil, err
		}
		return f(list, p.Args)
	}
}

var errArguments = errors.New("the method takes other arguments")

func appendTo(list *exec.ValuesList, args []*exec.Value) (any, error) {
	if len(args) != 1 {
		return nil, errArguments
	}
	*list = append(*list, args[0])
	return nil, nil
}

func extend(list *exec.ValuesList, args []*exec.Value) (any, error) {
	if len(args) != 1 || !args[0].IsList() {
		return nil, errArguments
	}
	for i := range args[0].Len() {
		*list = append(*list, args[0].Index(i))
	}
	return nil, nil
}

func reverseList(list *exec.ValuesList, args []*exec.Value) (any, error) {
	if len(args) > 0 {
		return nil, errArguments
	}
	slices.Reverse(*list)
	return nil, nil
}

// changeMapping gives methods a mapping's own entries, not a copy.
func changeMapping(f func(set func(key, value *exec.Value), get func(key *exec.Value) *exec.Value, p *exec.VarArgs) (any, error)) exec.Method[map[string]any] {
	return func(_ map[string]any, value *exec.Value, p *exec.VarArgs) (any, error) {
		if err := notInside(value.Interface(), arguments(p)); err != nil {
			return nil, err
		}
		switch m := value.Interface().(type) {
		case *exec.Dict:
			find := func(key *exec.Value) *exec.Pair {
				for _, pair := range m.Pairs {
					if pair.Key.EqualValueTo(key) {
						return pair
					}
				}
				return nil
			}
			return f(func(key, value *exec.Value) {
				if pair := find(key); pair != nil {
					pair.Value = value
					return
				}
				m.Pairs = append(m.Pairs, &exec.Pair{Key: key, Value: value})
			}, func(key *exec.Value) *exec.Value {
				if pair := find(key); pair != nil {
					return pair.Value
				}
				return nil
			}, p)
		case map[string]any:
			return f(func(key, value *exec.Value) { m[key.String()] = value.Interface() },
				func(key *exec.Value) *exec.Value {
					if v, there := m[key.String()]; there {
						return exec.ToValue(v)
					}
					return nil
				}, p)
		}
		return nil, errArguments
	}
}

func update(set func(key, value *exec.Value), _ func(key *exec.Value) *exec.Value, p *exec.VarArgs) (any, error) {
	if len(p.Args) > 1 || len(p.Args) == 1 && !p.Args[0].IsDict() {
		return nil, errArguments
	}
	for _, arg := range p.Args {
		for _, pair := range pairsOf(arg) {
			set(pair.Key, pair.Value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.KwArgs)) {
		set(exec.AsValue(name), p.KwArgs[name])
	}
	return nil, nil
}

func setDefault(set func(key, value *exec.Value), get func(key *exec.Value) *exec.Value, p *exec.VarArgs) (any, error) {
	if len(p.Args) < 1 || len(p.Args) > 2 || len(p.KwArgs) > 0 {
		return nil, errArguments
	}
	if there := get(p.Args[0]); there != nil {
		return there.Interface(), nil
	}
	value := argument(p, 1, "")
	set(p.Args[0], value)
	return value.Interface(), nil
}
