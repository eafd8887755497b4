package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
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
	c, err := client.New(url, client.WithToken(token), client.WithUserAgent("foo-agent/197"))
	if err != nil {
		log.Fatal(err)
	}

	product := defineProduct(ctx, c)
	ids, err := c.AdvertiseImageWithResponse(ctx, product, nil, client.AdvertiseImageJSONRequestBody{
		ImageUniqueID: "DEADBEEF_83451039", Channel: "edge", ExtraSnaps: json.RawMessage("[]"),
		ImageReference: nullable.NewNullableWithValue(json.RawMessage(`"http://foo.com/bar"`)),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("opportunities:", len(ids.JSON201.Ids))

	agent := c.Agent("foo-agent-id", "")
	if err := agent.Register(ctx, client.AgentRegistration{}); err != nil {
		log.Fatal(err)
	}
	work, err := agent.Poll(ctx, 30*time.Second)
	if err != nil || work == nil {
		log.Fatal("no work: ", err)
	}
	payload, _ := work.Opportunity.TestPayload.Get()
	fmt.Println("picked:", work.Opportunity.SpecName, string(payload))
	if err := work.Output(ctx, []byte("booting\n")); err != nil {
		log.Fatal(err)
	}
	if err := work.Heartbeat(ctx); err != nil {
		log.Fatal(err)
	}
	if err := work.Result(ctx, "PASSED", json.RawMessage(`{"foo":"bar"}`)); err != nil {
		log.Fatal(err)
	}
	for e, err := range c.Events(ctx, "0", client.ListEventsParams{TestOpportunityID: new(work.ID())}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.EventType)
		if e.EventType == "RESULT_STORED" {
			break
		}
	}

	// Output:
	// opportunities: 1
	// picked: smoke {"test_cmds":["true"]}
	// QUEUED_FOR_AGENTS
	// PICKED_BY_AGENT
	// RESULT_POSTED
	// RESULT_STORED
}

func defineProduct(ctx context.Context, c *client.API) string {
	p, err := c.CreateProductWithResponse(ctx, nil, client.NewProduct{Name: "test-product.foo", Release: "15.04-core"})
	if err != nil {
		log.Fatal(err)
	}
	id := p.JSON201.ID
	_, err = c.CreateTestSpecWithResponse(ctx, id, nil, client.NewTestSpec{
		Name: "smoke", TestPayload: nullable.NewNullableWithValue(json.RawMessage(`{"test_cmds":["true"]}`)),
	})
	if err != nil {
		log.Fatal(err)
	}
	return id
}
