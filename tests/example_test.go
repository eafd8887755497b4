package tests

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/servertest"
)

// Example_postResult is what a RefStack runner's owner does, in Go: register a cloud
// and a run, post a real stream, read the outcome and the failing tests.
func Example_postResult() {
	url, token, stop := servertest.ForExample()
	defer stop()
	ctx := context.Background()

	c, err := client.New(url, client.WithToken(token))
	if err != nil {
		log.Fatal(err)
	}
	cloud, err := c.CreateCloudWithResponse(ctx, nil, client.CreateCloudJSONRequestBody{
		Label:         "private cloud",
		Endpoint:      "http://198.51.100.7:5000/v2.0",
		AdminEndpoint: "http://198.51.100.7:35357/v2.0",
		TestUser:      "demo",
		AdminUser:     "admin",
	})
	if err != nil {
		log.Fatal(err)
	}
	run, err := c.CreateRunWithResponse(ctx, nil, client.CreateRunJSONRequestBody{
		CloudID: nullable.NewNullableWithValue(cloud.JSON201.ID),
	})
	if err != nil {
		log.Fatal(err)
	}

	stream, err := os.Open("testdata/14_tempest_like_v2.subunit")
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	saved, err := c.Upload(ctx, client.Upload{Run: run.JSON201.TestID}, client.File{Name: stream.Name(), Content: stream})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(saved.Format, saved.Outcome, saved.Tests)

	fail, failed := client.TestStatusFail, 0
	for test, err := range c.ListTestsAll(ctx, run.JSON201.TestID, "current", &client.ListTestsParams{Status: &fail}) {
		if err != nil {
			log.Fatal(err)
		}
		if failed++; failed == 1 {
			fmt.Println("the first is", test.ID)
		}
	}
	fmt.Println(failed, "failed")
	// Output:
	// subunit-v2 fail 121
	// the first is tempest.api.compute.servers.test_servers_negative.ServersNegativeTestXML.test_pause_paused_server[id-df50d949-e70e-5afc-a601-f23cf3b5a2d9,negative,smoke]
	// 8 failed
}
