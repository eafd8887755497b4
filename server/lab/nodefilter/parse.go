package nodefilter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Limits bounds what a filter may hold. The zero value means DefaultLimits.
type Limits struct {
	Filters int // filters in a set
	Values  int // names, tags, labels of all filters together
}

// DefaultLimits is far above what a lab needs: a filter that names each of
// 10 000 nodes passes.
var DefaultLimits = Limits{Filters: 1000, Values: 100_000}

// Error tells what is wrong with a filter and where.
type Error struct {
	// Pointer is the JSON pointer of the faulty part inside the filter; it is
	// empty for the filter as a whole.
	Pointer string
	// Reason says what was found and what is allowed.
	Reason string
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return "node_filter " + e.Reason
	}
	return "node_filter" + e.Pointer + " " + e.Reason
}

// ForNodes builds the filter that selects exactly the named nodes, in the form
// that Drydock gives to its subtasks.
func ForNodes(names ...string) json.RawMessage {
	if names == nil {
		names = []string{}
	}
	type filter struct {
		Names []string `json:"node_names"`
		Type  Join     `json:"filter_type"`
	}
	raw, err := json.Marshal(struct {
		Type Join     `json:"filter_set_type"`
		Set  []filter `json:"filter_set"`
	}{Intersection, []filter{{names, Union}}})
	if err != nil { // two strings and a list of strings always marshal
		return nil
	}
	return raw
}

// ParseJSON checks a filter given as JSON text. Nothing at all and null give a
// nil filter, which selects every node. Every error is an *Error.
func ParseJSON(raw []byte, lim Limits) (*Filter, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, &Error{Reason: "is not JSON"}
	}
	return Parse(v, lim)
}

// Parse checks a filter given as the values that encoding/json makes (maps,
// slices, strings). A nil value gives a nil filter, which selects every node.
// Every error is an *Error.
func Parse(v any, lim Limits) (*Filter, error) {
	if v == nil {
		return nil, nil
	}
	if lim == (Limits{}) {
		lim = DefaultLimits
	}
	p := parser{left: lim.Values}
	return p.filterSet(v, lim)
}

// parser counts the values that may still come.
type parser struct {
	left int
}

func (p *parser) filterSet(v any, lim Limits) (*Filter, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, &Error{"", "must be an object or null, not " + kindOf(v)}
	}
	if err := onlyKeys("", object, "filter_set_type", "filter_set"); err != nil {
		return nil, err
	}
	join, err := parseJoin("/filter_set_type", object["filter_set_type"])
	if err != nil {
		return nil, err
	}
	list, ok := object["filter_set"].([]any)
	switch {
	case !ok:
		return nil, &Error{"/filter_set", "must be a list of filters, not " + kindOf(object["filter_set"])}
	case len(list) == 0:
		return nil, &Error{"/filter_set", "must hold at least one filter; leave node_filter out to select every node"}
	case len(list) > lim.Filters:
		return nil, &Error{"/filter_set", fmt.Sprintf("holds %d filters, at most %d are allowed", len(list), lim.Filters)}
	}
	f := &Filter{join: join, parts: make([]part, 0, len(list))}
	for i, item := range list {
		parsed, err := p.filter("/filter_set/"+strconv.Itoa(i), item)
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, parsed)
	}
	return f, nil
}

func (p *parser) filter(at string, v any) (part, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return part{}, &Error{at, "must be an object, not " + kindOf(v)}
	}
	err := onlyKeys(at, object, "filter_type", "node_names", "node_tags", "node_labels", "rack_names", "rack_labels")
	if err != nil {
		return part{}, err
	}
	join, err := parseJoin(at+"/filter_type", object["filter_type"])
	if err != nil {
		return part{}, err
	}
	f := part{join: join}
	for _, c := range criteria {
		fits, err := c.parse(p, at+"/"+c.key, object[c.key])
		if err != nil {
			return part{}, err
		}
		if fits != nil {
			f.criteria = append(f.criteria, fits)
		}
	}
	return f, nil
}

