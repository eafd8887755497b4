package lava

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// metaFields says which field of a report each key of the metadata becomes.
var metaFields = map[string]string{
	"job.arch": "arch", "job.build_environment": "build_environment", "device.type": "device_type", "platform.dtb": "dtb",
	"kernel.endian": "endian", "job.file_server_resource": "file_server_resource", "git.branch": "git_branch",
	"git.commit": "git_commit", "git.describe": "git_describe", "git.url": "git_url", "job.initrd_url": "initrd",
	"kernel.tree": "job", "kernel.version": "kernel", "job.kernel_image": "kernel_image", "platform.mach": "mach",
	"test.plan": "plan", "test.plan_variant": "plan_variant",
}

// Group returns the body of a test group for all that the job tested, in a lab.
// A *Error says which metadata is missing.
//
// The group is called like the plan. When the only suite is called so too, it is
// that suite; else the suites are groups inside. How the board came up is the test
// case login. A job that broke off, or has no results, has the test case job, which
// is FAIL when what was tested is to blame and else ERROR: no such job is all PASS.
func (j *Job) Group(lab string) (map[string]any, error) {
	group, err := j.fields(lab, "test.plan")
	if err != nil {
		return nil, err
	}
	delete(group, "dtb")
	plan := j.Meta["test.plan"]
	group["name"], group["version"] = nameOf(plan), "1.1"
	j.describe(group)
	fragments := j.fragments()
	var cases, inner []any
	for _, c := range []map[string]any{j.loginCase(), j.jobCase(), j.leftOutCase()} {
		if c != nil {
			cases = append(cases, c)
		}
	}
	if len(j.Suites) == 1 && j.Suites[0].Name == plan {
		own, sets := j.Suites[0].bodies(fragments)
		cases, inner = append(cases, own...), sets
	} else {
		suites := map[string]int{}
		for i := range j.Suites {
			suites[j.Suites[i].Name]++
		}
		for i := range j.Suites {
			inner = append(inner, j.Suites[i].group(suites, fragments))
		}
	}
	group["test_cases"], group["sub_groups"] = numbered(cases), numbered(inner)
	return group, nil
}

// describe says in a group how its job went.
func (j *Job) describe(group map[string]any) {
	for field, value := range map[string]string{
		"lava_job_id": j.ID, "lava_status": j.Status, "error_type": j.ErrorType, "error_msg": j.ErrorMessage,
		"boot_result_description": j.ErrorMessage,
	} {
		if value != "" {
			group[field] = value
		}
	}
	for field, at := range map[string]time.Time{"start_time": j.Start, "end_time": j.End} {
		if !at.IsZero() {
			group[field] = map[string]any{"$date": at.UnixMilli()}
		}
	}
}

// group is the body of the group for a suite among several, of which suites says how
// many have each name. Those that have one name keep their place in it, to stay
// several.
func (s *Suite) group(suites map[string]int, fragments map[*Test][]Line) map[string]any {
	name := s.Name
	if suites[name] > 1 {
		name = nameOf(s.key)
	}
	own, sets := s.bodies(fragments)
	return map[string]any{"name": name, "version": "1.1", "test_cases": numbered(own), "sub_groups": numbered(sets)}
}

// bodies returns the test cases of a suite that are in no set, and a group for
// each set.
func (s *Suite) bodies(fragments map[*Test][]Line) (own, sets []any) {
	inSet := map[string][]any{}
	var names []string
	for i := range s.Tests {
		t := &s.Tests[i]
		c := t.body(fragments[t])
		if t.Set == "" {
			own = append(own, c)
			continue
		}
		if inSet[t.Set] == nil {
			names = append(names, t.Set)
		}
		inSet[t.Set] = append(inSet[t.Set], c)
	}
	for _, name := range names {
		sets = append(sets, map[string]any{"name": name, "version": "1.1", "test_cases": numbered(inSet[name])})
	}
	return own, sets
}

// numbered gives bodies their place in the list, from 1.
func numbered(list []any) []any {
	for i, body := range list {
		body.(map[string]any)["index"] = i + 1
	}
	return list
}

func (t *Test) body(lines []Line) map[string]any {
	c := map[string]any{"version": "1.1", "name": t.Name, "status": t.Result}
	if t.Value != nil {
		// measure is the name in the documents, value the one that callbacks made.
		c["measurements"] = []any{map[string]any{"name": t.Name, "measure": *t.Value, "value": *t.Value, "unit": t.Unit}}
	}
	if t.Reference != "" {
		c["attachments"] = []any{map[string]any{"server_uri": t.Reference, "path": ""}}
	}
	if t.Details != nil {
		c["metadata"] = t.Details
	}
	var log []any
	for _, l := range lines {
		log = append(log, map[string]any{"dt": map[string]any{"$date": l.At.UnixMilli()}, "lvl": l.Level, "msg": l.Text})
	}
	if log != nil {
		c["log_lines"] = log
	}
	return c
}

// loginCase is how the board came up; when it did, and yet no suite has results,
// how the job went.
func (j *Job) loginCase() map[string]any {
	s := j.login()
	if s == nil {
		return nil
	}
	result := resultOf(s.result)
	switch {
	case result == pass && len(j.Suites) == 0 && j.step("job") != nil:
		if s = j.step("job"); resultOf(s.result) != pass {
			result = j.outcome()
		}
	case result == fail && !j.panicked():
		result = failed(cmp.Or(s.errorType, j.ErrorType))
	}
	c := map[string]any{"version": "1.1", "name": "login", "status": result}
	if s.duration != "" {
		c["time"] = s.duration
	}
	if d := s.details(); d != nil {
		c["metadata"] = d
	}
	return c
}

