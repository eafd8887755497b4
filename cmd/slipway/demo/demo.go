package demo

import (
	"container/heap"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store"
)

// Options say what is filled. Store, Secret and Clock are required, and the store
// must read that clock.
type Options struct {
	Store  *store.Store
	Secret []byte
	Clock  *Clock

	// Until is the end of the story; zero is now.
	Until time.Time
	// Seed tells one story from another.
	Seed uint64
	// Days is how long the story is; zero is 30. Some of it takes 25 at least.
	Days int
	// Tenant gives all rows to a tenant. A server that is not empty takes a demo for
	// a tenant that has nothing yet. The lab's nodes, tasks and designs, which have no
	// tenant, are left out.
	Tenant string
	// Build names the build, for the server that is filled.
	Build string
}

// Made is what a story made.
type Made struct {
	Calls  int            // operations that were called
	Counts map[string]int // of what, such as runs
	Admin  string         // the text of the token of ada, who may do everything
}

// ErrNotEmpty says that a server has rows already.
var ErrNotEmpty = errors.New("the server is not empty")

// Fill fills the store. When it ends, the clock is the computer's again. What was
// made before an error stays.
func Fill(ctx context.Context, o Options) (*Made, error) {
	if o.Until.IsZero() {
		o.Until = time.Now()
	}
	if o.Days <= 0 {
		o.Days = 30
	}
	defer o.Clock.End()
	if err := mustBeEmpty(ctx, o); err != nil {
		return nil, err
	}
	start := &story{options: o}
	o.Clock.Set(start.ago(start.whole()))
	s, err := newStory(ctx, o)
	if err != nil {
		return nil, err
	}
	err = s.tell(ctx)
	s.server.Close()
	s.made.Calls = s.calls
	return s.made, err
}

// story is what happens. Its steps wait in the order of their time.
type story struct {
	caller
	options Options
	server  *server.Server
	clock   *Clock
	steps   steps
	seq     int
	made    *Made
	settled time.Time

	tokens map[string]string // by name
}

// step is something that happens at a time.
type step struct {
	at  time.Time
	seq int // of two at one time, the one that was thought of first
	do  func(context.Context) error
}

type steps []step

// Len, Less, Swap, Push and Pop make it a heap.
func (s steps) Len() int { return len(s) }

// Less orders by time.
func (s steps) Less(i, j int) bool {
	if !s[i].at.Equal(s[j].at) {
		return s[i].at.Before(s[j].at)
	}
	return s[i].seq < s[j].seq
}

// Swap swaps two.
func (s steps) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push adds one.
func (s *steps) Push(x any) { *s = append(*s, x.(step)) }

// Pop takes the last.
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// at says what happens at a time. Before the story's beginning nothing does.
func (s *story) at(when time.Time, do func(context.Context) error) {
	if when.Before(s.ago(s.whole())) {
		return
	}
	s.seq++
	heap.Push(&s.steps, step{when, s.seq, do})
}

// whole is the length of the story with the day on which all is set up.
func (s *story) whole() time.Duration { return time.Duration(s.options.Days+1) * 24 * time.Hour }

// ago is a time before the end of the story.
func (s *story) ago(d time.Duration) time.Time { return s.options.Until.Add(-d) }

// draw is a source of numbers of its own for each name, so that one part of a story
// does not change with another.
func (s *story) draw(name string) *mathrand.Rand {
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, name)
	return mathrand.New(mathrand.NewPCG(s.options.Seed, hash.Sum64())) //nolint:gosec // not for secrets
}

// count counts something that was made.
func (s *story) count(what string, n int) { s.made.Counts[what] += n }

// settleEvery is how much time passes at most before the server does what is due.
const settleEvery = 15 * time.Minute

// tell lets everything happen.
func (s *story) tell(ctx context.Context) error {
	if err := s.people(ctx); err != nil {
		return err
	}
	for _, part := range []func(){s.clouds, s.kernels, s.products, s.lab, s.issues} {
		part()
	}
	for s.steps.Len() > 0 {
		next := heap.Pop(&s.steps).(step)
		if next.at.After(s.options.Until) {
			continue // it has not happened yet
		}
		if next.at.Sub(s.settled) > settleEvery {
			if err := s.settle(ctx); err != nil {
				return err
			}
		}
		s.clock.Set(next.at)
		if err := next.do(ctx); err != nil {
			return err
		}
	}
	s.clock.Set(s.options.Until)
	return s.settle(ctx)
}

// settle lets the server do what its background would have done by now.
func (s *story) settle(ctx context.Context) error {
	s.settled = s.clock.Now()
	return s.server.Settle(ctx)
}

func newStory(ctx context.Context, o Options) (*story, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	admin := hex.EncodeToString(random[:])
	var c server.Config
	if err := errors.Join(kong.ApplyDefaults(&c), kong.ApplyDefaults(&c.Access.Life)); err != nil {
		return nil, err
	}
	c.Store, c.Build, c.Now = o.Store, o.Build, o.Clock.Now
	c.Auth = auth.New(auth.Config{Store: o.Store, Pepper: o.Secret, AdminToken: admin, Now: o.Clock.Now})
	c.Results.Pepper, c.Products.Secret, c.Lab.Secret = o.Secret, o.Secret, o.Secret
	c.Lab.Engine.Simulator.Delay = 0
	c.Products.CancelGrace = stays // what is being cancelled is so when somebody looks
	c.Products.WebhookHosts, c.Products.WebhookTransport = receivers(), receiver{o}
	h, err := server.New(c)
	if err != nil {
		return nil, err
	}
	s := &story{
		caller: caller{handler: h}, options: o, server: h, clock: o.Clock, made: &Made{Counts: map[string]int{}},
		tokens: map[string]string{"root": admin},
	}
	return s, s.enter(ctx)
}

// stays is how long what goes on at the end of a story goes on, unless its server is
// told otherwise.
const stays = 7 * 24 * time.Hour

// enter makes the caller somebody of the tenant, when there is one.
func (s *story) enter(ctx context.Context) error {
	if s.options.Tenant == "" {
		return nil
	}
	made, err := s.json(ctx, s.tokens["root"], "POST", "/v1/access-tokens", object{
		"name": "demo", "kind": "service", "roles": []string{"admin"}, "tenant": s.options.Tenant,
	})
	s.tokens["root"] = text(made, "token")
	return err
}

// receiver stands for the hosts that webhooks call, which do not exist. One of them
// has not been there for a day.
type receiver struct{ story Options }

func receivers() []string { return []string{"chat.lab.example", "ci.lab.example"} }

// RoundTrip answers in place of the network.
func (r receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	status := http.StatusNoContent
	if req.URL.Host == "ci.lab.example" && r.story.Clock.Now().After(r.story.Until.Add(-28*time.Hour)) {
		status = http.StatusBadGateway
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

// mustBeEmpty refuses a store that has rows of anybody, or, where a tenant is named, of
// that one.
func mustBeEmpty(ctx context.Context, o Options) error {
	if o.Tenant == "" {
		table, err := o.Store.Used(ctx)
		if err == nil && table != "" {
			err = fmt.Errorf("%w (%s); --data DIR makes a server of its own, --tenant NAME gives the demo to a tenant of its own", ErrNotEmpty, table)
		}
		return err
	}
	events, err := o.Store.Events(ctx, store.EventFilter{Tenant: o.Tenant, Limit: 1})
	if err == nil && len(events) > 0 {
		err = fmt.Errorf("%w: the tenant %s has rows", ErrNotEmpty, o.Tenant)
	}
	return err
}
