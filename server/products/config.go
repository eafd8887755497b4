package products

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/reach"
)

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	CancelGrace         time.Duration `name:"products-cancel-grace" default:"5m" min:"0s" help:"How long an agent has to stop a cancelled test opportunity; 0: no time."`
	MaxOutput           int64         `name:"products-max-output" default:"16777216" min:"1" help:"Limit of the console output of a test opportunity in bytes."`
	MaxMade             int           `name:"products-max-opportunities" default:"20000" min:"1" help:"Limit of the test opportunities that one advertisement makes."`
	LookEvery           time.Duration `name:"products-look-every" default:"1s" min:"10ms" help:"How often a call that waits for work checks for it, in case a notification is lost."`
	AgentSilence        time.Duration `name:"products-agent-silence" default:"2m" min:"0s" max:"168h" help:"How long an agent may send neither a poll nor a heartbeat before it counts as silent, unless it registers with a limit of its own; 0: no limit."`
	RetryPause          time.Duration `name:"products-retry-pause" default:"30s" min:"0s" max:"24h" help:"Pause before an agent gets a test opportunity again that it gave back. From the second failed attempt on it holds for all agents. It doubles each time, up to 32 times its length; 0: no pause."`
	MaxFiles            int           `name:"products-max-files" default:"20" min:"1" max:"1000" help:"Limit of the files that come with one result of a test opportunity."`
	OutputRetentionDays int           `name:"products-output-retention-days" default:"400" min:"0" max:"36500" help:"How many days the console output of a test opportunity is kept after its end; 0: no limit."`

	EventMaxStreams    int `name:"event-max-streams" default:"100" min:"0" help:"Limit of event streams, those of console output too, that are open at once with one credential; 0: no limit."`
	EventRetentionDays int `name:"event-retention-days" default:"400" min:"0" max:"36500" help:"How many days the event log is kept, except for test opportunities that have not ended; 0: no limit."`

	WebhookHosts         []string        `name:"webhook-hosts" placeholder:"HOST" help:"The only hosts that webhooks may call: names, name:port, *.domain, addresses, networks or *. One that only a star admits may have no private address. Default: none."`
	WebhookPorts         []int           `name:"webhook-ports" default:"80,443" min:"0" max:"65535" help:"Ports at which webhooks may call, beside those that --webhook-hosts names; 0: every port."`
	WebhookBackoff       []time.Duration `name:"webhook-backoff" default:"5s,30s,2m,10m,30m,1h,2h,5h" min:"1ms" help:"Pauses between the attempts to deliver to a webhook. After the last one the delivery has failed."`
	WebhookTimeout       time.Duration   `name:"webhook-timeout" default:"10s" min:"100ms" max:"50s" help:"How long a webhook may take to answer an attempt."`
	WebhookLanes         int             `name:"webhook-lanes" default:"8" min:"1" max:"1000" help:"Limit of the webhooks of a tenant that are called at once, and of the attempts of each that are under way."`
	WebhookRetentionDays int             `name:"webhook-retention-days" default:"90" min:"0" max:"36500" help:"How many days the record of deliveries to webhooks is kept; 0: no limit."`

	// Limits bounds the files that come with results.
	Limits intake.Limits `kong:"-"`

	// Secret is the server's, under which the secrets of webhooks and the answers
	// to Idempotency-Keys are encrypted.
	Secret []byte `kong:"-"`

	// KeyAge is how long the answer to an Idempotency-Key is kept.
	KeyAge time.Duration `kong:"-"`

	// Metrics is where the area's counters are registered; nil for nowhere.
	Metrics prometheus.Registerer `kong:"-"`

	// WebhookTransport calls admitted webhooks in place of the network; nil: the
	// network.
	WebhookTransport http.RoundTripper `kong:"-"`

	// Ruled reports whether rules of retention remove what is old of a class, in place of
	// Tidy; nil: there are none.
	Ruled func(ctx context.Context, class string) (bool, error) `kong:"-"`

	// Done ends long polls and streams when it is closed.
	Done <-chan struct{} `kong:"-"`
}

// Validate refuses names of hosts that mean nothing.
func (c Config) Validate() error {
	_, err := c.webhookHosts()
	return err
}

func (c Config) webhookHosts() (*reach.Hosts, error) {
	return reach.Parse("webhook", c.WebhookHosts, c.WebhookPorts)
}
