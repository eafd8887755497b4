package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

var (
	designColumns = columns("DESIGN name", "REFERENCE reference", "NODES nodes", "SIZE size", "CREATED created", "BY created_by")
	nodeColumns   = columns("NODE hostname", "STATUS status_name", "POWER power_state", "CPUS cpu_count", "MEMORY memory", "MAC boot_mac", "IP boot_ip")
	taskColumns   = columns("TASK task_id", "ACTION action", "STATUS status", "RESULT result.status", "MESSAGE result.message", "CREATED created", "BY created_by")
)

// Designs is the site designs.
type Designs struct {
	List     DesignList     `cmd:"" help:"List designs."`
	Push     DesignPush     `cmd:"" help:"Send a design to the server."`
	Validate DesignValidate `cmd:"" help:"Send designs and say what is wrong with them; nothing is deployed."`
}

// DesignList lists them.
type DesignList struct {
	Flags
	Limited
}

// Help is an example.
func (DesignList) Help() string { return example(`slipway designs list`) }

// Run prints them.
func (c *DesignList) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		return s.list(listing{key: "designs", limits: true, columns: designColumns, time: "created", empty: "There is no design: slipway designs push FILE",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListDesigns(ctx, nil, e...)
			}}, c.Limited)
	})
}

// DesignPush keeps designs.
type DesignPush struct {
	Flags
	Files []string `arg:"" name:"file" help:"YAML files; - is standard input. Each is a design of its own."`
	Name  string   `help:"What the design is called. Default: the file's name."`
}

// Help is an example.
func (DesignPush) Help() string { return example(`slipway designs push site.yaml`) }

// Run prints the designs that were kept.
func (c *DesignPush) Run(ctx context.Context, std *terminal.Streams) error {
	if c.Name != "" && len(c.Files) > 1 {
		return terminal.Usage("--name is for one file, not for %d", len(c.Files))
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		rows := terminal.Rows{Columns: designColumns}
		for _, file := range c.Files {
			item, err := s.push(ctx, file, c.Name)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			rows.Items = append(rows.Items, item)
		}
		return s.List(rows)
	})
}

func (s *session) push(ctx context.Context, file, name string) (item json.RawMessage, err error) {
	in := s.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, terminal.Usage("%w", err)
		}
		defer f.Close()
		in = f
	}
	if name == "" && file != "-" {
		name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	answer, err := s.api.Raw().CreateDesignWithBody(ctx, &client.CreateDesignParams{Name: name}, "application/x-yaml", io.NopCloser(in))
	return item, into(&item, answer, err)
}

// DesignValidate validates designs.
type DesignValidate struct {
	Flags
	Files []string `arg:"" name:"file" help:"YAML files, or references that the server can read, such as slipway:site."`
}

// Help is an example.
func (DesignValidate) Help() string { return example(`slipway designs validate site.yaml`) }

// Run prints the messages and fails when a design has errors.
func (c *DesignValidate) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		rows := terminal.Rows{Columns: columns("DESIGN design", "LEVEL level", "MESSAGE message", "NAME name", "DOCUMENTS documents"), Empty: "The designs are valid."}
		bad := 0
		for _, file := range c.Files {
			reference := file
			if _, err := os.Stat(file); err == nil || !strings.Contains(file, ":") { // a reference has a scheme
				item, err := s.push(ctx, file, "")
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				reference = stringAt(item, "reference")
			}
			var v struct {
				Status  string
				Message string
				Details struct {
					ErrorCount  int
					MessageList []map[string]any
				}
			}
			answer, err := s.api.Raw().ValidateDesign(ctx, client.LabDesignLink{Href: reference})
			if err := into(&v, answer, err); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if v.Details.ErrorCount > 0 || !strings.EqualFold(v.Status, "success") {
				bad++
			}
			for _, m := range v.Details.MessageList {
				m["design"] = file
				rows.Items = append(rows.Items, document(m))
			}
		}
		if err := s.List(rows); err != nil {
			return err
		}
		if bad > 0 {
			return terminal.Failed("%d of %d designs are not valid", bad, len(c.Files))
		}
		return nil
	})
}

// Nodes lists nodes.
type Nodes struct {
	Flags
}

// Help is an example.
func (Nodes) Help() string { return example(`slipway nodes`) }

// Run prints them.
func (c *Nodes) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		defer s.sayPage("/nodes")
		return s.list(listing{columns: nodeColumns, empty: "There is no node: slipway designs push FILE",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListNodes(ctx, nil, e...)
			}}, Limited{})
	})
}

