package waiting

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func ptr[T any](v T) *T { return &v }

func TestWhy(t *testing.T) {
	t.Parallel()

	now := time.Date(2016, 1, 4, 17, 0, 0, 0, time.UTC)
	product := uuid.New()
	arm := Agent{Platform: ptr("armhf"), Mode: Online, LastSeenAt: now, Capacity: 1}
	with := func(a Agent, change func(*Agent)) Agent { change(&a); return a }
	lab2 := with(arm, func(a *Agent) { a.AgentGroup = ptr("lab2") })
	busy := with(arm, func(a *Agent) { a.Holding = 1; a.LastSeenAt = now.Add(-time.Minute) })
	mute := with(busy, func(a *Agent) { a.LastSeenAt = now.Add(-3 * time.Hour) })
	quiet := with(mute, func(a *Agent) { a.Silence = ptr(4 * time.Hour) })
	silent := with(arm, func(a *Agent) { a.LastSeenAt = now.Add(-time.Hour) })
	draining := with(arm, func(a *Agent) { a.Mode = Draining })

	tests := []struct {
		name     string
		platform *string
		group    *string
		agents   []Agent
		code     Code
		says     string
	}{
		{"there is no agent at all", ptr("armhf"), nil, nil, NoAgent, "no agent registered"},
		{"no agent has the platform", ptr("amd64"), nil, []Agent{arm}, NoAgent, "for platform amd64"},
		{"an agent without a platform has none", ptr("amd64"), nil, []Agent{{Mode: Online, LastSeenAt: now, Capacity: 1}}, NoAgent, "for platform amd64"},
		{"no agent is in the group", ptr("armhf"), ptr("lab1"), []Agent{arm, lab2}, NoAgent, "for group lab1"},
		{
			"platform and group exist, but not together", ptr("amd64"), ptr("lab2"),
			[]Agent{lab2, {Platform: ptr("amd64"), Mode: Online}}, NoAgent, "for platform amd64 in group lab2",
		},
		{"the only agent takes other products", nil, nil, []Agent{with(arm, func(a *Agent) { a.Products = []uuid.UUID{uuid.New()} })}, NoAgent, "15.04-core"},
		{"the only agent takes other releases", nil, nil, []Agent{with(arm, func(a *Agent) { a.Releases = []string{"rolling"} })}, NoAgent, "15.04-core"},
		{"all are silent or not to be used", nil, nil, []Agent{silent, draining, draining}, NoneOnline, "of 3 agents that could run it, 2 draining, 1 silent"},
		{"an agent that runs a test and is heard of is busy", nil, nil, []Agent{busy, silent}, AllBusy, "each of 1 agent"},
		{"an agent that nothing is heard of is silent whatever it holds", nil, nil, []Agent{mute, silent}, NoneOnline, "of 2 agents that could run it, 2 silent"},
		{"unless it may be silent for so long", nil, nil, []Agent{quiet, silent}, AllBusy, "each of 1 agent"},
		{"or for ever", nil, nil, []Agent{with(silent, func(a *Agent) { a.Silence = ptr(time.Duration(0)) })}, NotAsked, "1 agent"},
		{"an agent of capacity two has room", nil, nil, []Agent{with(busy, func(a *Agent) { a.Capacity = 2 })}, NotAsked, "1 agent online"},
		{"a free agent will ask", ptr("armhf"), ptr("lab2"), []Agent{lab2}, NotAsked, "not asked for yet"},
		{"an agent that is limited to this product and release", nil, nil, []Agent{with(arm, func(a *Agent) { a.Products = []uuid.UUID{product}; a.Releases = []string{"15.04-core"} })}, NotAsked, "1 agent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			o := Opportunity{ProductID: product, Release: "15.04-core", Platform: tt.platform, AgentGroup: tt.group}
			got := Why(o, tt.agents, now, DefaultSilence)
			if got.Code != tt.code || !strings.Contains(got.Text, tt.says) {
				t.Errorf("Why = %s, %q, want %s and a text with %q", got.Code, got.Text, tt.code, tt.says)
			}
		})
	}
}

