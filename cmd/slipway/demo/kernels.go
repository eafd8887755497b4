package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"
)

// number is an id as JSON's number.
func number(id string) json.Number { return json.Number(id) }

// branch is a branch of a kernel.
type branch struct {
	job, name, url string
	kernels        []string // the oldest first
	every          time.Duration
	first          time.Duration // how long before the end the newest came
}

// device is a device in a lab.
type device struct {
	arch, name, lab string
	defconfig       string
	boot            habit
	openat          habit // of one system call, which has a history
}

var devices = []device{
	{"arm64", "rk3399-gru-kevin", "lab-alder", "defconfig", habit{}, habit{failing: last(3)}},
	{"arm64", "rk3588-rock-5b", "lab-alder", "defconfig", habit{}, habit{failing: last(2)}},
	{"arm64", "bcm2711-rpi-4-b", "lab-birch", "defconfig", habit{}, habit{flaky: .25}},
	{"arm64", "meson-g12b-a311d-khadas-vim3", "lab-alder", "defconfig+kselftest", habit{broken: .2}, habit{}},
	{"arm64", "sun50i-h6-pine-h64", "lab-cedar", "defconfig", habit{}, habit{}},
	{"x86_64", "acer-cbv514-1h-34uz-brya", "lab-alder", "x86_64_defconfig", habit{failing: last(1)}, habit{}},
	{"x86_64", "hp-11A-G6-EE-grunt", "lab-birch", "x86_64_defconfig", habit{}, habit{}},
	{"riscv", "sifive-unmatched", "研究室-樫", "defconfig", habit{}, habit{failing: ever()}},
}

// kernels tells of two branches.
func (s *story) kernels() {
	s.at(s.ago(s.whole()-2*time.Minute), s.labs)
	mainline := &branch{job: "mainline", name: "master", url: "https://git.example.org/linux.git", every: 34 * time.Hour, first: 75 * time.Minute}
	for n, describe := range []string{"v6.11", "v6.12-rc1", "v6.12-rc1-88", "v6.12-rc1-204", "v6.12-rc2", "v6.12-rc2-51", "v6.12-rc2-117", "v6.12-rc3", "v6.12-rc3-9",
		"v6.12-rc3-44", "v6.12-rc3-92", "v6.12-rc3-130", "v6.12-rc4", "v6.12-rc4-12", "v6.12-rc4-40", "v6.12-rc4-61", "v6.12-rc4-80", "v6.12-rc4-97", "v6.12-rc4-110", "v6.12-rc4-118"} {
		if n > 1 && len(describe) > len("v6.12-rc4") {
			describe += "-g" + commit(describe)[:12]
		}
		mainline.kernels = append(mainline.kernels, describe)
	}
	stable := &branch{job: "stable", name: "linux-6.6.y", url: "https://git.example.org/stable.git", every: 60 * time.Hour, first: 27 * time.Hour}
	for n := range 10 {
		stable.kernels = append(stable.kernels, fmt.Sprintf("v6.6.%d", 60+n))
	}
	for _, b := range []*branch{mainline, stable} {
		for n, kernel := range b.kernels {
			back := len(b.kernels) - 1 - n
			s.at(s.ago(b.first+time.Duration(back)*b.every), func(ctx context.Context) error { return s.kernel(ctx, b, kernel, back) })
		}
	}
}

// commit is a commit of a description.
func commit(describe string) string {
	hash := fnv.New128a()
	_, _ = hash.Write([]byte(describe)) // a hash never fails
	return fmt.Sprintf("%x%x", hash.Sum(nil), hash.Sum(nil)[:4])
}

func (s *story) labs(ctx context.Context) error {
	seen := map[string]bool{}
	for _, d := range devices {
		if seen[d.lab] {
			continue
		}
		seen[d.lab] = true
		_, err := s.json(ctx, s.tokens["ada"], "POST", "/v1/lab", object{
			"name": d.lab, "contact": object{"name": "Grace", "surname": "Person", "email": "lab@example.org"},
		})
		if err != nil {
			return err
		}
		s.count("labs", 1)
	}
	return nil
}

// common is what every report of a kernel says.
func (b *branch) common(kernel string) object {
	return object{"job": b.job, "kernel": kernel, "git_branch": b.name, "git_url": b.url, "git_commit": commit(kernel), "git_describe": kernel}
}

func with(o object, more object) object {
	for name, v := range more {
		o[name] = v
	}
	return o
}

