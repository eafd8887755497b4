package demo

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// siteHead is a design without its nodes.
//
//go:embed site.yaml
var siteHead string

// nodes is how many machines the lab has.
const nodes = 30

func node(n int) string { return fmt.Sprintf("cab23-r720-%02d", n+1) }

// site is the design. Labels tell the simulator where a step fails.
func site() string {
	var out strings.Builder
	out.WriteString(siteHead)
	for n := range nodes {
		labels := ""
		switch n {
		case 15:
			labels = ", owner_data: {simulate_fail: deploy_node}"
		case 18:
			labels = ", owner_data: {simulate_fail: configure_hardware}"
		case 21:
			labels = ", owner_data: {simulate_fail_once: deploy_node}"
		}
		fmt.Fprintf(&out, "---\nschema: drydock/BaremetalNode/v1\nmetadata: {schema: metadata/Document/v1, name: %s, storagePolicy: cleartext}\ndata:\n  host_profile: base-host\n"+
			"  addressing:\n    - {network: lab-oob, address: 10.23.104.%d}\n    - {network: lab-data, address: 10.23.108.%d}\n  metadata: {rack: cab23, tags: [bench]%s}\n",
			node(n), 20+n, 20+n, labels)
	}
	return out.String()
}

// lab tells of the nodes and of what was done with them.
func (s *story) lab() {
	if s.options.Tenant != "" || s.options.Days < 22 {
		return // nodes, tasks and designs have no tenant, and begin three weeks ago
	}
	var ref string
	s.at(s.ago(21*24*time.Hour), func(ctx context.Context) (err error) {
		ref, err = s.design(ctx, "demolab", site())
		if err != nil {
			return err
		}
		// One that cannot be deployed, for the messages of its validation.
		wrong := strings.Replace(site(), "image: noble", "image: nobel", 1)
		_, err = s.design(ctx, "demolab-draft", strings.Replace(wrong, "10.23.108.20", "10.99.0.20", 1))
		return err
	})
	for _, one := range []struct {
		ago    time.Duration
		action string
		from   int
		to     int
	}{
		{21*24*time.Hour - time.Hour, "prepare_site", 0, 0},
		{21*24*time.Hour - 2*time.Hour, "verify_site", 0, 0},
		{20 * 24 * time.Hour, "prepare_nodes", 0, nodes},
		{19 * 24 * time.Hour, "deploy_nodes", 0, 12},
		{9 * 24 * time.Hour, "destroy_nodes", 8, 12},
		{7 * 24 * time.Hour, "deploy_nodes", 20, 26},
		{14 * time.Hour, "deploy_nodes", 14, 18},
	} {
		s.at(s.ago(one.ago), func(ctx context.Context) error { return s.task(ctx, one.action, ref, one.from, one.to) })
	}
	s.at(s.ago(3*24*time.Hour), func(ctx context.Context) error { // somebody thought better of it
		id, err := s.order(ctx, "destroy_nodes", ref, 0, 4)
		if err != nil {
			return err
		}
		_, err = s.send(ctx, s.tokens["ada"], http.MethodDelete, "/v1/tasks/"+id, "", nil)
		return err
	})
	s.at(s.ago(time.Minute), func(ctx context.Context) error { // waits for the server
		_, err := s.order(ctx, "deploy_nodes", ref, 26, nodes)
		return err
	})
}

// design stores a design and returns its reference.
func (s *story) design(ctx context.Context, name, content string) (string, error) {
	made, err := s.send(ctx, s.tokens["ada"], "POST", "/v1/designs?name="+url.QueryEscape(name), "application/x-yaml", []byte(content))
	s.count("designs", 1)
	return text(made, "reference"), err
}

// order orders a task for nodes, or for the site when there are none.
func (s *story) order(ctx context.Context, action, ref string, from, to int) (id string, err error) {
	body := object{"action": action, "design_ref": ref}
	if to > from {
		var names []string
		for n := from; n < to; n++ {
			names = append(names, node(n))
		}
		body["node_filter"] = object{"filter_set_type": "union", "filter_set": []object{{"filter_type": "union", "node_names": names}}}
	}
	who := "grace"
	if action == "destroy_nodes" { // which an operator may not
		who = "ada"
	}
	made, err := s.json(ctx, s.tokens[who], "POST", "/v1/tasks", body)
	s.count("tasks", 1)
	return text(made, "task_id"), err
}

// stepTick is what a reading of the clock adds while the simulator works: a step reads
// it a few times, so that it takes a minute or so.
const stepTick = 1700 * time.Millisecond

// task orders a task and has the simulator work until it is over.
func (s *story) task(ctx context.Context, action, ref string, from, to int) error {
	id, err := s.order(ctx, action, ref, from, to)
	if err != nil {
		return err
	}
	s.clock.Tick(stepTick)
	work, stop := context.WithCancel(ctx)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		s.server.Work(work)
	}()
	defer func() {
		stop()
		<-worked
		s.clock.Tick(0)
	}()
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		got, err := s.send(ctx, s.tokens["grace"], http.MethodGet, "/v1/tasks/"+id, "", nil)
		if err != nil {
			return err
		}
		if status := text(got, "status"); status == "complete" || status == "terminated" {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
