package waiting

import (
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
	busy := with(arm, func(a *Agent) { a.Holding = 1; a.LastSeenAt = now.Add(-3 * time.Hour) })
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
		{"an agent that runs a test need not be heard of", nil, nil, []Agent{busy, silent}, AllBusy, "each of 1 agent"},
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
