package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
)

// A CI job sends its result file and lists what failed.
func Example_upload() {
	ctx := context.Background()
	c, err := client.New(os.Getenv("SLIPWAY_URL"), client.WithToken(os.Getenv("SLIPWAY_TOKEN")), client.WithUserAgent("my-ci/1"))
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Open("junit.xml")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	saved, err := c.Upload(ctx, client.Upload{}, client.File{Name: file.Name(), Content: file})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(saved.Outcome, "of", saved.Tests, "tests")

	fail := client.TestStatusFail
	for test, err := range c.ListTestsAll(ctx, saved.TestID, "current", &client.ListTestsParams{Status: &fail}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(test.ID)
	}
}

// What the server refuses is an error with its status, its sentence and the id of the
// request.
func Example_errors() {
	ctx := context.Background()
	c, err := client.New("https://lab.example")
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.GetRunWithResponse(ctx, 7)
	var problem *client.Problem
	switch {
	case errors.Is(err, client.ErrNotFound):
		fmt.Println("there is no run 7")
	case errors.As(err, &problem):
		fmt.Println(problem.Status, problem.ID, problem.Detail, problem.RequestID)
	case err != nil:
		fmt.Println("no answer:", err)
	}
}

// A raw upload is copied as it comes.
func Example_download() {
	ctx := context.Background()
	c, err := client.New("https://lab.example")
	if err != nil {
		log.Fatal(err)
	}
	raw, err := client.Download(c.Raw().GetRaw(ctx, 7, "current"))
	if err != nil {
		log.Fatal(err)
	}
	defer raw.Close()
	if _, err := io.Copy(os.Stdout, raw); err != nil {
		log.Fatal(err)
	}
}

// What happens from now on, until the program ends; a stream that breaks is resumed.
func Example_events() {
	ctx := context.Background()
	c, err := client.New("https://lab.example", client.WithToken(os.Getenv("SLIPWAY_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range c.Events(ctx, "", client.ListEventsParams{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.ID, event.EventType)
	}
}

// An agent asks for work, keeps its lease alive while a test runs, and reports.
func Example_agent() {
	ctx := context.Background()
	c, err := client.New("https://lab.example", client.WithToken(os.Getenv("SLIPWAY_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	agent := c.Agent("bench-1", "")
	if err := agent.Register(ctx, client.AgentRegistration{}); err != nil {
		log.Fatal(err)
	}
	for {
		work, err := agent.Poll(ctx, 30*time.Second)
		if err != nil {
			log.Fatal(err)
		}
		if work == nil {
			continue // nothing came within the wait
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(time.Minute) // the test
		}()
		for running := true; running; {
			select {
			case <-done:
				running = false
			case <-time.After(10 * time.Second):
				if err := work.Heartbeat(ctx); err != nil {
					log.Print(err) // client.ErrLost or client.ErrCancelled: stop the test
				}
			}
		}
		if err := work.Result(ctx, "PASSED", json.RawMessage(`{"seconds":60}`)); err != nil {
			log.Print(err)
		}
	}
}
