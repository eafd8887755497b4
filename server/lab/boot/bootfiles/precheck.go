package bootfiles

import (
	"fmt"
	"strconv"

	"github.com/nikolalohinski/gonja/v2/tokens"
)

// Bounds of one template that need no setting: they keep the parser's recursion
// and the cost of one expression small and are far above what people write.
const (
	maxTagTokens  = 2000
	maxTags       = 5000
	maxTokens     = 20_000 // of all tags; each takes about a kilobyte while the template is rendered
	maxRepetition = 1024
)

// checkTokens looks at a template before it is parsed: the parser recurses with
// each bracket and nested statement, and a repeated text ("x" * 1000000000) is
// made by the evaluator itself, out of the guard's sight.
func checkTokens(text string, lim Limits) error {
	c := tagChecker{lim: lim}
	for stream := tokens.LexAll(text, jinjaConfig); !stream.End(); {
		if err := c.token(stream.Next()); err != nil {
			return err
		}
	}
	return nil
}

// tagChecker follows the tokens of one tag after the other.
type tagChecker struct {
	lim   Limits
	tags  int
	all   int             // tokens of all tags
	tag   []*tokens.Token // of the current tag, without its ends
	depth int             // open brackets in it
}

func (c *tagChecker) token(t *tokens.Token) error {
	switch t.Type {
	case tokens.Data, tokens.Comment, tokens.CommentBegin, tokens.CommentEnd:
		return nil
	case tokens.BlockBegin, tokens.VariableBegin:
		c.tag, c.depth = c.tag[:0], 0
		if c.tags++; c.tags > maxTags {
			return fmt.Errorf("line %d: the template has more than %d tags", t.Line, maxTags)
		}
		return nil
	case tokens.BlockEnd, tokens.VariableEnd:
		if err := checkOperators(c.tag); err != nil {
			return err
		}
		return checkRepetition(c.tag)
	case tokens.LeftParenthesis, tokens.LeftBracket, tokens.LeftBrace:
		c.depth++
	case tokens.RightParenthesis, tokens.RightBracket, tokens.RightBrace:
		c.depth--
	}
	c.tag = append(c.tag, t)
	c.all++
	switch {
	case c.all > maxTokens:
		return fmt.Errorf("line %d: the tags of the template have more than %d tokens", t.Line, maxTokens)
	case len(c.tag) > maxTagTokens:
		return fmt.Errorf("line %d: a tag has more than %d tokens", t.Line, maxTagTokens)
	case c.depth > c.lim.Depth:
		return fmt.Errorf("line %d: brackets are nested deeper than %d levels", t.Line, c.lim.Depth)
	}
	return nil
}

// checkOperators refuses what the engine would take for something else than
// Python does: it compares the outcome of a comparison with the next operand,
// gives a float for every power, and knows no % for texts.
func checkOperators(tag []*tokens.Token) error {
	var compared []bool // a comparison stands before, by depth of brackets
	compared = append(compared, false)
	for i, t := range tag {
		switch t.Type {
		case tokens.LeftParenthesis, tokens.LeftBracket, tokens.LeftBrace:
			compared = append(compared, false)
		case tokens.RightParenthesis, tokens.RightBracket, tokens.RightBrace:
			compared = compared[:max(1, len(compared)-1)]
		case tokens.LowerThan, tokens.LowerThanOrEqual, tokens.GreaterThan, tokens.GreaterThanOrEqual, tokens.Equals, tokens.Ne:
			if compared[len(compared)-1] {
				return fmt.Errorf("line %d: comparisons cannot be chained here; join them with and", t.Line)
			}
			compared[len(compared)-1] = true
		case tokens.And, tokens.Or, tokens.Comma, tokens.Not:
			compared[len(compared)-1] = false
		case tokens.Name:
			if t.Val == "if" || t.Val == "else" {
				compared[len(compared)-1] = false
			}
		case tokens.Power:
			return fmt.Errorf("line %d: ** is not available; multiply", t.Line)
		case tokens.Modulo:
			if i > 0 && tag[i-1].Type == tokens.String {
				return fmt.Errorf("line %d: write a text %% values as text | format(values)", t.Line)
			}
		}
	}
	return nil
}

// checkRepetition lets a multiplication pass when its left side is a number for
// certain. Where it might be a text, the factors must be written in the template
// and must not exceed maxRepetition together.
func checkRepetition(tag []*tokens.Token) error {
	product, mayBeText := int64(1), false
	for i, t := range tag {
		if t.Type != tokens.Multiply || startsArgument(tag, i) {
			continue
		}
		if !mayBeText && numberBefore(tag, i) {
			continue
		}
		mayBeText = true
		factor, ok := literalAfter(tag, i)
		if !ok {
			return fmt.Errorf("line %d: a text may only be repeated by a number written in the template; if this is a number, write it with |int", t.Line)
		}
		if product *= factor; product > maxRepetition {
			return fmt.Errorf("line %d: a text may be repeated at most %d times; if this is a number, write it with |int", t.Line, maxRepetition)
		}
	}
	return nil
}

// startsArgument tells whether the star collects arguments: macro m(a, *rest).
func startsArgument(tag []*tokens.Token, star int) bool {
	return star > 0 && (tag[star-1].Type == tokens.LeftParenthesis || tag[star-1].Type == tokens.Comma)
}

// numericFilters give a number whatever they get.
var numericFilters = map[string]bool{"int": true, "float": true, "length": true, "count": true, "wordcount": true}

// numberBefore tells whether a number literal or a numeric filter stands before
// the star, and is not the index of something else.
func numberBefore(tag []*tokens.Token, star int) bool {
	if star == 0 {
		return false
	}
	before := tokens.Initial
	if star > 1 {
		before = tag[star-2].Type
	}
	switch tag[star-1].Type {
	case tokens.Integer, tokens.Float:
		switch before {
		case tokens.Dot, tokens.Name, tokens.RightBracket, tokens.RightParenthesis, tokens.RightBrace, tokens.String, tokens.Pipe:
			return false
		}
		return true
	case tokens.Name:
		return before == tokens.Pipe && numericFilters[tag[star-1].Val]
	}
	return false
}

// literalAfter returns the number literal behind the star, if nothing else is
// made of it. A float never repeats a text; it counts as one.
func literalAfter(tag []*tokens.Token, star int) (int64, bool) {
	if star+1 >= len(tag) {
		return 0, false
	}
	if star+2 < len(tag) {
		switch tag[star+2].Type {
		case tokens.Pipe, tokens.Dot, tokens.LeftBracket, tokens.LeftParenthesis:
			return 0, false
		}
	}
	switch literal := tag[star+1]; literal.Type {
	case tokens.Float:
		return 1, true
	case tokens.Integer:
		n, err := strconv.ParseInt(literal.Val, 0, 64)
		return max(n, 1), err == nil && n <= maxRepetition
	}
	return 0, false
}
