package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// create is one sort of object that is stored.
type create struct {
	kind, path string
	table      string // of ours, whose indexes a peer may be given; empty for what no peer stores
	status     int
	body       func(n int64) string
}

func kinds() []create {
	return []create{
		{"boot", "/boot", "kernel_boots", 202, bootBody},
		{"group", "/test/group", "test_groups", 201, groupBody},
		{"job", "/job", "kernel_jobs", 202, jobBody},
		{"run", "/v1/runs", "", 201, runBody},
	}
}

// creates measures durable creates of each sort over 1 to 256 connections, and the
// latency of boots that come at a fixed rate whatever becomes of them.
func creates(ctx context.Context, b *bench, s *subject) error {
	seconds := 4 * time.Second
	if b.short {
		seconds = 800 * time.Millisecond
	}
	list := kinds()
	kind, _, _ := strings.Cut(s.name, searched)
	switch kind {
	case "pocketbase":
		for i, k := range list {
			list[i].path, list[i].status = "/api/collections/"+k.table+"/records", 200
		}
		list = slices.DeleteFunc(list, func(k create) bool { return k.table == "" })
	case "bare", "bare-group":
		list = []create{{"boot", "/reports", "", 201, bootBody}}
	}
	for _, k := range list {
		if err := createKind(ctx, b, s, k, seconds); err != nil {
			return fmt.Errorf("%s: %w", k.kind, err)
		}
	}
	return nil
}

func createKind(ctx context.Context, b *bench, s *subject, k create, seconds time.Duration) error {
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	if s.ours {
		if err := v.once("POST", "/lab", `{"name": "lab-bench", "contact": {"name": "B", "surname": "B", "email": "b@example.org"}}`, nil, 201); err != nil {
			return err
		}
	}
	var last atomic.Int64
	post := func(c *conn, _ int64) error {
		_, _, err := c.ask("POST", k.path, k.body(last.Add(1)), k.status)
		return err
	}
	if _, err := v.drive(ctx, load{conns: 4, limit: seconds / 4}, post); err != nil { // warms up
		return err
	}
	for _, conns := range []int{1, 16, 64, 256} {
		before := v.cpu()
		got, err := v.drive(ctx, load{conns: conns, limit: seconds}, post)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s, %d connections", k.kind, conns)
		b.report.add(name, "/s", got.perSecond())
		b.report.add(name+": p99", "ms", got.at(0.99))
		b.report.add(name+": processor", "us each", float64((v.cpu()-before).Microseconds())/float64(max(len(got.took), 1)))
	}
	if k.kind != "boot" {
		return nil
	}
	got, err := v.drive(ctx, load{conns: 64, rate: 400, limit: 2 * seconds}, post)
	if err != nil {
		return err
	}
	b.report.add("boot at 400/s: p50", "ms", got.at(0.5))
	b.report.add("boot at 400/s: p99", "ms", got.at(0.99))
	return nil
}

// filler brings a body to about 1 kB.
func filler(n int64, size int) string {
	return strings.Repeat(fmt.Sprintf("line %08d of a log; ", n), size/25)
}

// bootBody is the n-th boot: of a kernel that a thousand have in common.
func bootBody(n int64) string {
	return fmt.Sprintf(`{"lab_name": "lab-bench", "job": "mainline", "kernel": "v5.4-rc%d", "git_branch": "master", "defconfig": "defconfig",`+
		` "arch": "arm64", "board": "board-%d", "boot_result": "PASS", "boot_time": %d, "boot_log": "boot.txt", "boot_result_description": %q}`,
		n/1000, n, n%60, filler(n, 750))
}

// groupBody is the n-th test group, of one case.
func groupBody(n int64) string {
	return fmt.Sprintf(`{"lab_name": "lab-bench", "job": "mainline", "kernel": "v5.4-rc%d", "git_branch": "master", "defconfig": "defconfig",`+
		` "defconfig_full": "defconfig", "arch": "arm64", "build_environment": "gcc-8", "board": "board-%d", "device_type": "qemu", "name": "smoke",`+
		` "metadata": {"log": %q}, "test_cases": [{"name": "uname", "status": "PASS"}]}`, n/1000, n, filler(n, 600))
}

// jobBody is the n-th job.
func jobBody(n int64) string {
	return fmt.Sprintf(`{"job": "mainline", "kernel": "v5.4-%d", "git_branch": "master", "status": "PASS", "git_url": "https://example.org/linux.git?%s",`+
		` "git_commit": "%040x", "git_describe": "v5.4-%d"}`, n, strings.Repeat("x", 750), n, n)
}

// runBody is the n-th run.
func runBody(n int64) string {
	return fmt.Sprintf(`{"name": "%06d %s", "run_token": "%s"}`, n%1000, strings.Repeat("n", 190), strings.Repeat("t", 500))
}
