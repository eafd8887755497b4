package products

import (
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake"
)

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	CancelGrace         time.Duration `name:"products-cancel-grace" default:"5m" min:"0s" help:"How long an agent has to stop a cancelled test opportunity; 0: no time."`
	MaxOutput           int64         `name:"products-max-output" default:"16777216" min:"1" help:"Limit of the console output of a test opportunity in bytes."`
	MaxMade             int           `name:"products-max-opportunities" default:"20000" min:"1" help:"Limit of the test opportunities that one advertisement makes."`
	LookEvery           time.Duration `name:"products-look-every" default:"1s" min:"10ms" help:"How often a call that waits for work checks for it, in case a notification is lost."`
	OutputRetentionDays int           `name:"products-output-retention-days" default:"400" min:"0" max:"36500" help:"How many days the console output of a test opportunity is kept after its end; 0: no limit."`

	EventRetentionDays int `name:"event-retention-days" default:"400" min:"0" max:"36500" help:"How many days the event log is kept, except for test opportunities that have not ended; 0: no limit."`

	WebhookHosts         []string        `name:"webhook-hosts" placeholder:"HOST" help:"The only hosts that webhooks may call, such as ci.example.org or *.example.org. Default: none."`
	WebhookBackoff       []time.Duration `name:"webhook-backoff" default:"5s,30s,2m,10m,30m,1h,2h,5h" min:"1ms" help:"Pauses between the attempts to deliver to a webhook. After the last one the delivery has failed."`
	WebhookRetentionDays int             `name:"webhook-retention-days" default:"90" min:"0" max:"36500" help:"How many days the record of deliveries to webhooks is kept; 0: no limit."`

	// Limits bounds the files that come with results.
	Limits intake.Limits `kong:"-"`

	// Secret is the server's, under which the secrets of webhooks and the answers
	// to Idempotency-Keys are encrypted.
	Secret []byte `kong:"-"`

	// Done ends long polls and streams when it is closed.
	Done <-chan struct{} `kong:"-"`
}
