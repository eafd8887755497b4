package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// product makes a product with a hundred test specs and returns its path.
func (v *server) product() (string, error) {
	var p struct{ ID string }
	if err := v.once("POST", "/v1/products", `{"name": "bench", "release": "r"}`, &p, 201); err != nil {
		return "", err
	}
	path := "/v1/products/" + p.ID
	for i := range 100 {
		if err := v.once("POST", path+"/testspecs", fmt.Sprintf(`{"name": "spec %d", "test_payload": {"test_cmds": ["true"]}}`, i), nil, 201); err != nil {
			return "", err
		}
	}
	return path, nil
}

// advertise makes a hundred test opportunities.
func (v *server) advertise(product string, n int) error {
	body := fmt.Sprintf(`{"image_unique_id": "image %d", "extra_snaps": [], "channel": "edge", "image_reference": 1}`, n)
	return v.once("POST", product+"/images", body, nil, 201)
}

// register makes agents.
func (v *server) register(ctx context.Context, n int) error {
	_, err := v.drive(ctx, load{conns: 16, count: int64(n), limit: time.Minute}, func(c *conn, i int64) error {
		_, _, err := c.ask("PUT", "/v1/agents/agent-"+strconv.FormatInt(i, 10), `{"capacity": 1000}`, 201)
		return err
	})
	return err
}

// picked is what an agent is given.
type picked struct {
	ID    string `json:"test_opportunity_id"`
	Lease struct{ Token string }
}

