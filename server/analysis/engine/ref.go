package engine

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Kind is what a reference names.
type Kind string

// The kinds of sets.
const (
	Run         Kind = "run"
	Published   Kind = "published"
	Group       Kind = "group"
	Kernel      Kind = "kernel"
	Opportunity Kind = "opportunity"
	Image       Kind = "image"
	None        Kind = "none"     // nothing; only a base
	Previous    Kind = "previous" // the newest complete set of the head's line; only a base
)

// Ref names a set. Parts are its parts without percent-encoding: the number of the
// run; the id; job, git branch and kernel; product and image.
type Ref struct {
	Kind    Kind
	Parts   []string
	Attempt int64 // of a run; 0: its current result
}

// RunRef names a result of a run, by its attempt.
func RunRef(run, attempt int64) Ref {
	return Ref{Kind: Run, Parts: []string{strconv.FormatInt(run, 10)}, Attempt: attempt}
}

// RefTo names a set of any kind but a run.
func RefTo(kind Kind, parts ...string) Ref { return Ref{Kind: kind, Parts: parts} }

// Number is the run's.
func (r Ref) Number() int64 {
	n, _ := strconv.ParseInt(r.Parts[0], 10, 64)
	return n
}

// String is the reference as ParseRef reads it.
func (r Ref) String() string {
	if len(r.Parts) == 0 {
		return string(r.Kind)
	}
	var b strings.Builder
	b.WriteString(string(r.Kind))
	for i, part := range r.Parts {
		b.WriteByte(":/"[min(i, 1)])
		writeEscaped(&b, part)
	}
	if r.Attempt > 0 {
		b.WriteByte('/')
		b.WriteString(strconv.FormatInt(r.Attempt, 10))
	}
	return b.String()
}

// writeEscaped leaves only what neither a URL nor a shell takes for anything else.
func writeEscaped(b *strings.Builder, part string) {
	const hex = "0123456789ABCDEF"
	for i := range len(part) {
		switch c := part[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}

// RefSyntax says what a reference looks like.
const RefSyntax = "run:<number>[/<attempt>], published:<uuid>, group:<24 hexadecimal digits>, kernel:<job>/<git branch>/<kernel>, " +
	"opportunity:<uuid> or image:<product uuid>/<image unique id>"

// ParseRef reads a reference. Its errors say what is allowed. Parts may be
// percent-encoded; a slash within one has to be.
func ParseRef(text string) (Ref, error) {
	kind, rest, colon := strings.Cut(text, ":")
	if !colon {
		if kind == string(None) || kind == string(Previous) {
			return Ref{Kind: Kind(kind)}, nil
		}
		return Ref{}, fmt.Errorf("must be %s", RefSyntax)
	}
	parts := strings.Split(rest, "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return Ref{}, fmt.Errorf("has a %% without two hexadecimal digits after it; must be %s", RefSyntax)
		}
		if strings.ContainsRune(plain, 0) || strings.ToValidUTF8(plain, "") != plain {
			return Ref{}, fmt.Errorf("must be UTF-8 without U+0000")
		}
		parts[i] = plain
	}
	r := Ref{Kind: Kind(kind), Parts: parts}
	if !r.valid() {
		return Ref{}, fmt.Errorf("must be %s", RefSyntax)
	}
	return r.canonical(), nil
}

func (r Ref) valid() bool {
	p := r.Parts
	switch r.Kind {
	case Run:
		return len(p) <= 2 && isNumber(p[0]) && (len(p) == 1 || isNumber(p[1]) && strings.Trim(p[1], "0") != "")
	case Published, Opportunity:
		return len(p) == 1 && isUUID(p[0])
	case Group:
		return len(p) == 1 && len(p[0]) == 24 && isHex(p[0])
	case Kernel: // reports without a branch are together
		return len(p) == 3 && p[0] != "" && p[2] != ""
	case Image:
		return len(p) == 2 && isUUID(p[0]) && p[1] != ""
	}
	return false
}

// canonical spells what can be spelled in two ways as it is printed.
func (r Ref) canonical() Ref {
	switch r.Kind {
	case Run:
		if len(r.Parts) == 2 {
			r.Attempt, _ = strconv.ParseInt(r.Parts[1], 10, 64)
		}
		n, _ := strconv.ParseInt(r.Parts[0], 10, 64)
		return RunRef(n, r.Attempt)
	case Published, Group, Opportunity, Image:
		r.Parts[0] = strings.ToLower(r.Parts[0])
	}
	return r
}

// isNumber takes numbers that fit into 64 bits.
func isNumber(s string) bool {
	if s == "" || len(s) > 18 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		isHex(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])
}
