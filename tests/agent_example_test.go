package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/servertest"
)

// Example_agent is a build system and a lab's agent in one program: it
// advertises an image, picks the test opportunity, keeps the lease alive,
// reports, and follows the events to RESULT_STORED as SPI's own script does.
func Example_agent() {
	url, token, stop := servertest.ForExample()
	defer stop()
	ctx := context.Background()
	c, err := client.NewClientWithResponses(url, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}

	product := defineProduct(ctx, c)
	ids, err := c.AdvertiseImageWithResponse(ctx, product, nil, client.AdvertiseImageJSONRequestBody{
		ImageUniqueID: "DEADBEEF_83451039", Channel: "edge", ExtraSnaps: json.RawMessage("[]"),
		ImageReference: nullable.NewNullableWithValue(json.RawMessage(`"http://foo.com/bar"`)),
	})
	if err != nil || ids.JSON201 == nil {
		log.Fatal(err, ids.StatusCode())
	}
	fmt.Println("opportunities:", len(ids.JSON201.Ids))

	o := pickOne(ctx, c, "foo-agent-id")
	fmt.Println("picked:", o.SpecName, string(o.TestPayload.MustGet()))
	beat, err := c.SendHeartbeatWithResponse(ctx, "foo-agent-id", client.SendHeartbeatJSONRequestBody{
		Leases: []client.HeartbeatLease{{TestOpportunityID: o.TestOpportunityID.String(), Token: o.Lease.Token}},
	})
	if err != nil || beat.JSON200 == nil {
		log.Fatal(err, beat.StatusCode())
	}
	fmt.Println("lease:", beat.JSON200.Leases[0].Status)

	posted, err := c.PostTestResultWithResponse(ctx, product, nil, client.PostTestResultJSONRequestBody{
		TestOpportunityID: o.TestOpportunityID.String(), TestStatus: "PASSED",
		LeaseToken:    nullable.NewNullableWithValue(o.Lease.Token),
		ResultPayload: nullable.NewNullableWithValue(json.RawMessage(`{"foo":"bar"}`)),
	})
	if err != nil || posted.JSON201 == nil {
		log.Fatal(err, posted.StatusCode())
	}
	follow(ctx, c, product, o.TestOpportunityID.String())

	// Output:
	// opportunities: 1
	// picked: smoke {"test_cmds":["true"]}
	// lease: ok
	// QUEUED_FOR_AGENTS
	// PICKED_BY_AGENT
	// RESULT_POSTED
	// RESULT_STORED
}

func defineProduct(ctx context.Context, c *client.ClientWithResponses) string {
	p, err := c.CreateProductWithResponse(ctx, nil, client.CreateProductJSONRequestBody{Name: "test-product.foo", Release: "15.04-core"})
	if err != nil || p.JSON201 == nil {
		log.Fatal(err, p.StatusCode())
	}
	id := p.JSON201.ID.String()
	t, err := c.CreateTestSpecWithResponse(ctx, id, nil, client.CreateTestSpecJSONRequestBody{
		Name: "smoke", TestPayload: nullable.NewNullableWithValue(json.RawMessage(`{"test_cmds":["true"]}`)),
	})
	if err != nil || t.JSON201 == nil {
		log.Fatal(err, t.StatusCode())
	}
	return id
}

func pickOne(ctx context.Context, c *client.ClientWithResponses, agent string) *client.PickedOpportunity {
	if _, err := c.RegisterAgentWithResponse(ctx, agent, client.RegisterAgentJSONRequestBody{}); err != nil {
		log.Fatal(err)
	}
	wait := int32(30)
	o, err := c.PickOpportunityWithResponse(ctx, agent, nil, client.PickOpportunityJSONRequestBody{WaitSeconds: &wait})
	if err != nil || o.JSON200 == nil {
		log.Fatal(err, o.StatusCode())
	}
	return o.JSON200
}

// follow looks at the log of an opportunity until its result is stored.
func follow(ctx context.Context, c *client.ClientWithResponses, product, opportunity string) {
	seen := 0
	for {
		logs, err := c.ListTestEventsWithResponse(ctx, product, &client.ListTestEventsParams{TestOpportunityID: &opportunity})
		if err != nil || logs.JSON200 == nil {
			log.Fatal(err, logs.StatusCode())
		}
		for _, e := range logs.JSON200.EventLogs[0].Events[seen:] {
			seen++
			fmt.Println(e.EventType)
			if e.EventType == "RESULT_STORED" {
				return
			}
		}
		time.Sleep(time.Second)
	}
}
