package analysis

import (
	"context"
	"fmt"
	"sync"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// comparison is two sets that are compared, and how.
type comparison struct {
	h          *Handler
	head, base *analysisstore.Set // base may be nil
	fields     []string
	book       *known.Book
}

func (h *Handler) comparison(head, base *analysisstore.Set, wanted []string) *comparison {
	return &comparison{
		h: h, head: head, base: base, book: known.NewBook(h.store),
		fields: engine.SharedFields(sets.RefOf(head).Kind, sets.RefOf(base).Kind, wanted),
	}
}

// entry is an item, and the issue that explains its failure.
type entry = engine.Explained

const (
	// entriesAtOnce is how many items are explained together.
	entriesAtOnce = 512

	// pageAtOnce is the same for a page at least: a small one must not read far
	// beyond its end.
	pageAtOnce = 64
)

// passage is a part that is walked, and says what is passed over, and how much may
// be read beyond what visit takes.
type passage struct {
	span   engine.Span
	passes func(i *engine.Item) bool // nil: every item
	atOnce int                       // 0: entriesAtOnce
}

// walk calls visit with the items of a part of the comparison, in order, until it
// returns false. Its tests are good until visit returns.
func (c *comparison) walk(ctx context.Context, r passage, visit func(e *entry) (bool, error)) error {
	span := r.span
	var from *engine.Key
	if len(span.From.Context) > 0 || span.From.Name != "" {
		from = &span.From
	}
	head, closeHead, err := c.h.stream(ctx, c.head, c.fields, from)
	if err != nil {
		return err
	}
	defer closeHead()
	base, closeBase, err := c.h.stream(ctx, c.base, c.fields, from)
	if err != nil {
		return err
	}
	defer closeBase()
	batch := &batch{c: c, visit: visit, atOnce: entriesAtOnce}
	if r.atOnce > 0 {
		batch.atOnce = min(r.atOnce, entriesAtOnce)
	}
	err = engine.Merge(head, base, func(i *engine.Item) (bool, error) {
		if span.To != nil && i.Key().Compare(*span.To) >= 0 {
			return false, nil
		}
		if r.passes != nil && !r.passes(i) {
			return true, nil
		}
		return batch.add(ctx, i)
	})
	if err == nil && !batch.over {
		_, err = batch.flush(ctx)
	}
	if err != nil {
		return err
	}
	return c.h.store.StillThere(ctx, c.head, c.base)
}

// batch collects items until enough are there to be explained together. One that
// nothing can explain is passed on at once, when none waits before it.
type batch struct {
	c      *comparison
	visit  func(e *entry) (bool, error)
	atOnce int
	list   []entry
	tests  []engine.Test
	over   bool
}

func (b *batch) add(ctx context.Context, i *engine.Item) (bool, error) {
	failed := i.Head != nil && i.Head.Outcome.Failed()
	if !failed && len(b.list) == 0 {
		more, err := b.visit(&entry{Item: *i})
		b.over = !more
		return more, err
	}
	if b.tests == nil {
		b.tests = make([]engine.Test, 0, 2*b.atOnce)
	}
	b.list = append(b.list, entry{Item: engine.Item{Class: i.Class, Head: b.keep(i.Head), Base: b.keep(i.Base)}})
	if len(b.list) < b.atOnce {
		return true, nil
	}
	return b.flush(ctx)
}

// keep copies a test, which is good only until the next one is read.
func (b *batch) keep(t *engine.Test) *engine.Test {
	if t == nil {
		return nil
	}
	b.tests = append(b.tests, *t)
	return &b.tests[len(b.tests)-1]
}

func (b *batch) flush(ctx context.Context) (bool, error) {
	var failures []known.Failure
	var of []int
	for n := range b.list {
		if t := b.list[n].Head; t != nil && t.Outcome.Failed() {
			failures = append(failures, known.Failure{Tenant: t.Tenant, Line: sets.LineOf(b.c.head), Fields: b.c.fields, Test: t})
			of = append(of, n)
		}
	}
	issues, err := b.c.book.Explain(ctx, failures)
	if err != nil {
		return false, err
	}
	for n, issue := range issues {
		b.list[of[n]].Issue = issue
	}
	for n := range b.list {
		if more, err := b.visit(&b.list[n]); err != nil || !more {
			b.over = true
			return false, err
		}
	}
	b.list, b.tests = b.list[:0], b.tests[:0]
	return true, nil
}

// plan walks the whole comparison, or remembers it.
func (c *comparison) plan(ctx context.Context) (*engine.Plan, error) {
	key, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	if p := c.h.plans.get(key); p != nil {
		return p, nil
	}
	p := &engine.Plan{}
	err = c.walk(ctx, passage{}, func(e *entry) (bool, error) {
		p.Add(e)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	c.h.plans.put(key, p)
	return p, nil
}

// key names what a comparison comes to; it is empty where that may change.
func (c *comparison) key(ctx context.Context) (string, error) {
	if !c.head.Immutable() || c.base != nil && !c.base.Immutable() {
		return "", nil
	}
	issues, err := c.h.store.OpenIssues(ctx, c.head.Tenant)
	if err != nil {
		return "", err
	}
	key := fmt.Sprint(c.head.ID(), "|", c.fields)
	if c.base != nil {
		key += "|" + c.base.ID()
	}
	for i := range issues {
		key += fmt.Sprint("|", issues[i].ID, store.Micros(issues[i].UpdatedAt))
	}
	return key, nil
}

// plans remembers the plans of comparisons of sets that cannot change, those that
// were used last: at most so many, and so many bytes of them.
type plans struct {
	most, mostBytes int

	mu    sync.Mutex
	byKey map[string]*engine.Plan
	order []string // of use
	bytes int
}

func (p *plans) get(key string) *engine.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := p.byKey[key]
	if plan != nil {
		p.use(key)
	}
	return plan
}

func (p *plans) put(key string, plan *engine.Plan) {
	if key == "" || p.most == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey == nil {
		p.byKey = map[string]*engine.Plan{}
	}
	if before := p.byKey[key]; before != nil {
		p.bytes -= before.Size()
	}
	p.byKey[key] = plan
	p.bytes += plan.Size()
	p.use(key)
	for len(p.order) > p.most || p.bytes > p.mostBytes && len(p.order) > 1 {
		p.bytes -= p.byKey[p.order[0]].Size()
		delete(p.byKey, p.order[0])
		p.order = p.order[1:]
	}
}

// use makes a key the last one to go.
func (p *plans) use(key string) {
	for i, k := range p.order {
		if k == key {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
	p.order = append(p.order, key)
}