// Deploy deploys nodes.
type Deploy struct {
	Flags
	Nodes  []string `arg:"" name:"node" help:"Names of the nodes."`
	Design string   `required:"" placeholder:"REFERENCE" help:"The design, by its reference or the name it was pushed with."`
	Action string   `enum:"deploy_nodes,prepare_nodes,verify_nodes,relabel_nodes,destroy_nodes" default:"deploy_nodes" help:"deploy_nodes, prepare_nodes, verify_nodes, relabel_nodes or destroy_nodes."`
	Wait   bool     `help:"Wait for the end of the task."`
	Yes    bool     `short:"y" help:"Do not ask before nodes are destroyed."`
}

// Help is an example.
func (Deploy) Help() string { return example(`slipway deploy node1 --design "$DESIGN" --wait`) }

// Run makes the task, and waits for it when that was asked for.
func (c *Deploy) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		if c.Action == "destroy_nodes" {
			if err := s.confirmed(c.Yes, "Destroy "+strings.Join(c.Nodes, ", ")+"?"); err != nil {
				return err
			}
		}
		reference := c.Design
		if !strings.Contains(reference, ":") {
			var design json.RawMessage
			answer, err := s.api.Raw().GetDesign(ctx, reference)
			if err := into(&design, answer, err); err != nil {
				return err
			}
			reference = stringAt(design, "reference")
		}
		filter := client.LabNodeFilter{"filter_set_type": "union", "filter_set": []any{map[string]any{"filter_type": "union", "node_names": c.Nodes}}}
		var task json.RawMessage
		answer, err := s.api.Raw().CreateTask(ctx, nil, client.LabNewTask{Action: c.Action, DesignRef: reference, NodeFilter: nullable.NewNullableWithValue(filter)})
		if err := into(&task, answer, err); err != nil {
			return err
		}
		if !c.Wait {
			return s.One(task, taskColumns)
		}
		return s.waitTask(ctx, stringAt(task, "task_id"))
	})
}

// Task shows a task.
type Task struct {
	Flags
	Task string `arg:"" help:"The task's id."`
	Wait bool   `help:"Wait for its end, and say what changes."`
}

// Help is an example.
func (Task) Help() string { return example(`slipway task "$TASK" --wait --timeout 1m`) }

// Run prints the task; with --wait it fails when the task failed.
func (c *Task) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		s.pageAddress("/tasks/" + c.Task)
		if c.Wait {
			return s.waitTask(ctx, c.Task)
		}
		answer, err := s.api.Raw().GetTask(ctx, c.Task, nil)
		return s.show(taskColumns, answer, err)
	})
}

// waitTask says each change of a task and its parts in a line, until its end.
func (s *session) waitTask(ctx context.Context, id string) error {
	said := map[string]string{}
	for {
		task, err := s.sayChanges(ctx, id, 0, said)
		if err != nil {
			return err
		}
		if status := stringAt(task, "status"); status == "complete" || status == "terminated" {
			if err := s.One(task, taskColumns); err != nil {
				return err
			}
			if result := stringAt(task, "result.status"); result != "success" {
				return terminal.Failed("the task %s ended with %s: %s", id, result, stringAt(task, "result.message"))
			}
			return nil
		}
		if err := client.Wait(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *session) sayChanges(ctx context.Context, id string, depth int, said map[string]string) (task json.RawMessage, err error) {
	answer, err := s.api.Raw().GetTask(ctx, id, nil)
	if err := into(&task, answer, err); err != nil {
		return nil, err
	}
	now := strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", strings.Repeat("  ", depth), stringAt(task, "action"), stringAt(task, "status"), stringAt(task, "result.message")))
	if said[id] != now {
		said[id] = now
		s.say("%s%s", strings.Repeat("  ", depth), terminal.Plain(now))
	}
	var parts struct {
		IDs []string `json:"subtask_id_list"`
	}
	if err := json.Unmarshal(task, &parts); err != nil {
		return nil, err
	}
	const deepest = 5
	for _, part := range parts.IDs {
		if depth < deepest {
			if _, err := s.sayChanges(ctx, part, depth+1, said); err != nil {
				return nil, err
			}
		}
	}
	return task, nil
}

// Tasks lists tasks.
type Tasks struct {
	Flags
	Limited
	Status string `help:"Only those in this state: requested, queued, running, terminating, terminated or complete."`
	All    bool   `help:"Also the parts of tasks."`
}

// Help is an example.
func (Tasks) Help() string { return example(`slipway tasks --status complete`) }

// Run prints them.
func (c *Tasks) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		top := "true"
		if c.All {
			top = ""
		}
		return s.list(listing{limits: true, columns: taskColumns, time: "created", query: values("status", c.Status, "top", top), empty: "There is no task.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListTasks(ctx, nil, e...)
			}}, c.Limited)
	})
}
