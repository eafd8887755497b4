package bootfiles

import "time"

// Limits bounds the rendering of one asset. A zero field means the field of
// DefaultLimits.
type Limits struct {
	Template int           // bytes of a template
	Output   int           // bytes of a rendered asset
	Value    int           // bytes of a text, or 16 for each entry of a list, kept in a variable; a text longer than this is not taken apart
	Memory   int           // bytes of all values that a template makes
	Steps    int           // loop passes, filter and macro calls
	Range    int           // entries that range() gives
	Depth    int           // macros that call macros, nested brackets
	Time     time.Duration // for one template
	Fetched  int           // bytes of data from a location
	Packages int           // entries of a package list
}

// DefaultLimits suits files that people write by hand.
var DefaultLimits = Limits{
	Template: 256 << 10,
	Output:   4 << 20,
	Value:    64 << 10,
	Memory:   32 << 20,
	Steps:    100_000,
	Range:    4096,
	Depth:    32,
	Time:     2 * time.Second,
	Fetched:  4 << 20,
	Packages: 10_000,
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ have, def *int }{
		{&l.Template, &d.Template}, {&l.Output, &d.Output}, {&l.Value, &d.Value}, {&l.Memory, &d.Memory}, {&l.Steps, &d.Steps}, {&l.Range, &d.Range},
		{&l.Depth, &d.Depth}, {&l.Fetched, &d.Fetched}, {&l.Packages, &d.Packages},
	} {
		if *f.have <= 0 {
			*f.have = *f.def
		}
	}
	if l.Time <= 0 {
		l.Time = d.Time
	}
	return l
}
