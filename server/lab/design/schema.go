package design

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// schema is the part of JSON Schema (draft 4) that Drydock's schemas use
// (python/drydock_provisioner/schemas).
type schema struct {
	kind     kind
	nullable bool
	enum     []string
	pattern  *regexp.Regexp
	items    *schema
	// props lists the known members of an object, required the mandatory ones.
	props    map[string]*schema
	required []string
	// rest is what a member outside props must be; nil means that there must
	// be none, unless open is set.
	rest *schema
	open bool
	// either holds alternatives; when it is set, nothing else is.
	either []*schema
}

// maxViolations is how many violations of one document are listed. One more is
// found, which tells that there are more.
const maxViolations = 1000

// check appends one line per violation to found. A line names the place and the
// rule and never the value, which may be a password. In the lax way of the older
// form, unknown members pass and any scalar may stand for a string.
func (s *schema) check(v *value, at string, lax bool, found []string) []string {
	if len(found) > maxViolations {
		return found
	}
	if s.either != nil {
		return s.checkEither(v, at, lax, found)
	}
	if v.kind == kindNull && s.nullable {
		return found
	}
	if v.kind != s.kind && !(lax && s.kind == kindText && v.isScalar()) {
		found = append(found, at+" must be "+s.kind.String()+", not "+v.kind.String())
		if s.enum != nil { // JSON Schema tells both, and Drydock counts them
			found = s.checkScalar(v, at, found)
		}
		return found
	}
	switch s.kind {
	case kindText:
		return s.checkScalar(v, at, found)
	case kindList:
		if s.items != nil {
			for i, item := range v.items {
				found = s.items.check(item, at+"/"+strconv.Itoa(i), lax, found)
			}
		}
	case kindMap:
		return s.checkObject(v, at, lax, found)
	}
	return found
}

func (s *schema) checkEither(v *value, at string, lax bool, found []string) []string {
	kinds := make([]string, 0, len(s.either))
	for _, alternative := range s.either {
		if len(alternative.check(v, at, lax, nil)) == 0 {
			return found
		}
		kinds = append(kinds, alternative.kind.String())
	}
	return append(found, at+" must be "+strings.Join(kinds, " or ")+" of the documented form")
}

func (s *schema) checkScalar(v *value, at string, found []string) []string {
	if s.enum != nil && (v.kind == kindList || v.kind == kindMap || !slices.Contains(s.enum, v.text)) {
		return append(found, at+" must be one of "+strings.Join(s.enum, ", "))
	}
	if s.pattern != nil && !s.pattern.MatchString(v.text) {
		return append(found, at+" must match "+s.pattern.String())
	}
	return found
}

func (s *schema) checkObject(v *value, at string, lax bool, found []string) []string {
	for _, key := range s.required {
		if !v.has(key) {
			found = append(found, at+" lacks "+key)
		}
	}
	var unknown []string
	for _, f := range v.fields {
		child := s.props[f.key]
		if child == nil {
			child = s.rest
		}
		switch {
		case child != nil:
			found = child.check(f.value, at+"/"+shorten(f.key), lax, found)
		case !s.open && !lax:
			unknown = append(unknown, shorten(f.key))
		}
	}
	if unknown != nil {
		found = append(found, at+" has unknown members: "+strings.Join(shortList(unknown), ", "))
	}
	return found
}

// shorten keeps a hostile key from blowing up a message.
func shorten(key string) string {
	if len(key) > 64 {
		return strings.ToValidUTF8(key[:64], "") + "…"
	}
	return key
}

// shortList does the same for a list.
func shortList(list []string) []string {
	const most = 10
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), "and "+strconv.Itoa(len(list)-most)+" more")
}
