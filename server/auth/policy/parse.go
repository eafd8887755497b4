package policy

import (
	"fmt"
	"strings"
)

// Limits on what a policy file may hold.
const (
	MaxRule  = 4096 // bytes of one rule
	MaxDepth = 50   // parentheses and "not" within each other
	MaxRules = 1000
	MaxFile  = 1 << 20
)

// SyntaxError says what in a rule is not understood, and where.
type SyntaxError struct {
	Offset int // byte in the rule
	Reason string
}

// Error says what is wrong.
func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason) }

// Expr is a rule that was understood.
type Expr interface {
	allows(q *question) bool
	references(add func(name string))
}

type (
	everybody struct{}
	nobody    struct{}
	role      string
	reference string
	not       struct{ of Expr }
	all       []Expr
	anyOf     []Expr
)

// Parse reads one rule. It returns a *SyntaxError when it is not understood.
func Parse(rule string) (Expr, error) {
	if len(rule) > MaxRule {
		return nil, &SyntaxError{MaxRule, fmt.Sprintf("a rule has at most %d bytes", MaxRule)}
	}
	p := &parser{words: split(rule), end: len(rule)}
	e, err := p.disjunction(0)
	if err != nil {
		return nil, err
	}
	if w, ok := p.peek(); ok {
		return nil, &SyntaxError{w.offset, fmt.Sprintf("%q is not expected here", w.text)}
	}
	return e, nil
}

// word is a parenthesis or what stands between spaces and parentheses.
type word struct {
	text   string
	offset int
}

func split(rule string) []word {
	var words []word
	start := -1
	flush := func(end int) {
		if start >= 0 {
			words, start = append(words, word{rule[start:end], start}), -1
		}
	}
	for i := range len(rule) {
		switch c := rule[i]; {
		case c == '(' || c == ')':
			flush(i)
			words = append(words, word{rule[i : i+1], i})
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			flush(i)
		case start < 0:
			start = i
		}
	}
	flush(len(rule))
	return words
}

type parser struct {
	words []word
	end   int
}

func (p *parser) peek() (word, bool) {
	if len(p.words) == 0 {
		return word{offset: p.end}, false
	}
	return p.words[0], true
}

func (p *parser) next() word {
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

// takes consumes a keyword in any case, as oslo.policy does.
func (p *parser) takes(keyword string) bool {
	w, ok := p.peek()
	if !ok || !strings.EqualFold(w.text, keyword) {
		return false
	}
	p.next()
	return true
}

func (p *parser) disjunction(depth int) (Expr, error) {
	first, err := p.conjunction(depth)
	if err != nil {
		return nil, err
	}
	list := anyOf{first}
	for p.takes("or") {
		e, err := p.conjunction(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 1 {
		return first, nil
	}
	return list, nil
}

func (p *parser) conjunction(depth int) (Expr, error) {
	first, err := p.unary(depth)
	if err != nil {
		return nil, err
	}
	list := all{first}
	for p.takes("and") {
		e, err := p.unary(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 1 {
		return first, nil
	}
	return list, nil
}

func (p *parser) unary(depth int) (Expr, error) {
	w, ok := p.peek()
	switch {
	case !ok:
		return nil, &SyntaxError{w.offset, "a check is missing at the end"}
	case depth > MaxDepth:
		return nil, &SyntaxError{w.offset, fmt.Sprintf("checks within each other are at most %d deep", MaxDepth)}
	case p.takes("not"):
		e, err := p.unary(depth + 1)
		return not{e}, err
	case p.takes("("):
		return p.group(depth + 1)
	}
	return check(p.next())
}

func (p *parser) group(depth int) (Expr, error) {
	e, err := p.disjunction(depth)
	if err != nil {
		return nil, err
	}
	if w, _ := p.peek(); !p.takes(")") {
		return nil, &SyntaxError{w.offset, "a parenthesis is not closed"}
	}
	return e, nil
}

func check(w word) (Expr, error) {
	switch w.text {
	case "@":
		return everybody{}, nil
	case "!":
		return nobody{}, nil
	}
	kind, name, _ := strings.Cut(w.text, ":")
	if name == "" || !plain(name) {
		return nil, &SyntaxError{w.offset, unknown(w)}
	}
	switch kind {
	case "role":
		return role(name), nil
	case "rule":
		return reference(name), nil
	case "is_admin": // of the caller; 0 and False, which nobody has in OpenStack, are refused
		if name == "1" || name == "True" {
			return role("admin"), nil
		}
	}
	return nil, &SyntaxError{w.offset, unknown(w)}
}

func unknown(w word) string {
	return fmt.Sprintf("%.60q is not understood; there are role:x, rule:y, is_admin:1, @, !, and, or, not and parentheses", w.text)
}

// plain reports whether a name is no template such as %(project_id)s.
func plain(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_-.:*", c) >= 0:
		default:
			return false
		}
	}
	return true
}