// agents lets 64 agents empty a queue and report everything.
func agents(ctx context.Context, b *bench, s *subject) error {
	images := 40
	if b.short {
		images = 8
	}
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	path, err := v.product()
	if err != nil {
		return err
	}
	for i := range images {
		if err := v.advertise(path, i); err != nil {
			return err
		}
	}
	const crowd = 64
	if err := v.register(ctx, crowd); err != nil {
		return err
	}
	var mu sync.Mutex
	var picks []time.Duration
	before := v.cpu()
	got, err := v.drive(ctx, load{conns: crowd, count: int64(images * 100), limit: 5 * time.Minute}, func(c *conn, n int64) error {
		began := time.Now()
		text, _, err := c.ask("POST", fmt.Sprintf("/v1/agents/agent-%d/pick", n%crowd), `{}`, 200)
		took := time.Since(began)
		if err != nil {
			return err
		}
		mu.Lock()
		picks = append(picks, took)
		mu.Unlock()
		var o picked
		if err := json.Unmarshal(text, &o); err != nil {
			return err
		}
		body := fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "PASSED", "lease_token": %q, "result_payload": {"a": 1}}`, o.ID, o.Lease.Token)
		_, _, err = c.ask("POST", path+"/tests/results", body, 201)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(picks)
	asked := sample{took: picks}
	b.report.add("picked and reported", "/s", got.perSecond())
	b.report.add("picked and reported: processor", "us each", float64((v.cpu()-before).Microseconds())/float64(len(got.took)))
	b.report.add("pick: p50", "ms", asked.at(0.5))
	b.report.add("pick: p99", "ms", asked.at(0.99))
	return nil
}

// polls lets 1 000 agents wait for work, looks what that costs, and how soon they
// have work when there is some.
func polls(ctx context.Context, b *bench, s *subject) error {
	waiting := 1000
	idle := 5 * time.Second
	if b.short {
		idle = 2 * time.Second
	}
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	path, err := v.product()
	if err != nil {
		return err
	}
	if err := v.register(ctx, waiting); err != nil {
		return err
	}
	before := v.private()
	var open atomic.Int64
	woken := make(chan time.Time, waiting)
	failed := make(chan error, waiting)
	conns := make([]*conn, 0, waiting)
	defer func() {
		for _, c := range conns {
			c.close()
		}
	}()
	for i := range waiting {
		c, err := v.dial()
		if err != nil {
			return err
		}
		conns = append(conns, c)
		go func() {
			open.Add(1)
			_, status, err := c.ask("POST", fmt.Sprintf("/v1/agents/agent-%d/pick", i), `{"wait_seconds": 50}`)
			if err != nil || status != 200 {
				failed <- fmt.Errorf("a poll: %d %w", status, errors.Join(err, errStatus))
				return
			}
			woken <- time.Now()
		}()
	}
	if err := v.awaitInFlight(ctx, waiting); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond) // they have begun to wait
	cpu := v.cpu()
	time.Sleep(idle)
	b.report.add("idle: processor", "ms/s", milliseconds(v.cpu()-cpu)/idle.Seconds())
	b.report.add("idle: memory", "kB each", float64(v.private()-before)/1000/float64(waiting))
	began := time.Now()
	if err := v.advertise(path, 1); err != nil {
		return err
	}
	var took []time.Duration
	for range 100 {
		select {
		case at := <-woken:
			took = append(took, at.Sub(began))
		case err := <-failed:
			return err
		case <-time.After(20 * time.Second):
			return fmt.Errorf("%d of 100 were given work", len(took))
		}
	}
	slices.Sort(took)
	given := sample{took: took}
	b.report.add("from the advertisement to the first agent", "ms", given.at(0))
	b.report.add("to the hundredth", "ms", given.at(1))
	return nil
}

// awaitInFlight asks until so many requests are under way.
func (v *server) awaitInFlight(ctx context.Context, n int) error {
	c, err := v.dial()
	if err != nil {
		return err
	}
	defer c.close()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		text, _, err := c.ask("GET", "/metrics", "", 200)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			var now int
			if k, _ := fmt.Sscanf(line, "slipway_requests_in_flight %d", &now); k == 1 && now >= n {
				return nil
			}
		}
	}
	return fmt.Errorf("there are never %d requests in flight", n)
}

// followers lets 200 clients follow the event log while boots come in, and measures
// from the sending of a boot until each of them has its event.
func followers(ctx context.Context, b *bench, s *subject) error {
	const crowd = 200
	seconds := 5 * time.Second
	if b.short {
		seconds = 2 * time.Second
	}
	v, err := b.fresh(ctx, s, "--event-max-streams", "0")
	if err != nil {
		return err
	}
	defer v.remove()
	if err := v.once("POST", "/lab", `{"name": "lab-bench", "contact": {"name": "B", "surname": "B", "email": "b@example.org"}}`, nil, 201); err != nil {
		return err
	}
	const rate = 20.0
	const patience = 2 * time.Minute // of a busy machine
	boots := int64(rate * seconds.Seconds())
	var began time.Time
	var mu sync.Mutex
	var took []time.Duration
	var reading sync.WaitGroup
	var streams []io.Reader
	for range crowd {
		c, err := v.dial()
		if err != nil {
			return err
		}
		defer c.close()
		_ = c.net.SetReadDeadline(time.Now().Add(seconds + patience)) // what has not come then was lost
		resp, err := c.send("GET", "/v1/events?event_type=boot.stored", "", "text/event-stream", 0, nil)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("events: %w %d", errStatus, resp.StatusCode)
		}
		if err != nil {
			return err
		}
		streams = append(streams, resp.Body)
	}
	before := v.cpu()
	began = time.Now()
	for _, stream := range streams {
		reading.Go(func() {
			var mine []time.Duration
			lines := bufio.NewScanner(stream)
			for int64(len(mine)) < boots && lines.Scan() {
				if strings.HasPrefix(lines.Text(), "data:") { // the n-th is that of the n-th boot, which was due then
					due := began.Add(time.Duration(float64(len(mine)) / rate * float64(time.Second)))
					mine = append(mine, time.Since(due))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	sent, err := v.drive(ctx, load{conns: 1, rate: rate, count: boots, limit: seconds + patience/2}, func(c *conn, n int64) error {
		_, _, err := c.ask("POST", "/boot", bootBody(n), 202)
		return err
	})
	if err == nil && int64(len(sent.took)) < boots {
		err = fmt.Errorf("only %d boots of %d were taken in %s", len(sent.took), boots, sent.elapsed)
	}
	reading.Wait()
	if err != nil {
		return err
	}
	if want := int(boots) * crowd; len(took) != want {
		return fmt.Errorf("%d events of %d came", len(took), want)
	}
	slices.Sort(took)
	got := sample{took: took}
	b.report.add("event: p50", "ms", got.at(0.5))
	b.report.add("event: p99", "ms", got.at(0.99))
	b.report.add("event: processor", "us each", float64((v.cpu()-before).Microseconds())/float64(len(took)))
	return nil
}
