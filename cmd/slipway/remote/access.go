package remote

import (
	"context"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// Audit reads the audit log.
type Audit struct {
	Flags
	Limited
	Event    string `help:"Only entries of this event."`
	Decision string `enum:"allowed,denied," default:"" help:"Only what was allowed, or denied."`
	Actor    string `help:"Only what this actor did."`
	Request  string `help:"Only the request of this id, as an error shows it."`
}

// Help is an example.
func (Audit) Help() string { return example(`slipway audit --since 1h --limit 5`) }

// Run prints the entries, newest first.
func (c *Audit) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		q := values("event", c.Event, "decision", c.Decision, "actor", c.Actor, "request_id", c.Request)
		if c.Since > 0 {
			q.Set("from", time.Now().Add(-c.Since).UTC().Format(time.RFC3339))
		}
		return s.list(listing{key: "entries", limits: true, query: q, time: "time", empty: "Nothing was recorded.",
			columns: columns("TIME time", "ACTOR actor.name actor.owner", "METHOD method", "OPERATION operation", "OBJECT object", "DECISION decision", "STATUS status", "REQUEST request_id"),
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListAudit(ctx, nil, e...)
			}}, c.Limited)
	})
}

// Webhooks is the addresses that are told of events.
type Webhooks struct {
	List       WebhookList       `cmd:"" help:"List webhooks."`
	Add        WebhookAdd        `cmd:"" help:"Have an address called; its secret is printed once."`
	Remove     WebhookRemove     `cmd:"" help:"Remove a webhook."`
	Deliveries WebhookDeliveries `cmd:"" help:"List what was delivered to a webhook."`
}

var webhookColumns = columns("WEBHOOK id", "URL url", "EVENTS event_types", "ENABLED enabled", "DESCRIPTION description", "CREATED created_at", "SECRET secret")

// WebhookList lists them.
type WebhookList struct {
	Flags
	Limited
}

// Help is an example.
func (WebhookList) Help() string { return example(`slipway webhook list`) }

// Run prints them.
func (c *WebhookList) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		return s.list(listing{key: "webhooks", limits: true, columns: webhookColumns[:len(webhookColumns)-1], time: "created_at", empty: "There is no webhook: slipway webhook add URL",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListWebhooks(ctx, nil, e...)
			}}, c.Limited)
	})
}

// WebhookAdd makes one.
type WebhookAdd struct {
	Flags
	URL         string   `arg:"" help:"The address to call."`
	Event       []string `help:"Only for events of these types. Default: for all."`
	Description string   `help:"What it is for."`
}

// Help is an example.
func (WebhookAdd) Help() string {
	return example(`slipway webhook add https://hooks.example/slipway --event TEST_RESULT_POSTED`)
}

// Run prints the webhook with its secret.
func (c *WebhookAdd) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		key := uuid.NewString()
		answer, err := s.api.Raw().CreateWebhook(ctx, &client.CreateWebhookParams{IdempotencyKey: &key},
			client.NewWebhook{URL: c.URL, EventTypes: c.Event, Description: optional(c.Description)})
		return s.show(webhookColumns, answer, err)
	})
}

// WebhookRemove removes one.
type WebhookRemove struct {
	Flags
	Webhook string `arg:"" help:"The webhook's id."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

// Help is an example.
func (WebhookRemove) Help() string { return example(`slipway webhook remove "$OLD_WEBHOOK" --yes`) }

// Run removes it.
func (c *WebhookRemove) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		if err := s.confirmed(c.Yes, "Remove the webhook "+c.Webhook+"?"); err != nil {
			return err
		}
		answer, err := s.api.Raw().DeleteWebhook(ctx, c.Webhook)
		if err == nil {
			answer.Body.Close()
			s.say("removed %s", c.Webhook)
		}
		return err
	})
}

// WebhookDeliveries lists deliveries.
type WebhookDeliveries struct {
	Flags
	Limited
	Webhook string `arg:"" help:"The webhook's id."`
	State   string `enum:"pending,delivered,failed," default:"" help:"Only those: pending, delivered or failed."`
}

// Help is an example.
func (WebhookDeliveries) Help() string {
	return example(`slipway webhook deliveries "$WEBHOOK" --state failed`)
}

// Run prints them.
func (c *WebhookDeliveries) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		return s.list(listing{key: "deliveries", limits: true, query: values("state", c.State), time: "created_at", empty: "Nothing was delivered.",
			columns: columns("DELIVERY id", "STATE state", "EVENT event_type", "NEXT next_attempt_at", "CREATED created_at"),
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListDeliveries(ctx, c.Webhook, nil, e...)
			}}, c.Limited)
	})
}

// besides is the address at which the server listens whose settings this process has,
// as in its container; "" for none.
func besides(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Healthcheck asks whether a server is ready, for container hosts.
type Healthcheck struct{ Flags }

// Help is an example.
func (Healthcheck) Help() string {
	return "Beside a server it asks at SLIPWAY_LISTEN, when that is set.\n\n" + example(`slipway healthcheck`)
}

// Run succeeds when the server can serve.
func (c *Healthcheck) Run(ctx context.Context, std *terminal.Streams) error {
	c.Retries = 0
	if c.Server == "" && c.Context == "" {
		c.Server = besides(os.Getenv("SLIPWAY_LISTEN"))
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		const patience = 5 * time.Second
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		answer, err := s.api.Raw().GetReadiness(ctx)
		if err == nil {
			answer.Body.Close()
		}
		return err
	})
}
