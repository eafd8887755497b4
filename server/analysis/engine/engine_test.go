package engine_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/analysis/engine"
)

// The table of the classes, row by row.
func TestClassOf(t *testing.T) {
	t.Parallel()
	bases := []engine.Outcome{engine.Absent, engine.Pass, engine.Fail, engine.Error, engine.Unknown, engine.Skip}
	for head, want := range map[engine.Outcome]string{
		engine.Fail:    "new_failing new_failure still_failing new_failure new_failure new_failure",
		engine.Error:   "error error error error error error",
		engine.Pass:    "new_passing still_passing fixed now_passing now_passing now_passing",
		engine.Skip:    "skipped now_skipped now_skipped now_skipped now_skipped skipped",
		engine.Unknown: "unknown unknown unknown unknown unknown unknown",
		engine.Absent:  "- gone gone gone gone gone",
	} {
		for i, word := range strings.Fields(want) {
			if word == "-" {
				continue
			}
			if got := engine.ClassOf(head, bases[i]).String(); got != word {
				t.Errorf("ClassOf(%q, %q) = %s, want %s", head, bases[i], got, word)
			}
		}
	}
}

// The table of the outcomes, source by source.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	agent := func(status string) engine.Outcome { return engine.OfOpportunity(status, false) }
	for _, tt := range []struct {
		name  string
		of    func(string) engine.Outcome
		words string
		want  engine.Outcome
	}{
		{"a file's pass", engine.OfFile, "success xfail", engine.Pass},
		{"a file's fail", engine.OfFile, "fail uxsuccess", engine.Fail},
		{"a file's test that gave no verdict", engine.OfFile, "inprogress unknown", engine.Error},
		{"a file's skip", engine.OfFile, "skip", engine.Skip},
		{"a file's test that was not run", engine.OfFile, "exists", engine.Unknown},
		{"a case's pass", engine.OfCase, "PASS pass Pass", engine.Pass},
		{"a case's fail", engine.OfCase, "FAIL fail", engine.Fail},
		{"a case's error", engine.OfCase, "ERROR", engine.Error},
		{"a case's skip", engine.OfCase, "SKIP", engine.Skip},
		{"a case's other words", engine.OfCase, "OFFLINE UNTRIED PASSED x", engine.Unknown},
		{"a boot's pass", engine.OfBoot, "PASS", engine.Pass},
		{"a boot's fail", engine.OfBoot, "FAIL", engine.Fail},
		{"a boot's error", engine.OfBoot, "OFFLINE offline", engine.Error},
		{"a boot's skip", engine.OfBoot, "UNTRIED", engine.Skip},
		{"a boot's other words", engine.OfBoot, "UNKNOWN ERROR SKIP", engine.Unknown},
		{"an agent's pass", agent, "PASSED passed", engine.Pass},
		{"an agent's fail", agent, "FAILED", engine.Fail},
		{"an agent's error", agent, "ERROR", engine.Error},
		{"an agent's skip", agent, "SKIPPED", engine.Skip},
		{"an agent's other words", agent, "PASS CONFUSED", engine.Unknown},
		{"a result of the server", func(s string) engine.Outcome { return engine.OfOpportunity(s, true) }, "ERROR PASSED", engine.Error},
	} {
		for word := range strings.FieldsSeq(tt.words) {
			if got := tt.of(word); got != tt.want {
				t.Errorf("%s: %q is %q, want %q", tt.name, word, got, tt.want)
			}
		}
	}
	order := []engine.Outcome{engine.Fail, engine.Error, engine.Unknown, engine.Skip, engine.Pass}
	for i := 1; i < len(order); i++ {
		if !order[i-1].WorseThan(order[i]) || order[i].WorseThan(order[i-1]) {
			t.Errorf("%s must be worse than %s", order[i-1], order[i])
		}
	}
}

