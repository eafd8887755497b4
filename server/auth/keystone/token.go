package keystone

import (
	"strings"
	"time"
)

// Token is what Keystone says of a token.
type Token struct {
	UserID, UserName string
	ProjectID        string // empty: not scoped to a project
	DomainID         string // empty: not scoped to a domain
	System           bool   // scoped to the whole system
	Roles            []string
	ExpiresAt        time.Time

	// Restricted is set when the token comes from an application credential
	// with access rules; Rules are those, and only what one of them allows may
	// be done.
	Restricted bool
	Rules      []Rule
}

// Rule is an access rule of an application credential.
type Rule struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

// AllowedFor reports whether the token may be used for a request. Only an
// application credential with access rules can say no. The paths are names of
// one and the same operation: a rule may use any of them.
func (t *Token) AllowedFor(service, method string, paths []string) bool {
	if !t.Restricted {
		return true
	}
	for _, r := range t.Rules {
		if r.Service != service || r.Method != method {
			continue
		}
		for _, path := range paths {
			if MatchPath(r.Path, path) {
				return true
			}
		}
	}
	return false
}

// MatchPath reports whether a path matches the pattern of an access rule: "*"
// and "{name}" stand for what is in one segment, "**" for anything
// (keystonemiddleware/auth_token/__init__.py).
func MatchPath(pattern, path string) bool {
	return match(compile(pattern), path)
}

// The parts of a pattern: plain text, and what stands for other text.
type part struct {
	text string
	wild wildcard
}

type wildcard int

const (
	plain    wildcard = iota
	segment           // at least one character, no slash
	anything          // anything, also nothing
)

func compile(pattern string) []part {
	var parts []part
	for len(pattern) > 0 {
		i := strings.IndexAny(pattern, "*{")
		switch {
		case i < 0:
			return append(parts, part{text: pattern})
		case i > 0:
			parts, pattern = append(parts, part{text: pattern[:i]}), pattern[i:]
		case strings.HasPrefix(pattern, "**"):
			parts, pattern = append(parts, part{wild: anything}), pattern[2:]
		case pattern[0] == '*':
			parts, pattern = append(parts, part{wild: segment}), pattern[1:]
		default:
			name, rest, closed := strings.Cut(pattern[1:], "}")
			if !closed || strings.Contains(name, "/") { // no placeholder: plain text
				parts, pattern = append(parts, part{text: "{"}), pattern[1:]
				continue
			}
			parts, pattern = append(parts, part{wild: segment}), rest
		}
	}
	return parts
}

// match follows every state that the pattern can be in at once, so that its
// time grows with pattern times path and never faster.
func match(parts []part, path string) bool {
	at := map[int]bool{0: true} // places in the path where the parts so far may end
	for _, p := range parts {
		next := map[int]bool{}
		for i := range at {
			switch p.wild {
			case plain:
				if strings.HasPrefix(path[i:], p.text) {
					next[i+len(p.text)] = true
				}
			case segment:
				for j := i + 1; j <= len(path) && path[j-1] != '/'; j++ {
					next[j] = true
				}
			case anything:
				for j := i; j <= len(path); j++ {
					next[j] = true
				}
			}
		}
		at = next
	}
	return at[len(path)]
}