// kernel tells of a kernel: it is built, booted and tested.
func (s *story) kernel(ctx context.Context, b *branch, kernel string, back int) error {
	began := s.clock.Now()
	s.count("kernels", 1)
	draw := s.draw(b.job + kernel)
	for n, build := range []struct {
		arch, defconfig string
		habit
	}{
		{arch: "arm64", defconfig: "defconfig"}, {arch: "arm64", defconfig: "defconfig+kselftest"}, {arch: "x86_64", defconfig: "x86_64_defconfig"},
		{arch: "riscv", defconfig: "defconfig"}, {arch: "arm64", defconfig: "allmodconfig", habit: habit{failing: last(2)}},
	} {
		outcome := build.outcome(back, draw)
		if b.job != "mainline" {
			outcome = passed
		}
		warnings := draw.IntN(9)
		s.at(began.Add(time.Duration(n+1)*time.Minute), func(ctx context.Context) error {
			s.count("builds", 1)
			folder := b.job + "/" + b.name + "/" + kernel + "/" + build.arch + "/" + build.defconfig
			if _, err := s.send(ctx, s.tokens["build-farm"], "PUT", "/v1/upload/"+folder+"/build.log", "text/plain", buildLog(build.arch, build.defconfig, outcome, warnings)); err != nil {
				return err
			}
			_, err := s.json(ctx, s.tokens["build-farm"], "POST", "/v1/build", with(b.common(kernel), object{
				"arch": build.arch, "defconfig": build.defconfig, "defconfig_full": build.defconfig, "build_environment": "gcc-14",
				"build_result": upper(outcome), "build_errors": map[bool]int{true: 3}[outcome == failed], "build_warnings": warnings, "build_time": 420.5,
				"file_server_resource": folder, "build_log": "build.log",
			}))
			return err
		})
	}
	for n := range devices {
		d := &devices[n]
		boot := d.boot.outcome(back, draw)
		if b.job != "mainline" && boot == failed {
			boot = passed
		}
		s.at(began.Add(time.Duration(9+2*n)*time.Minute), func(ctx context.Context) error { return s.boot(ctx, b, kernel, d, boot, back) })
	}
	s.at(began.Add(8*time.Minute), func(ctx context.Context) error {
		_, err := s.json(ctx, s.tokens["build-farm"], "POST", "/v1/job", with(b.common(kernel), object{"status": "PASS"}))
		return err
	})
	s.at(began.Add(45*time.Minute), s.settle) // nothing arrived for it for a while
	return nil
}

// buildLog is what the compiler said.
func buildLog(arch, defconfig, outcome string, warnings int) []byte {
	var log bytes.Buffer
	fmt.Fprintf(&log, "make ARCH=%s %s\n", arch, defconfig)
	for n := range warnings {
		fmt.Fprintf(&log, "drivers/net/demo.c:%d:9: warning: unused variable 'ret'\n", 40+n)
	}
	if outcome == failed {
		for n := range 3 {
			fmt.Fprintf(&log, "drivers/gpu/demo.c:%d:2: error: implicit declaration of function 'demo_init'\n", 112+n)
		}
		log.WriteString("make: *** [Makefile:1953: .] Error 2\n")
	}
	return log.Bytes()
}

// upper is an outcome in KernelCI's words.
func upper(outcome string) string {
	return map[string]string{passed: "PASS", failed: "FAIL", skipped: "SKIP", broken: "ERROR"}[outcome]
}

// boot tells of a boot, and of the tests that follow it.
func (s *story) boot(ctx context.Context, b *branch, kernel string, d *device, outcome string, back int) error {
	token := s.tokens[d.lab]
	place := object{
		"lab_name": d.lab, "arch": d.arch, "defconfig": d.defconfig, "defconfig_full": d.defconfig, "build_environment": "gcc-14",
		"board": d.name, "device_type": d.name,
	}
	word := map[string]string{passed: "PASS", failed: "FAIL", broken: "OFFLINE"}[outcome]
	draw := s.draw(b.job + kernel + d.name)
	seconds := 31 + float64(draw.IntN(200))/10
	description := map[string]string{passed: "", failed: "Kernel panic - not syncing: VFS: Unable to mount root fs", broken: "the power relay of the lab does not answer"}[outcome]
	body := with(with(b.common(kernel), place), object{"boot_result": word, "boot_time": seconds, "boot_warnings": 0, "boot_result_description": description})
	s.count("boots", 1)
	if _, err := s.json(ctx, token, "POST", "/v1/boot", body); err != nil || outcome != passed {
		return err
	}
	tests := []object{
		{"name": "ltp", "plan": "ltp", "sub_groups": []object{
			{"name": "syscalls", "test_cases": s.syscalls(d, b, back, draw)},
			{"name": "mm", "test_cases": cases(draw, "mm", "ksm01", "oom01", "thp04", "vma05")},
		}},
		{"name": "kselftest", "plan": "kselftest", "sub_groups": []object{
			{"name": "net", "test_cases": cases(draw, "net", "tls", "fib_tests.sh", "<b>psock</b>_tpacket", "udpgso.sh", "日本語_netns")},
		}},
	}
	for _, one := range tests[:1+back%2] {
		s.count("test groups", 1)
		if _, err := s.json(ctx, token, "POST", "/v1/test/group", with(with(one, b.common(kernel)), place)); err != nil {
			return err
		}
	}
	return nil
}

// syscalls are the cases of a group that has a history: one call regressed on two
// devices and is flaky on another.
func (s *story) syscalls(d *device, b *branch, back int, draw interface {
	Float64() float64
	IntN(int) int
}) []object {
	list := cases(draw, "syscalls", "open01", "open02", "mmap18", "futex_wait05", "clone301", "epoll_ctl04", "io_uring02", "statx09")
	flaked := draw.Float64() < d.openat.flaky
	outcome := passed
	for _, one := range d.openat.failing {
		if back <= one.from && back >= one.to && (b.job == "mainline" || one.from > 1000) {
			outcome = failed
		}
	}
	if flaked && back > 0 {
		outcome = failed
	}
	seconds := 44 + float64(draw.IntN(60))/10
	if outcome == failed {
		seconds += 48
	}
	return append(list, object{"name": "openat201", "status": upper(outcome), "time": seconds})
}

// cases are cases of a group that pass, but for one here and there that is skipped.
func cases(draw interface{ IntN(int) int }, group string, names ...string) []object {
	list := make([]object, 0, len(names))
	for n, name := range names {
		status := "PASS"
		if (n+len(group))%6 == 5 {
			status = "SKIP"
		}
		list = append(list, object{"name": name, "status": status, "time": float64(1+draw.IntN(300)) / 10})
	}
	return list
}