// randomSet is a set of tests in order, in which some keys come several times.
func randomSet(r *rand.Rand, n int) []engine.Test {
	outcomes := []engine.Outcome{engine.Pass, engine.Fail, engine.Error, engine.Skip, engine.Unknown}
	set := make([]engine.Test, 0, n)
	for range n {
		context := []string{"", "=a", "=b"}[r.IntN(3)]
		set = append(set, engine.Test{
			Key: engine.Key{Context: []string{context}, Name: fmt.Sprint("t", r.IntN(2*n))}, Outcome: outcomes[r.IntN(len(outcomes))],
		})
	}
	slices.SortStableFunc(set, func(a, b engine.Test) int { return a.Key.Compare(b.Key) })
	return set
}

func folded(set []engine.Test) engine.Stream {
	s := engine.Slice(slices.Clone(set))
	return engine.Fold(&s)
}

type seen struct {
	key   string
	class engine.Class
}

func merge(t *testing.T, head, base []engine.Test) (items []seen, plan engine.Plan, keys []engine.Key) {
	t.Helper()
	err := engine.Merge(folded(head), folded(base), func(i *engine.Item) (bool, error) {
		items = append(items, seen{fmt.Sprint(i.Key()), i.Class})
		keys = append(keys, i.Key())
		e := &engine.Explained{Item: *i}
		if knownKey(i.Key()) {
			e.Issue = &engine.Issue{ID: i.Key().Name}
		}
		plan.Add(e)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return items, plan, keys
}

// knownKey says of some failures that they are known.
func knownKey(k engine.Key) bool { return strings.HasSuffix(k.Name, "7") }

// worst is what a set comes to, found in another way.
func worst(set []engine.Test) map[string]engine.Outcome {
	m := map[string]engine.Outcome{}
	for i := range set {
		key := fmt.Sprint(set[i].Key)
		if old, known := m[key]; !known || set[i].Outcome.WorseThan(old) {
			m[key] = set[i].Outcome
		}
	}
	return m
}

func TestMerge_Properties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		head, base := randomSet(r, r.IntN(300)), randomSet(r, r.IntN(300))
		items, plan, keys := merge(t, head, base)
		if !slices.IsSortedFunc(keys, engine.Key.Compare) {
			t.Fatal("items are out of order")
		}
		inHead, inBase := worst(head), worst(base)
		if got, want := plan.Totals.Head.Tests(), int64(len(inHead)); got != want {
			t.Fatalf("the head has %d tests, want %d", got, want)
		}
		if got, want := plan.Totals.Base.Tests(), int64(len(inBase)); got != want {
			t.Fatalf("the base has %d tests, want %d", got, want)
		}
		var sum int64
		for _, n := range plan.Totals.Classes {
			sum += n
		}
		if sum != int64(len(items)) {
			t.Fatalf("classes add up to %d, want %d items", sum, len(items))
		}
		for _, i := range items {
			if want := engine.ClassOf(inHead[i.key], inBase[i.key]); i.class != want {
				t.Fatalf("%s is %s, want %s", i.key, i.class, want)
			}
		}
		_, swapped, _ := merge(t, base, head)
		if swapped.Totals.Classes[engine.Gone] != onlyIn(inHead, inBase) || plan.Totals.Classes[engine.Gone] != onlyIn(inBase, inHead) {
			t.Fatalf("swapping sides: gone %d and %d", plan.Totals.Classes[engine.Gone], swapped.Totals.Classes[engine.Gone])
		}
		_, self, _ := merge(t, head, head)
		for _, c := range []engine.Class{engine.NewFailure, engine.NewFailing, engine.Fixed, engine.Gone, engine.NewPassing, engine.NowPassing, engine.NowSkipped} {
			if self.Totals.Classes[c] != 0 {
				t.Fatalf("a set with itself has %d %s", self.Totals.Classes[c], c)
			}
		}
	}
}