// jobCase is the job itself, when it broke off.
func (j *Job) jobCase() map[string]any {
	result := j.outcome()
	if result == pass {
		return nil
	}
	c := map[string]any{"version": "1.1", "name": "job", "status": result}
	if d := detailsOf(j.ErrorType, j.ErrorMessage); d != nil {
		c["metadata"] = d
	}
	return c
}

// leftOutCase stands for the tests beyond the limit: as bad as the worst of them.
func (j *Job) leftOutCase() map[string]any {
	n := j.leftOut.count()
	if n == 0 {
		return nil
	}
	return map[string]any{
		"version": "1.1", "name": "tests-not-kept", "status": j.leftOut.worst(),
		"metadata": map[string]any{"pass": j.leftOut[pass], "fail": j.leftOut[fail], "skip": j.leftOut[skip], "error": j.leftOut[errored]},
	}
}

// Boot returns the body of a boot report for the job, in a lab. A *Error says
// which metadata is missing.
func (j *Job) Boot(lab string) (map[string]any, error) {
	boot, err := j.fields(lab, "kernel.defconfig")
	if err != nil {
		return nil, err
	}
	boot["version"], boot["boot_job_id"] = "1.1", j.ID
	if result := j.bootOutcome(); result != errored { // else the lab is to blame, not the kernel: unknown
		boot["boot_result"] = result
	}
	if j.ErrorMessage != "" {
		boot["boot_result_description"] = j.ErrorMessage
	}
	if fastboot, err := strconv.ParseBool(j.Meta["platform.fastboot"]); err == nil {
		boot["fastboot"] = fastboot
	}
	if s := j.login(); s != nil {
		boot["boot_time"], boot["boot_warnings"] = s.duration, complaints(s.extra)
	}
	if s := j.step("bootloader-overlay"); s != nil {
		addresses(s.extra, boot)
	}
	return boot, nil
}

// fields are what the bodies share. The plan, or what else the caller demands,
// must be there.
func (j *Job) fields(lab, demanded string) (map[string]any, error) {
	body := map[string]any{"lab_name": lab, "board_instance": j.Device}
	for name, field := range metaFields {
		if v := j.Meta[name]; v != "" {
			body[field] = v
		}
	}
	if body["kernel"] == nil { // not demanded of LAVA's jobs since August 2020
		body["kernel"] = body["git_describe"]
	}
	// Until August 2020 kernel.defconfig was the full name, and kernel.defconfig_base
	// the short one.
	body["defconfig"], body["defconfig_full"] = j.Meta["kernel.defconfig"], j.Meta["kernel.defconfig_full"]
	if base := j.Meta["kernel.defconfig_base"]; base != "" {
		body["defconfig"], body["defconfig_full"] = base, j.Meta["kernel.defconfig"]
	}
	body["board"] = j.Meta["platform.name"]
	if body["board"] == "" {
		body["board"] = j.Meta["device.type"]
	}
	var missing []string
	for _, name := range []string{"kernel.tree", "device.type", demanded} {
		if j.Meta[name] == "" && (name != "device.type" || body["board"] == "") {
			missing = append(missing, name)
		}
	}
	if body["kernel"] == nil {
		missing = append(missing, "kernel.version")
	}
	if len(missing) > 0 {
		return nil, &Error{"definition", fmt.Sprintf("lacks mandatory metadata: missing mandatory LAVA metadata: %s", strings.Join(missing, ", "))}
	}
	return body, nil
}

// complaints counts the messages that LAVA took for trouble while the kernel
// booted.
func complaints(extra []*yaml.Node) int { return len(messages(extra)) }

// messages are what LAVA took for trouble: texts, or objects with a message, under
// fail.
func messages(extra []*yaml.Node) (list []string) {
	for _, entry := range extra {
		fail := member(entry, "fail")
		if text := scalarOf(fail); text != "" {
			list = append(list, text)
		}
		for _, e := range elements(fail) {
			list = append(list, cmp.Or(scalarOf(member(e, "message")), scalarOf(e)))
		}
	}
	return list
}

// addresses takes over where the boot loader put things.
func addresses(extra []*yaml.Node, boot map[string]any) {
	for _, entry := range extra {
		for name, field := range map[string]string{"ramdisk_addr": "initrd_addr", "kernel_addr": "loadaddr", "dtb_addr": "dtb_addr"} {
			if v := scalarOf(member(entry, name)); v != "" {
				boot[field] = v
			}
		}
	}
}

// Folder is where the files of the job belong: where the kernel lies that it
// tested, and below that in the lab's own.
func (j *Job) Folder(lab string) string {
	at := strings.Trim(j.Meta["job.file_server_resource"], "/")
	if at == "" {
		var parts []string
		body, err := j.fields(lab, "kernel.tree")
		if err != nil {
			return lab
		}
		for _, name := range []string{"job", "git_branch", "kernel", "arch", "defconfig_full", "build_environment"} {
			if text, _ := body[name].(string); text != "" {
				parts = append(parts, strings.ReplaceAll(text, "/", "_"))
			}
		}
		at = strings.Join(parts, "/")
	}
	return at + "/" + lab
}
