package remote

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// Reported are the filters of all reports.
type Reported struct {
	Limited
	Job    string `help:"Only of this job, such as mainline."`
	Kernel string `help:"Only of this kernel."`
	Branch string `help:"Only of this git branch."`
	Status string `help:"Only of this status."`
}

// reports lists one collection, newest first.
func (f *Flags) reports(ctx context.Context, std *terminal.Streams, by Reported, more url.Values, heads []terminal.Column,
	call func(*client.Client) func(context.Context, ...client.RequestEditorFn) (*http.Response, error),
) error {
	return f.run(ctx, std, func(ctx context.Context, s *session) error {
		q := values("job", by.Job, "kernel", by.Kernel, "git_branch", by.Branch, "status", by.Status, "sort", "created_on", "sort_order", "-1")
		for k, v := range more {
			q[k] = v
		}
		if by.Since > 0 {
			q.Set("time_range", strconv.Itoa(max(int(by.Since/time.Minute), 1))) // KernelCI's, in minutes
		}
		by.Since = 0
		list := call(s.api.Raw())
		return s.list(listing{key: "result", limits: true, skips: true, columns: heads, query: q, empty: "No report is like that.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) { return list(ctx, e...) }}, by.Limited)
	})
}

// Kernels lists kernels of jobs.
type Kernels struct {
	Flags
	Reported
}

// Help is an example.
func (Kernels) Help() string { return example(`slipway kernels --job mainline`) }

// Run prints them.
func (c *Kernels) Run(ctx context.Context, std *terminal.Streams) error {
	return c.reports(ctx, std, c.Reported, nil, columns("JOB job", "KERNEL kernel", "BRANCH git_branch", "STATUS status", "CREATED created_on.$date"),
		func(api *client.Client) func(context.Context, ...client.RequestEditorFn) (*http.Response, error) {
			return func(ctx context.Context, e ...client.RequestEditorFn) (*http.Response, error) {
				return api.ListJobs(ctx, nil, e...)
			}
		})
}

// Boots lists boots.
type Boots struct {
	Flags
	Reported
	Lab   string `help:"Only of this lab."`
	Board string `help:"Only on this board."`
	Arch  string `help:"Only of this architecture."`
}

// Help is an example.
func (Boots) Help() string { return example(`slipway boots --job mainline --status FAIL`) }

// Run prints them.
func (c *Boots) Run(ctx context.Context, std *terminal.Streams) error {
	return c.reports(ctx, std, c.Reported, values("lab_name", c.Lab, "board", c.Board, "arch", c.Arch),
		columns("STATUS status", "BOARD board", "LAB lab_name", "JOB job", "KERNEL kernel", "DEFCONFIG defconfig_full", "TIME time.$date time", "BOOT _id.$oid _id"),
		func(api *client.Client) func(context.Context, ...client.RequestEditorFn) (*http.Response, error) {
			return func(ctx context.Context, e ...client.RequestEditorFn) (*http.Response, error) {
				return api.ListBoots(ctx, nil, e...)
			}
		})
}

// Builds lists builds.
type Builds struct {
	Flags
	Reported
	Arch      string `help:"Only of this architecture."`
	Defconfig string `help:"Only of this configuration."`
}

// Help is an example.
func (Builds) Help() string { return example(`slipway builds --job mainline --arch arm64`) }

// Run prints them.
func (c *Builds) Run(ctx context.Context, std *terminal.Streams) error {
	return c.reports(ctx, std, c.Reported, values("arch", c.Arch, "defconfig", c.Defconfig),
		columns("STATUS status", "ARCH arch", "DEFCONFIG defconfig_full defconfig", "JOB job", "KERNEL kernel", "ERRORS errors", "WARNINGS warnings", "BUILD _id.$oid _id"),
		func(api *client.Client) func(context.Context, ...client.RequestEditorFn) (*http.Response, error) {
			return func(ctx context.Context, e ...client.RequestEditorFn) (*http.Response, error) {
				return api.ListBuilds(ctx, nil, e...)
			}
		})
}

// Query asks any collection of reports in KernelCI's query language.
type Query struct {
	Flags
	Collection string   `arg:"" enum:"job,build,boot,test/group,test/case,lab" help:"job, build, boot, test/group, test/case or lab."`
	Question   []string `arg:"" optional:"" help:"KEY=VALUE, such as job=mainline, gte=created_on,2026-11-01 or sort=created_on."`
	Limit      int      `default:"100" min:"0" help:"How many at most; 0: all."`
}

// Help is an example.
func (Query) Help() string { return example(`slipway query boot job=mainline status=FAIL`) }

// Run prints what was found.
func (c *Query) Run(ctx context.Context, std *terminal.Streams) error {
	q := url.Values{}
	for _, pair := range c.Question {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return terminal.Usage("%q is no question: it must be KEY=VALUE", pair)
		}
		q.Add(k, v)
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		api := s.api.Raw()
		lists := map[string]call{
			"job":        func(e ...client.RequestEditorFn) (*http.Response, error) { return api.ListJobs(ctx, nil, e...) },
			"build":      func(e ...client.RequestEditorFn) (*http.Response, error) { return api.ListBuilds(ctx, nil, e...) },
			"boot":       func(e ...client.RequestEditorFn) (*http.Response, error) { return api.ListBoots(ctx, nil, e...) },
			"test/group": func(e ...client.RequestEditorFn) (*http.Response, error) { return api.ListTestGroups(ctx, nil, e...) },
			"test/case":  func(e ...client.RequestEditorFn) (*http.Response, error) { return api.ListTestCases(ctx, nil, e...) },
			"lab":        func(e ...client.RequestEditorFn) (*http.Response, error) { return api.ListLabs(ctx, nil, e...) },
		}
		return s.list(listing{key: "result", limits: true, skips: true, query: q, call: lists[c.Collection], empty: "Nothing is like that.",
			columns: columns("ID _id.$oid _id", "STATUS status", "NAME name", "JOB job", "KERNEL kernel", "LAB lab_name", "CREATED created_on.$date created_on")}, Limited{Limit: c.Limit})
	})
}
