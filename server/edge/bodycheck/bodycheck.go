package bodycheck

import (
	"errors"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// Violation is one thing wrong with a body.
type Violation struct {
	// Pointer is the RFC 6901 pointer to the member or item at fault, or to
	// where a missing member belongs; "" is the whole body. A pointer of more
	// than 1024 bytes is cut back to the nearest parent that is shorter.
	Pointer string
	// Message completes the sentence that starts with the pointer, such as
	// "must have at most 60 characters". It never holds a received value.
	Message string
}

// Options are the limits of a Checker. A zero field means its default.
type Options struct {
	// MaxDepth is how many objects and arrays may stand inside each other;
	// the default is 64.
	MaxDepth int
	// MaxViolations is after how many violations the check stops; the default
	// is 20.
	MaxViolations int
	// MaxRereads limits the work that oneOf, anyOf, allOf and not may cause,
	// in multiples of the body's own length; the default is 64. Schemas that
	// refer to themselves through alternatives could otherwise be made to take
	// time exponential in the depth of the body.
	MaxRereads int
	// PlainIntegers refuses integers that Go's JSON decoders refuse to bind:
	// 1.0 and 1e2, which JSON Schema counts as integers, and integers without
	// a format that exceed 64 bits.
	PlainIntegers bool
}

// Checker decides whether a JSON text satisfies one schema. It is safe for
// concurrent use.
type Checker struct {
	root      *node
	options   Options
	streaming bool
}

// Compile prepares the check against schema. It returns an error for what can
// only be a mistake in the document: an unresolved reference, a pattern that Go
// cannot compile, a keyword of OpenAPI 3.1, a schema that is its own
// alternative. The document must have been loaded and validated before, and
// must not change afterwards.
func Compile(schema *openapi3.SchemaRef, o Options) (*Checker, error) {
	if schema == nil {
		return nil, errors.New("no schema")
	}
	o = o.withDefaults()
	c := compiler{options: o, nodes: map[nodeKey]*node{}, state: map[*openapi3.Schema]visitState{}}
	root, err := c.node(schema, nil)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return &Checker{root: root, options: o, streaming: c.streaming()}, nil
}

func (o Options) withDefaults() Options {
	if o.MaxDepth <= 0 {
		o.MaxDepth = 64
	}
	if o.MaxViolations <= 0 {
		o.MaxViolations = 20
	}
	if o.MaxRereads <= 0 {
		o.MaxRereads = 64
	}
	return o
}

// Streaming reports whether every body is decided in a single pass. It is false
// when some object or array has to be read again for a oneOf, anyOf, not or
// allOf.
func (c *Checker) Streaming() bool { return c.streaming }

// Check returns what is wrong with body, or nil when it is valid. Violations
// are in the order of the body, a missing member after the members that are
// there. When body is not JSON at all, that is the only violation.
func (c *Checker) Check(body []byte) []Violation {
	if len(skipSpace(body)) == 0 {
		return []Violation{{Message: "must be JSON, and is empty"}}
	}
	w := newWalker(body)
	w.own = run{options: &c.options, workLeft: c.options.workFor(body)}
	w.run = &w.own
	if w.value(c.root) {
		w.end()
	}
	found, fatal := w.own.violations, w.own.fatal
	w.release()
	if fatal != nil {
		return []Violation{*fatal}
	}
	return found
}

// workFor is how many bytes may be read again while body is checked. Small
// bodies get a floor, because a schema may offer many alternatives.
func (o Options) workFor(body []byte) int {
	const floor = 64 << 10
	return o.MaxRereads*len(body) + floor
}