// criteria are the keys of a filter, each with its reader. A reader answers
// nil for an empty criterion, which is as if it were absent (Shipyard sends all
// of them, most of them empty).
var criteria = []struct {
	key   string
	parse func(p *parser, at string, v any) (criterion, error)
}{
	{"node_names", (*parser).nodeNames},
	{"node_tags", (*parser).nodeTags},
	{"node_labels", (*parser).nodeLabels},
	{"rack_names", (*parser).rackNames},
	{"rack_labels", (*parser).rackLabels},
}

func (p *parser) nodeNames(at string, v any) (criterion, error) {
	set, err := p.texts(at, v)
	if set == nil {
		return nil, err
	}
	return func(n *Node) bool { return set[n.Name] }, nil
}

func (p *parser) rackNames(at string, v any) (criterion, error) {
	set, err := p.texts(at, v)
	if set == nil {
		return nil, err
	}
	return func(n *Node) bool { return set[n.Rack] }, nil
}

func (p *parser) nodeTags(at string, v any) (criterion, error) {
	set, err := p.texts(at, v)
	if set == nil {
		return nil, err
	}
	return func(n *Node) bool {
		for _, tag := range n.Tags {
			if set[tag] {
				return true
			}
		}
		return false
	}, nil
}

func (p *parser) nodeLabels(at string, v any) (criterion, error) {
	pairs, err := p.labels(at, v)
	if pairs == nil {
		return nil, err
	}
	return func(n *Node) bool { return anyPair(pairs, n.Labels) }, nil
}

func (p *parser) rackLabels(at string, v any) (criterion, error) {
	pairs, err := p.labels(at, v)
	if pairs == nil {
		return nil, err
	}
	return func(n *Node) bool { return anyPair(pairs, n.RackLabels) }, nil
}

// label is a wanted pair. A missing label is one whose wanted value is null:
// Drydock compares null with "has no such label" and finds them equal
// (orchestrator/orchestrator.py, process_filter).
type label struct {
	key, value string
	missing    bool
}

func anyPair(wanted []label, have map[string]string) bool {
	for _, w := range wanted {
		value, found := have[w.key]
		if found != w.missing && value == w.value {
			return true
		}
	}
	return false
}

// texts reads a list of strings. It answers nil when there is none.
func (p *parser) texts(at string, v any) (map[string]bool, error) {
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, &Error{at, "must be a list of strings, not " + kindOf(v)}
	}
	if len(list) == 0 {
		return nil, nil
	}
	if err := p.take(at, len(list)); err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, &Error{at + "/" + strconv.Itoa(i), "must be a string, not " + kindOf(item)}
		}
		set[text] = true
	}
	return set, nil
}

// labels reads a map of strings or nulls. It answers nil when there is none.
func (p *parser) labels(at string, v any) ([]label, error) {
	if v == nil {
		return nil, nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, &Error{at, "must be an object of labels, not " + kindOf(v)}
	}
	if len(object) == 0 {
		return nil, nil
	}
	if err := p.take(at, len(object)); err != nil {
		return nil, err
	}
	pairs := make([]label, 0, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		switch value := object[key].(type) {
		case string:
			pairs = append(pairs, label{key: key, value: value})
		case nil:
			pairs = append(pairs, label{key: key, missing: true})
		default:
			return nil, &Error{at + "/" + escape(key), "must be a string or null, not " + kindOf(value)}
		}
	}
	return pairs, nil
}

func (p *parser) take(at string, n int) error {
	if p.left -= n; p.left < 0 {
		return &Error{at, "exceeds the number of names, tags and labels that one filter may hold"}
	}
	return nil
}

func parseJoin(at string, v any) (Join, error) {
	switch text, _ := v.(string); Join(text) {
	case Union:
		return Union, nil
	case Intersection:
		return Intersection, nil
	}
	return "", &Error{at, `must be "union" or "intersection"`}
}

// onlyKeys refuses a key that nobody would read: a misspelt criterion would
// otherwise widen or empty the selection in silence.
func onlyKeys(at string, object map[string]any, allowed ...string) error {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(allowed, key) {
			return &Error{at + "/" + escape(key), "is unknown; allowed are " + strings.Join(allowed, ", ")}
		}
	}
	return nil
}

// escape writes a key as one segment of a JSON pointer (RFC 6901), cut so that
// a hostile key cannot blow up an error message.
func escape(key string) string {
	if len(key) > 64 {
		key = strings.ToValidUTF8(key[:64], "") + "…"
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