func onlyIn(a, b map[string]engine.Outcome) (n int64) {
	for key := range a {
		if _, in := b[key]; !in {
			n++
		}
	}
	return n
}

// A page at any cursor is the same slice of the whole, and is found without the
// blocks that hold nothing of it.
func TestPlan_Spans(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	head, base := randomSet(r, 30_000), randomSet(r, 30_000)
	for i := range head { // long parts without a failure
		if i > 6_500 && i < 23_500 && head[i].Outcome == engine.Fail {
			head[i].Outcome = engine.Pass
		}
	}
	_, plan, _ := merge(t, head, base)
	for _, classes := range []engine.Classes{engine.AllClasses, engine.DefaultClasses, 1 << engine.NewFailing} {
		for _, known := range []engine.Known{engine.IncludeKnown, engine.ExcludeKnown, engine.OnlyKnown} {
			var whole []engine.Key
			for i := range read(t, head, base, engine.Span{}) {
				if classes.Has(i.Class) && known.Wants(knownKey(i.Key())) {
					whole = append(whole, i.Key())
				}
			}
			for _, n := range []int{0, 1, 5, len(whole) / 2, len(whole) - 1} {
				var after *engine.Key
				if n > 0 {
					after = &whole[n-1]
				}
				got := planned(t, &plan, head, base, classes, known, after)
				if !reflect.DeepEqual(got, whole[max(n, 0):]) {
					t.Errorf("classes %b, known %s, after %d of %d: %d items", classes, known, n, len(whole), len(got))
				}
			}
		}
	}
	if spans := plan.Spans(0, engine.IncludeKnown, nil); spans != nil {
		t.Errorf("no class is found in %v", spans)
	}
}

// planned are the keys of the items that a plan finds, those it keeps among them.
func planned(t *testing.T, plan *engine.Plan, head, base []engine.Test, classes engine.Classes, known engine.Known, after *engine.Key) (got []engine.Key) {
	t.Helper()
	kept := plan.Kept(classes, known, after)
	pass := func(before *engine.Key) {
		for e := kept.Next(before); e != nil; e = kept.Next(before) {
			if (e.Issue != nil) != knownKey(e.Key()) {
				t.Fatalf("%v is kept with issue %v", e.Key(), e.Issue)
			}
			got = append(got, e.Key())
		}
	}
	for _, span := range plan.Spans(classes, known, after) {
		for i := range read(t, head, base, span) {
			key, e := i.Key(), engine.Explained{Item: i}
			if knownKey(key) {
				e.Issue = &engine.Issue{}
			}
			if after != nil && key.Compare(*after) <= 0 || plan.Keeps(&e) || !classes.Has(i.Class) || !known.Wants(e.Issue != nil) {
				continue
			}
			pass(&key)
			got = append(got, key)
		}
	}
	pass(nil)
	return got
}

// A class of which there are few is not read again.
func TestPlan_Kept(t *testing.T) {
	t.Parallel()
	var plan engine.Plan
	const items = 200_000
	for n := range items {
		i := engine.Item{Class: engine.StillPassing, Head: &engine.Test{Key: engine.Key{Name: fmt.Sprintf("t%07d", n)}, Outcome: engine.Pass}}
		i.Base = i.Head
		if n%1000 == 0 {
			i = engine.Item{Class: engine.Gone, Base: i.Head}
		}
		plan.Add(&engine.Explained{Item: i})
	}
	if spans := plan.Spans(1<<engine.Gone, engine.IncludeKnown, nil); spans != nil {
		t.Errorf("a class of %d items is read in %d spans", items/1000, len(spans))
	}
	kept, n := plan.Kept(1<<engine.Gone, engine.IncludeKnown, &engine.Key{Name: "t0001000"}), 0
	for e := kept.Next(nil); e != nil; e = kept.Next(nil) {
		n++
	}
	if n != items/1000-2 {
		t.Errorf("%d items are kept behind the second, want %d", n, items/1000-2)
	}
	if e := plan.Kept(1<<engine.StillPassing, engine.IncludeKnown, nil).Next(nil); e != nil {
		t.Errorf("%v is kept of a class of %d items", e.Key(), items)
	}
	if most := 200 << 10; plan.Size() > most {
		t.Errorf("the plan takes %d bytes, want at most %d", plan.Size(), most)
	}
}

