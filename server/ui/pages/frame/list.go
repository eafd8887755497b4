package frame

import (
	"net/url"
	"strings"
)

// Chip is a filter in the address: on or off, with a link that turns it over.
type Chip struct {
	Label   string
	Outcome string // draws its mark; "" for none
	Count   any    // nil: not counted
	On      bool
	Href    string
	Choice  bool // one of several, of which another one takes its place
}

// OutcomeChips are chips for the outcomes, with how many each has.
func (v *Visit) OutcomeChips(name string, on []string, c Counts) []Chip {
	counts := map[string]int{"fail": c.Fail, "error": c.Error, "unknown": c.Unknown, "skip": c.Skip, "pass": c.Pass, "running": c.Running, "waiting": c.Waiting}
	var chips []Chip
	for _, word := range Outcomes {
		n, isOn := counts[word], contains(on, word)
		if n == 0 && !isOn {
			continue
		}
		rest := without(on, word)
		if !isOn {
			rest = append(rest, word)
		}
		value := strings.Join(rest, ",")
		if value == "" {
			value = "all"
		}
		chips = append(chips, Chip{Label: word, Outcome: word, Count: n, On: isOn, Href: v.With(name, value)})
	}
	return chips
}

// Active is the chip of a filter that is on: its link takes it off.
func (v *Visit) Active(label, name string) Chip {
	return Chip{Label: label, On: true, Href: v.With(name)}
}

func contains(list []string, item string) bool {
	for _, s := range list {
		if s == item {
			return true
		}
	}
	return false
}

func without(list []string, item string) []string {
	rest := []string{}
	for _, s := range list {
		if s != item {
			rest = append(rest, s)
		}
	}
	return rest
}

// Pager are the links to the pages before and after. A list of the API knows only
// what follows, so the address carries the cursors of the pages before.
type Pager struct{ First, Previous, Next string }

// maxTrail is how many pages back the address remembers; beyond it goes back to the
// first.
const maxTrail = 8

// Pager makes the links of a list by cursor. next is the cursor of the answer, in
// whatever type it has; the page's own is in the parameter after.
func (v *Visit) Pager(next any) Pager {
	var p Pager
	here, q := v.Query("after"), v.HTTP.URL.Query()
	var trail []string
	if from := v.Query("from"); from != "" {
		trail = strings.Split(from, "~")
	}
	if cursor, _ := deref(next).(string); cursor != "" {
		back := trail
		if here != "" {
			back = append(back, here)
		}
		p.Next = address(v.HTTP.URL.EscapedPath(), cursors(q, cursor, back[max(0, len(back)-maxTrail):]))
	}
	if here != "" {
		p.First = address(v.HTTP.URL.EscapedPath(), cursors(q, "", nil))
		p.Previous = p.First
		if n := len(trail); n > 0 {
			p.Previous = address(v.HTTP.URL.EscapedPath(), cursors(q, trail[n-1], trail[:n-1]))
		}
	}
	return p
}

func cursors(q url.Values, after string, from []string) url.Values {
	out := url.Values{}
	for name, values := range q {
		if name != "after" && name != "from" {
			out[name] = values
		}
	}
	if after != "" {
		out.Set("after", after)
	}
	if len(from) > 0 {
		out.Set("from", strings.Join(from, "~"))
	}
	return out
}

// APIPath writes the path and query of a call, for View.API: pairs of names and values,
// of which the empty ones are left out.
func APIPath(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Optional is a pointer to a value, nil for the zero one, as the client's parameters
// want it.
func Optional[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// Empty is what a page shows where there is nothing: why, and how to change that.
type Empty struct {
	Why     string
	Hint    string // what the command does
	Command string // one that works as it stands
	Link    Link
}
