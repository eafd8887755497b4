package design

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// kind is the type of a value.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindMap
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// value is one node of a document, read-only once made. Aliases share the value
// of their anchor, so the tree is a directed graph without cycles whose
// unfolded size Limits.Values bounds.
type value struct {
	kind   kind
	text   string // scalars as they were written
	items  []*value
	fields []field // in the order of the document
	size   int     // of the unfolded subtree, itself included
	depth  int
}

type field struct {
	key   string
	value *value
}

var nothing = &value{kind: kindNull}

// get returns the value under key, and a null when there is none.
func (v *value) get(key string) *value {
	for i := range v.fields {
		if v.fields[i].key == key {
			return v.fields[i].value
		}
	}
	return nothing
}

func (v *value) has(key string) bool { return v.get(key) != nothing }

func (v *value) isScalar() bool {
	return v.kind == kindBool || v.kind == kindNumber || v.kind == kindText
}

// scalar returns the text of a scalar, and "" for everything else. Booleans are
// spelt as Drydock stores them, True and False.
func (v *value) scalar() string {
	switch v.kind {
	case kindBool:
		if v.isTrue() {
			return "True"
		}
		return "False"
	case kindNumber, kindText:
		return v.text
	}
	return ""
}

func (v *value) isTrue() bool {
	yes, _ := boolean11(v.text)
	return v.kind == kindBool && yes
}

// texts returns the scalars of a list.
func (v *value) texts() []string {
	if len(v.items) == 0 {
		return nil
	}
	list := make([]string, 0, len(v.items))
	for _, item := range v.items {
		list = append(list, item.scalar())
	}
	return list
}

// keys returns the keys of a map.
func (v *value) keys() []string {
	var list []string
	for _, f := range v.fields {
		list = append(list, f.key)
	}
	return list
}

// textMap returns the scalars of a map.
func (v *value) textMap() map[string]string {
	if len(v.fields) == 0 {
		return nil
	}
	m := make(map[string]string, len(v.fields))
	for _, f := range v.fields {
		m[f.key] = f.value.scalar()
	}
	return m
}

// integer returns the whole number that v spells, if it is one that a network
// or disk could need. A fraction is cut off, as Python's int does.
func (v *value) integer() (int, bool) {
	if v.kind != kindNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.text, 64)
	if err != nil || math.Abs(f) > math.MaxInt32 || math.IsNaN(f) {
		return 0, false
	}
	return int(f), true
}

// plain turns a value into what encoding/json would make of it, except that
// numbers and booleans become their text.
func (v *value) plain() any {
	switch v.kind {
	case kindNull:
		return nil
	case kindList:
		list := make([]any, 0, len(v.items))
		for _, item := range v.items {
			list = append(list, item.plain())
		}
		return list
	case kindMap:
		m := make(map[string]any, len(v.fields))
		for _, f := range v.fields {
			m[f.key] = f.value.plain()
		}
		return m
	}
	return v.scalar()
}

// builder turns YAML nodes into values and watches the limits on the way.
type builder struct {
	lim     Limits
	left    int
	before  int // lines before those that the nodes count
	anchors map[*yaml.Node]*value
}

// build converts one node. Depth counts from 1.
func (b *builder) build(n *yaml.Node, depth int) (*value, error) {
	if depth > b.lim.Depth {
		return nil, b.fault(n, fmt.Sprintf("nested deeper than %d levels", b.lim.Depth))
	}
	if n.Kind == yaml.AliasNode {
		return b.alias(n, depth)
	}
	if b.left--; b.left < 0 {
		return nil, b.tooMany(n)
	}
	v := &value{size: 1, depth: 1}
	var err error
	switch n.Kind {
	case yaml.ScalarNode:
		if !v.setScalar(n) {
			err = b.foreignTag(n)
		}
	case yaml.SequenceNode:
		err = b.list(v, n, depth)
	case yaml.MappingNode:
		err = b.object(v, n, depth)
	default:
		err = b.fault(n, "not a YAML value")
	}
	if err != nil {
		return nil, err
	}
	if n.Anchor != "" {
		b.anchors[n] = v
	}
	return v, nil
}

func (b *builder) tooMany(n *yaml.Node) error {
	return b.fault(n, fmt.Sprintf("holds more than %d values, aliases counted as what they stand for", b.lim.Values))
}

// alias shares the value of its anchor. The anchor is complete when its alias
// comes, or else it contains itself.
func (b *builder) alias(n *yaml.Node, depth int) (*value, error) {
	v := b.anchors[n.Alias]
	if v == nil {
		return nil, b.fault(n, "an anchor contains its own alias")
	}
	if depth+v.depth-1 > b.lim.Depth {
		return nil, b.fault(n, fmt.Sprintf("nested deeper than %d levels", b.lim.Depth))
	}
	if b.left -= v.size; b.left < 0 {
		return nil, b.tooMany(n)
	}
	return v, nil
}

func (v *value) add(child *value) {
	v.size += child.size
	v.depth = max(v.depth, child.depth+1)
}

func (b *builder) list(v *value, n *yaml.Node, depth int) error {
	if n.ShortTag() != "!!seq" {
		return b.foreignTag(n)
	}
	v.kind = kindList
	v.items = make([]*value, 0, len(n.Content))
	for _, c := range n.Content {
		item, err := b.build(c, depth+1)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
		v.add(item)
	}
	return nil
}

func (b *builder) object(v *value, n *yaml.Node, depth int) error {
	if n.ShortTag() != "!!map" {
		return b.foreignTag(n)
	}
	v.kind = kindMap
	v.fields = make([]field, 0, len(n.Content)/2)
	seen := make(map[string]bool, len(n.Content)/2)
	var merged []*value
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		child, err := b.build(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if key.Kind == yaml.ScalarNode && key.Style == 0 && key.Value == "<<" {
			merged = append(merged, child)
			continue
		}
		name, ok := keyText(key)
		switch {
		case !ok:
			return b.fault(key, "a key must be a scalar")
		case seen[name]:
			return b.fault(key, "a key appears twice in one mapping")
		}
		seen[name] = true
		v.fields = append(v.fields, field{name, child})
		v.add(child)
	}
	for _, m := range merged {
		if err := b.merge(v, m, seen, n); err != nil {
			return err
		}
	}
	return nil
}

// merge adds the fields of a "<<" value that the mapping does not have itself;
// the earlier of several mappings wins.
func (b *builder) merge(v, from *value, seen map[string]bool, n *yaml.Node) error {
	switch from.kind {
	case kindMap:
		for _, f := range from.fields {
			if !seen[f.key] {
				seen[f.key] = true
				v.fields = append(v.fields, f)
				v.add(f.value)
			}
		}
		return nil
	case kindList:
		for _, item := range from.items {
			if item.kind != kindMap {
				break
			}
			if err := b.merge(v, item, seen, n); err != nil {
				return err
			}
		}
		return nil
	}
	return b.fault(n, `"<<" must name a mapping or a list of mappings`)
}

func keyText(n *yaml.Node) (string, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Value, n.Kind == yaml.ScalarNode
}

func (b *builder) fault(n *yaml.Node, reason string) error {
	return &SyntaxError{b.before + n.Line, reason}
}

func (b *builder) foreignTag(n *yaml.Node) error {
	return b.fault(n, "uses a YAML tag that designs do not have")
}
