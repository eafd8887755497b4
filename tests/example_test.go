package tests

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/servertest"
)

// Example_postResult is the one-minute start of the README in Go: register a
// cloud and a run, post a real stream, read the outcome and the failing tests.
func Example_postResult() {
	url, token, stop := servertest.ForExample()
	defer stop()
	ctx := context.Background()

	c, err := client.NewClientWithResponses(url, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("X-Auth-Token", token)
		return nil
	}))
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
	if err != nil || cloud.JSON201 == nil {
		log.Fatal(cloud.Status(), err)
	}
	run, err := c.CreateRunWithResponse(ctx, nil, client.CreateRunJSONRequestBody{
		CloudID: nullable.NewNullableWithValue(cloud.JSON201.ID),
	})
	if err != nil || run.JSON201 == nil {
		log.Fatal(run.Status(), err)
	}
	testID := run.JSON201.TestID

	stream, err := os.Open("testdata/14_tempest_like_v2.subunit")
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	id := fmt.Sprint(testID)
	saved, err := c.PostResultWithBodyWithResponse(ctx, &client.PostResultParams{TestID: &id}, "application/octet-stream", io.Reader(stream))
	if err != nil || saved.JSON201 == nil {
		log.Fatal(saved.Status(), err)
	}
	fmt.Println(saved.JSON201.Format, saved.JSON201.Outcome, saved.JSON201.Tests)

	failed := client.TestStatusFail
	list, err := c.ListTestsWithResponse(ctx, testID, "current", &client.ListTestsParams{Status: &failed})
	if err != nil || list.JSON200 == nil {
		log.Fatal(list.Status(), err)
	}
	fmt.Println(list.JSON200.Pagination.Total, "failed, the first is", list.JSON200.Tests[0].ID)
	// Output:
	// subunit-v2 fail 121
	// 8 failed, the first is tempest.api.compute.servers.test_servers_negative.ServersNegativeTestXML.test_pause_paused_server[id-df50d949-e70e-5afc-a601-f23cf3b5a2d9,negative,smoke]
}
