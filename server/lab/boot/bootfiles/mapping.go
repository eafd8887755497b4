package bootfiles

import "github.com/nikolalohinski/gonja/v2/exec"

// entry is one of a mapping.
type entry struct {
	key   string
	value any
}

// ordered collects the entries of a mapping in their order. Setting one again
// keeps its place, as in Python.
type ordered struct {
	entries []entry
	at      map[string]int
}

func (o *ordered) set(key string, value any) {
	if i, there := o.at[key]; there {
		o.entries[i].value = value
		return
	}
	if o.at == nil {
		o.at = map[string]int{}
	}
	o.at[key] = len(o.entries)
	o.entries = append(o.entries, entry{key, value})
}

func (o *ordered) mapping() any { return mapping(o.entries...) }

// mapping is a map that keeps its order, which a Go map does not. gonja takes one
// without entries for true, but not an empty Go map.
func mapping(entries ...entry) any {
	if len(entries) == 0 {
		return map[string]any{}
	}
	d := exec.NewDict()
	for _, e := range entries {
		d.Pairs = append(d.Pairs, &exec.Pair{Key: exec.AsValue(e.key), Value: exec.ToValue(e.value)})
	}
	return d
}