// However many sorts there are, a plan keeps a bounded part of the items.
func TestPlan_Bounded(t *testing.T) {
	t.Parallel()
	var plan engine.Plan
	for n := range 60_000 {
		e := engine.Explained{Item: engine.Item{Class: engine.Class(n % 12), Head: &engine.Test{Key: engine.Key{Name: fmt.Sprint("t", n)}}}}
		if n%24 < 12 {
			e.Issue = &engine.Issue{}
		}
		plan.Add(&e)
	}
	kept, n := plan.Kept(engine.AllClasses, engine.IncludeKnown, nil), 0
	for e := kept.Next(nil); e != nil; e = kept.Next(nil) {
		n++
	}
	if n == 0 || n > 16384 {
		t.Errorf("%d items are kept", n)
	}
}

// read walks a part of a comparison.
func read(t *testing.T, head, base []engine.Test, span engine.Span) func(func(engine.Item) bool) {
	t.Helper()
	from := func(set []engine.Test) engine.Stream {
		i := slices.IndexFunc(set, func(t engine.Test) bool { return span.From.Context == nil || t.Key.Compare(span.From) >= 0 })
		if i < 0 {
			return folded(nil)
		}
		return folded(set[i:])
	}
	return func(yield func(engine.Item) bool) {
		err := engine.Merge(from(head), from(base), func(i *engine.Item) (bool, error) {
			if span.To != nil && i.Key().Compare(*span.To) >= 0 {
				return false, nil
			}
			return yield(*i), nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestSharedFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		head, base engine.Kind
		wanted     []string
		want       string
	}{
		{engine.Kernel, engine.Kernel, nil, "arch board build_environment defconfig_full device_type lab_name"},
		{engine.Kernel, engine.Group, []string{"lab_name", "arch"}, "arch lab_name"},
		{engine.Kernel, engine.Kernel, []string{}, ""},
		{engine.Kernel, engine.None, nil, "arch board build_environment defconfig_full device_type lab_name"},
		{engine.Kernel, engine.Run, nil, ""},
		{engine.Image, engine.Opportunity, nil, "platform primary_snap_name spec_name"},
		{engine.Image, engine.Group, nil, ""},
		{engine.Run, engine.Published, nil, ""},
	} {
		if got := strings.Join(engine.SharedFields(tt.head, tt.base, tt.wanted), " "); got != tt.want {
			t.Errorf("SharedFields(%s, %s, %v) = %q, want %q", tt.head, tt.base, tt.wanted, got, tt.want)
		}
	}
	if err := engine.CheckFields([]string{"arch", "colour"}); err == nil || !strings.Contains(err.Error(), "colour") || !strings.Contains(err.Error(), "spec_name") {
		t.Errorf("CheckFields: %v", err)
	}
}

func TestParseClasses(t *testing.T) {
	t.Parallel()
	if c, err := engine.ParseClasses(nil); err != nil || c != engine.DefaultClasses || c.Has(engine.StillPassing) || !c.Has(engine.Gone) {
		t.Errorf("none: %b, %v", c, err)
	}
	if c, err := engine.ParseClasses([]string{"all", "gone"}); err != nil || c != engine.AllClasses {
		t.Errorf("all: %b, %v", c, err)
	}
	if _, err := engine.ParseClasses([]string{"gone", "newly"}); err == nil || !strings.Contains(err.Error(), "newly") || !strings.Contains(err.Error(), "still_passing") {
		t.Errorf("an unknown one: %v", err)
	}
}
