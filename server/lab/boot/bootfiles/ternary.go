package bootfiles

import (
	"strings"

	"github.com/nikolalohinski/gonja/v2/tokens"
)

// gonja knows "a if c else b" as the whole of a {{ tag }} and nowhere else: not
// in brackets, not in an argument, not behind {% set x = %}. It is written anew
// before the parser sees it, as
//
//	(((c) and [(a)]) or [(b)])[0]
//
// because "and" and "or" give one of their operands, and a list with one entry is
// always true.

// inlineIfs rewrites the conditional expressions of a template. What is no
// template it leaves to the parser.
func inlineIfs(text string) string {
	var out strings.Builder
	done := 0
	var tag []*tokens.Token
	for stream := tokens.LexAll(text, jinjaConfig); !stream.End(); {
		t := stream.Next()
		switch t.Type {
		case tokens.Error:
			return text
		case tokens.BlockBegin, tokens.VariableBegin:
			tag = tag[:0]
		case tokens.BlockEnd, tokens.VariableEnd:
			if !hasIf(tag) {
				continue
			}
			out.WriteString(text[done:tag[0].Pos])
			out.WriteString(rewritten(text, tag, t.Pos))
			done = t.Pos
		default:
			tag = append(tag, t)
		}
	}
	out.WriteString(text[done:])
	return out.String()
}

// hasIf tells whether there may be a conditional expression behind the first word
// of a tag.
func hasIf(tag []*tokens.Token) bool {
	for i := range tag {
		if isIf(tag, i) {
			return true
		}
	}
	return false
}

// isIf tells whether the word if stands there, and is not a member's name.
func isIf(tag []*tokens.Token, i int) bool {
	return i > 0 && isName(tag[i], "if") && tag[i-1].Type != tokens.Dot
}

func isName(t *tokens.Token, name string) bool { return t.Type == tokens.Name && t.Val == name }

// rewritten is the text of a tag, which ends at the given place.
func rewritten(text string, tag []*tokens.Token, end int) string {
	r := &rewriter{text: text, tag: tag, end: end}
	if !isName(tag[0], "for") {
		return r.list(0, len(tag))
	}
	// The if of a loop at its own level filters the entries.
	for i, depth := 1, 0; i < len(tag); i++ {
		depth += nesting(tag[i])
		if depth == 0 && isIf(tag, i) {
			return r.list(0, i) + "if " + r.list(i+1, len(tag))
		}
	}
	return r.list(0, len(tag))
}

type rewriter struct {
	text string
	tag  []*tokens.Token
	end  int
}

// at is where a token begins; behind the last one, where the tag ends.
func (r *rewriter) at(i int) int {
	if i < len(r.tag) {
		return r.tag[i].Pos
	}
	return r.end
}

func (r *rewriter) source(from, to int) string { return r.text[r.at(from):r.at(to)] }

// nesting is 1 for an opening bracket and -1 for a closing one.
func nesting(t *tokens.Token) int {
	switch t.Type {
	case tokens.LeftParenthesis, tokens.LeftBracket, tokens.LeftBrace:
		return 1
	case tokens.RightParenthesis, tokens.RightBracket, tokens.RightBrace:
		return -1
	}
	return 0
}

// separates tells whether an expression ends before the token, at its level.
func separates(t *tokens.Token) bool {
	switch t.Type {
	case tokens.Comma, tokens.Colon, tokens.Assign:
		return true
	}
	return false
}

// list rewrites the expressions between separators.
func (r *rewriter) list(from, to int) string {
	var out strings.Builder
	begin, depth := from, 0
	for i := from; i < to; i++ {
		depth += nesting(r.tag[i])
		if depth == 0 && separates(r.tag[i]) {
			out.WriteString(r.expression(begin, i))
			out.WriteString(r.source(i, i+1))
			begin = i + 1
		}
	}
	out.WriteString(r.expression(begin, to))
	return out.String()
}

// expression rewrites one expression. The words in front of a statement's, such
// as "if" in {% if %}, are no part of it.
func (r *rewriter) expression(from, to int) string {
	start := from
	if start == 0 && start < to && r.statement() {
		start = 1
	}
	head := r.source(from, start)
	depth := 0
	for i := start; i < to; i++ {
		depth += nesting(r.tag[i])
		if depth == 0 && i > start && isIf(r.tag, i) {
			return head + r.conditional(start, i, to)
		}
	}
	return head + r.inside(start, to)
}

// statement tells whether the tag begins with the word of a statement.
func (r *rewriter) statement() bool {
	switch r.tag[0].Val {
	case "if", "elif", "set", "for", "with", "call", "filter", "macro":
		return r.tag[0].Type == tokens.Name && r.text[:r.tag[0].Pos] != "" && strings.HasSuffix(strings.TrimRight(r.text[:r.tag[0].Pos], " \t\r\n-+"), "{%")
	}
	return false
}

// conditional rewrites "a if c else b", where the if is given. One that lacks a
// part is left to the parser.
func (r *rewriter) conditional(from, at, to int) string {
	if at+1 >= to {
		return r.source(from, to)
	}
	depth := 0
	for i := at + 1; i < to; i++ {
		depth += nesting(r.tag[i])
		if depth == 0 && isName(r.tag[i], "else") {
			if i == at+1 || i+1 >= to {
				return r.source(from, to)
			}
			return "(((" + r.inside(at+1, i) + ") and [(" + r.inside(from, at) + ")]) or [(" + r.expression(i+1, to) + ")])[0] "
		}
	}
	return "(((" + r.inside(at+1, to) + ") and [(" + r.inside(from, at) + ")]) or [none])[0] "
}

// inside copies an expression and rewrites what stands in its brackets.
func (r *rewriter) inside(from, to int) string {
	var out strings.Builder
	for i := from; i < to; i++ {
		if nesting(r.tag[i]) != 1 {
			out.WriteString(r.source(i, i+1))
			continue
		}
		end := r.partner(i, to)
		out.WriteString(r.source(i, i+1))
		out.WriteString(r.list(i+1, end))
		i = end - 1
	}
	return out.String()
}

// partner finds the closing bracket, or to when there is none.
func (r *rewriter) partner(open, to int) int {
	depth := 0
	for i := open; i < to; i++ {
		if depth += nesting(r.tag[i]); depth == 0 {
			return i
		}
	}
	return to
}
