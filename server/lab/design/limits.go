package design

import "fmt"

// Limits bounds the work that one design may cause. A zero field means the
// field of DefaultLimits.
type Limits struct {
	Bytes     int // length of the text
	Depth     int // nesting of lists and maps
	Values    int // scalars, lists and maps, each alias counted as what it stands for
	Documents int
}

// DefaultLimits admits designs of about ten thousand nodes.
var DefaultLimits = Limits{
	Bytes:     8 << 20,
	Depth:     48,
	Values:    500_000,
	Documents: 50_000,
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ have, def *int }{
		{&l.Bytes, &d.Bytes}, {&l.Depth, &d.Depth}, {&l.Values, &d.Values}, {&l.Documents, &d.Documents},
	} {
		if *f.have <= 0 {
			*f.have = *f.def
		}
	}
	return l
}

// A SyntaxError says why a text is no stream of YAML documents, or which limit
// it exceeds. It never quotes values of the text, which may be secret.
type SyntaxError struct {
	Line   int // counted from 1; 0 when the fault has no place
	Reason string
}

func (e *SyntaxError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return e.Reason
}