func TestWhy_WhatStandsBeforeIt(t *testing.T) {
	t.Parallel()

	now := time.Date(2016, 1, 4, 17, 0, 0, 0, time.UTC)
	good, bad := Agent{ID: "good", Mode: Online, LastSeenAt: now, Capacity: 1}, Agent{ID: "bad", Mode: Online, LastSeenAt: now, Capacity: 1}
	full := good
	full.Holding = 1
	gone := good
	gone.LastSeenAt = now.Add(-time.Hour)
	failed := map[string]time.Time{"bad": now.Add(30 * time.Second)}
	tests := []struct {
		name   string
		o      Opportunity
		agents []Agent
		code   Code
		says   string
		may    []string // have it
	}{
		{"others", Opportunity{Ahead: Ahead{Higher: 3, Earlier: 2}}, []Agent{good}, Behind, "3 of higher priority and 2 that waited longer stand before it; 1 agent online", []string{"good"}},
		{"one", Opportunity{Ahead: Ahead{Higher: 1}}, []Agent{good}, Behind, "1 of higher priority stands before it", []string{"good"}},
		{"more than were counted", Opportunity{Ahead: Ahead{Earlier: 1000, More: true}}, []Agent{full}, AllBusy, "; at least 1000 that waited longer stand before it", []string{"good"}},
		{"an agent that failed it", Opportunity{Avoided: failed}, []Agent{full, bad}, AllBusy, "1 agent that failed it leaves it to others", []string{"good"}},
		{"a pause of the only one left", Opportunity{Avoided: failed}, []Agent{gone, bad}, Paused, "2016-01-04T17:00:30Z", []string{"good"}},
		{"a pause of all", Opportunity{NotBefore: now.Add(time.Minute), Avoided: failed}, []Agent{good, bad}, Paused, "2016-01-04T17:01:00Z", nil},
		{"a pause that is over", Opportunity{Avoided: map[string]time.Time{"bad": now}}, []Agent{gone, bad}, NotAsked, "1 agent online", []string{"good", "bad"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := Why(tt.o, tt.agents, now, DefaultSilence)
			if got.Code != tt.code || !strings.Contains(got.Text, tt.says) {
				t.Errorf("Why = %s, %q, want %s and a text with %q", got.Code, got.Text, tt.code, tt.says)
			}
			for _, a := range tt.agents {
				if may := tt.o.May(a, tt.agents, now, DefaultSilence); may != slices.Contains(tt.may, a.ID) {
					t.Errorf("May(%s) = %t", a.ID, may)
				}
			}
		})
	}
}

func TestAheadOf(t *testing.T) {
	t.Parallel()

	now := time.Now()
	arm, amd := Agent{Platform: ptr("arm"), Mode: Online, LastSeenAt: now, Capacity: 1}, Agent{Platform: ptr("amd"), Mode: Online, LastSeenAt: now, Capacity: 1}
	entry := func(priority int64, platform *string) Entry {
		return Entry{ID: uuid.New(), Priority: priority, Opportunity: Opportunity{Platform: platform}}
	}
	paused := entry(90, nil)
	paused.NotBefore = now.Add(time.Minute)
	queue := []Entry{paused, entry(60, ptr("arm")), entry(60, ptr("amd")), entry(50, nil), entry(50, ptr("arm")), entry(0, ptr("amd"))}
	cut := entry(0, ptr("arm"))
	got := AheadOf(append([]Entry{cut}, queue...), queue, true, []Agent{arm, amd}, now, DefaultSilence)
	for i, want := range []Ahead{{}, {}, {}, {Higher: 2}, {Higher: 1, Earlier: 1}, {Higher: 2}} {
		if a := got[queue[i].ID]; a != want {
			t.Errorf("before the one at %d: %+v, want %+v", i, a, want)
		}
	}
	if a := got[cut.ID]; a != (Ahead{Higher: 3, More: true}) {
		t.Errorf("before one behind the cut: %+v", a)
	}
}
