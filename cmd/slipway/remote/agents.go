package remote

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/agent"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

var agentColumns = columns("AGENT agent_id", "STATE state", "MODE mode", "PLATFORM platform", "GROUP agent_group", "CAPACITY capacity", "HOLDING holding.0.test_opportunity_id", "COMMENT comment", "LAST_SEEN last_seen_at")

// Agents lists agents.
type Agents struct {
	Flags
	Limited
	Mode     string `help:"Only those in this mode: online, draining, maintenance or offline."`
	Platform string `help:"Only those of this platform."`
	Group    string `help:"Only those of this group."`
}

// Help is an example.
func (Agents) Help() string { return example(`slipway agents --mode online`) }

// Run prints them.
func (c *Agents) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		defer s.sayPage("/agents")
		return s.list(listing{key: "agents", limits: true, columns: agentColumns, time: "last_seen_at", empty: "There is no agent: slipway agent run --name NAME -- COMMAND",
			query: values("mode", c.Mode, "platform", c.Platform, "agent_group", c.Group),
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListAgents(ctx, nil, e...)
			}}, c.Limited)
	})
}

// Agent is what can be done with one.
type Agent struct {
	Run    AgentRun    `cmd:"" help:"Run test opportunities with a command."`
	Drain  AgentDrain  `cmd:"" help:"Let an agent finish what it holds and give it nothing more."`
	Resume AgentResume `cmd:"" help:"Give an agent work again."`
}

// AgentDrain drains one.
type AgentDrain struct {
	Flags
	Agent   string `arg:"" help:"The agent's id."`
	Comment string `help:"Why, for people."`
}

// Help is an example.
func (AgentDrain) Help() string {
	return example(`slipway agent drain bench-1 --comment "new power supply"`)
}

// Run changes its mode and prints the agent.
func (c *AgentDrain) Run(ctx context.Context, std *terminal.Streams) error {
	return c.mode(ctx, std, c.Agent, "draining", c.Comment)
}

// AgentResume brings one back.
type AgentResume struct {
	Flags
	Agent   string `arg:"" help:"The agent's id."`
	Comment string `help:"Why, for people."`
}

// Help is an example.
func (AgentResume) Help() string { return example(`slipway agent resume bench-1`) }

// Run changes its mode and prints the agent.
func (c *AgentResume) Run(ctx context.Context, std *terminal.Streams) error {
	return c.mode(ctx, std, c.Agent, "online", c.Comment)
}

func (f *Flags) mode(ctx context.Context, std *terminal.Streams, id, mode, comment string) error {
	return f.run(ctx, std, func(ctx context.Context, s *session) error {
		patch := client.AgentPatch{Mode: client.AgentMode(mode)}
		if comment != "" {
			patch.Comment = nullable.NewNullableWithValue(comment)
		}
		answer, err := s.api.Raw().UpdateAgent(ctx, id, patch)
		return s.show(agentColumns, answer, err)
	})
}

// AgentRun runs an agent in this process.
type AgentRun struct {
	Flags
	agent.Config `group:"Agent"`
}

// Help is an example.
func (AgentRun) Help() string {
	return example(`slipway agent run --name bench-1 --platform amd64 --once -- true`)
}

// Run works until it is told to stop. --timeout is that of each command, not of the
// agent.
func (c *AgentRun) Run(ctx context.Context, std *terminal.Streams) error {
	if len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(c.Command) == 0 {
		return terminal.Usage("there is no command: slipway agent run --name NAME -- COMMAND")
	}
	if c.State == "" && !agent.HasPlace() {
		return terminal.Usage("there is no place for what the agent holds: HOME is not set; give --state")
	}
	config := c.Config
	config.JobTimeout, c.Timeout = c.Timeout, 0
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		config.Server, config.Log = s.server, slog.New(slog.NewTextHandler(std.Err, nil))
		if c.Flags.Token == "" { // --prepare calls the server as this agent does
			if _, token, err := c.target(); err == nil && token != "" {
				if err := os.Setenv("SLIPWAY_TOKEN", token); err != nil {
					return err
				}
			}
		}
		return agent.Run(ctx, config, s.api)
	})
}
