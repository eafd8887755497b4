package trx

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// definitions are what a file says of its tests beside their results, by the id of
// the test.
type definitions struct {
	lim   report.Limits
	tests map[testID]definition
	names map[string]string // classes and sets of tags, each once
	bytes int64
	full  bool

	depth int // of the open definition, 0 if there is none
	id    string
	open  definition
	tags  []string
}

// testID stands for the id of a test in memory.
type testID [16]byte

func idOf(id string) testID {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(id))))
	return testID(sum[:16])
}

type definition struct {
	class string
	tags  string // one a line
}

func newDefinitions(lim report.Limits) *definitions {
	return &definitions{lim: lim, tests: map[testID]definition{}, names: map[string]string{}}
}

// Start takes an element. A definition is a UnitTest, or a test of another type,
// such as OrderedTest, of which the class is not known.
func (d *definitions) Start(e *xmlfile.Element) error {
	switch {
	case d.depth == 0:
		if e.Above() == "TestDefinitions" {
			d.depth, d.id, d.open, d.tags = e.Depth, e.Attr("id"), definition{}, d.tags[:0]
		}
	case e.Name == "TestMethod" && e.Depth == d.depth+1:
		d.open.class = className(e.Attr("className"))
	case e.Name == "TestCategoryItem":
		if tag := strings.TrimSpace(e.Attr("TestCategory")); tag != "" && len(d.tags) < d.lim.TagsPerEvent {
			d.tags = append(d.tags, strings.ReplaceAll(tag, "\n", " "))
		}
	}
	return nil
}

// className is a class without the assembly, whose version changes. MSTest before
// version 2 wrote "Lab.Arm, Lab.Tests, Version=1.0.0.0, Culture=neutral".
func className(text string) string {
	if i := strings.Index(text, ", "); i >= 0 && strings.Contains(text[i:], "Version=") {
		text = text[:i]
	}
	return strings.TrimSpace(text)
}

func (d *definitions) End(e xmlfile.Ended) error {
	if d.depth == 0 || e.Depth != d.depth {
		return nil
	}
	d.depth = 0
	slices.Sort(d.tags)
	d.open.tags = strings.Join(slices.Compact(d.tags), "\n")
	if len(d.tests) >= d.lim.Tests {
		d.full = true
		return report.ErrStop
	}
	d.open.class, d.open.tags = d.once(d.open.class), d.once(d.open.tags)
	if d.full {
		return report.ErrStop
	}
	d.tests[idOf(d.id)] = d.open
	return nil
}

// once returns the one copy of a text.
func (d *definitions) once(text string) string {
	if kept, ok := d.names[text]; ok {
		return kept
	}
	if d.bytes += int64(len(text)); d.bytes > d.lim.OpenBytes {
		d.full = true
		return ""
	}
	d.names[text] = text
	return text
}
