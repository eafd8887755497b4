package document

import (
	"regexp"
	"strings"
)

// Build is one kernel built with one configuration; the original called it
// defconfig until 2016. A second report of the same build replaces the first.
var Build = Schema{
	Name:     "build",
	Near:     []string{"job", "kernel"},
	Identity: []string{"job", "kernel", "git_branch", "arch", "defconfig", "defconfig_full", "build_environment"},
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, From: "version", Default: "1.1"},
		{Name: "name", Kind: Text, Flags: Search, Max: 3*maxSearchText + 2},
		{Name: "job", Kind: Text, From: "job", Flags: Must | Search | Distinct},
		{Name: "job_id", Kind: ID, Flags: Search},
		{Name: "kernel", Kind: Text, From: "kernel", Flags: Must | Search | Distinct},
		{Name: "kernel_version", Kind: Text, From: "kernel_version", Flags: Search | Distinct},
		{Name: "git_branch", Kind: Text, From: "git_branch", Flags: Search | Distinct},
		{Name: "git_commit", Kind: Text, From: "git_commit", Flags: Search | Distinct},
		{Name: "git_describe", Kind: Text, From: "git_describe", Flags: Search | Distinct},
		{Name: "git_describe_v", Kind: Text, From: "git_describe_v", Flags: Distinct},
		{Name: "git_url", Kind: Text, From: "git_url", Flags: Distinct, Max: maxURL},
		{Name: "arch", Kind: Text, From: "arch", Flags: Must | Search | Distinct},
		{Name: "defconfig", Kind: Text, From: "defconfig", Flags: Must | Search | Distinct},
		{Name: "defconfig_full", Kind: Text, From: "defconfig_full", Flags: Search | Distinct},
		{Name: "build_environment", Kind: Text, From: "build_environment", Flags: Search | Distinct},
		{Name: "status", Kind: Text, From: "build_result", Flags: Search, Default: "UNKNOWN",
			Only: []string{"PASS", "FAIL", "UNKNOWN"}},
		{Name: "errors", Kind: Int, From: "build_errors", Flags: Search | NullStays, Default: int64(0)},
		{Name: "warnings", Kind: Int, From: "build_warnings", Flags: Search | NullStays, Default: int64(0)},
		{Name: "build_type", Kind: Text, From: "build_type", Flags: Search, Default: "kernel"},
		{Name: "build_time", Kind: Number, From: "build_time"},
		{Name: "build_log", Kind: Text, From: "build_log", Flags: Search},
		{Name: "build_log_size", Kind: Int, From: "build_log_size", Flags: Search},
		{Name: "build_platform", Kind: List, From: "build_platform", Flags: Filled},
		{Name: "compiler", Kind: Text, From: "compiler", Flags: Search | Distinct},
		{Name: "compiler_version", Kind: Text, From: "compiler_version", Flags: Search | Distinct},
		{Name: "compiler_version_ext", Kind: Text, From: "compiler_version_ext", Flags: Distinct},
		{Name: "compiler_version_full", Kind: Text, From: "compiler_version_full", Flags: Distinct},
		{Name: "cross_compile", Kind: Text, From: "cross_compile"},
		{Name: "dirname", Kind: Text, From: "dirname", Flags: Search, Max: maxURL},
		{Name: "dtb_dir", Kind: Text, From: "dtb_dir"},
		{Name: "dtb_dir_data", Kind: List, From: "dtb_dir_data", Flags: Filled},
		{Name: "file_server_resource", Kind: Text, From: "file_server_resource"},
		{Name: "file_server_url", Kind: Text, From: "file_server_url"},
		{Name: "kconfig_fragments", Kind: Text, From: "kconfig_fragments", Flags: Search},
		{Name: "kernel_config", Kind: Text, From: "kernel_config", Flags: Search},
		{Name: "kernel_config_size", Kind: Int, From: "kernel_config_size", Flags: Search},
		{Name: "kernel_image", Kind: Text, From: "kernel_image", Flags: Search},
		{Name: "kernel_image_size", Kind: Int, From: "kernel_image_size", Flags: Search},
		{Name: "modules", Kind: Text, From: "modules", Flags: Search},
		{Name: "modules_dir", Kind: Text, From: "modules_dir", Flags: Search},
		{Name: "modules_size", Kind: Int, From: "modules_size", Flags: Search},
		{Name: "system_map", Kind: Text, From: "system_map", Flags: Search},
		{Name: "system_map_size", Kind: Int, From: "system_map_size", Flags: Search},
		{Name: "text_offset", Kind: Text, From: "text_offset", Flags: Search},
		{Name: "vmlinux_bss_size", Kind: Int, From: "vmlinux_bss_size", Flags: Search},
		{Name: "vmlinux_data_size", Kind: Int, From: "vmlinux_data_size", Flags: Search},
		{Name: "vmlinux_file_size", Kind: Int, From: "vmlinux_file_size", Flags: Search},
		{Name: "vmlinux_text_size", Kind: Int, From: "vmlinux_text_size", Flags: Search},
		{Name: "metadata", Kind: Object, From: "metadata"},
	},
	finish: finishBuild,
}.prepare()

func finishBuild(d *Document) {
	fullDefconfig(d)
	if version := kernelVersion(d); version != "" && d.Get("kernel_version") == nil {
		d.Set("kernel_version", version)
	}
	d.Set("name", strings.Join([]string{d.Text("job"), d.Text("kernel"), d.Text("defconfig_full")}, "-"))
}

// The release candidate belongs to the version (app/utils/build/__init__.py of
// the original); the number of commits since the tag does not.
var versionStart = regexp.MustCompile(`^v?(\d+\.\d+(?:\.\d+)?(?:-rc\d*)?)`)

// kernelVersion reads the version of the kernel out of what git describes it as;
// it is empty when that does not begin with one.
func kernelVersion(d *Document) string {
	describe := d.Text("git_describe_v")
	if describe == "" {
		describe = d.Text("git_describe")
	}
	if m := versionStart.FindStringSubmatch(describe); m != nil {
		return m[1]
	}
	return ""
}

// jobSource are the fields that say of what and with what a job's builds are made.
var jobSource = []string{"git_commit", "git_describe", "git_describe_v", "git_url",
	"kernel_version", "compiler", "compiler_version", "compiler_version_ext", "compiler_version_full", "cross_compile"}

// FillJob gives a job that says nothing of its source what one of its builds says of
// it, as the original does, and reports whether that changed it. A job is like that
// when somebody reported it before its builds.
func FillJob(job, made *Document) (changed bool) {
	for _, name := range jobSource {
		if job.Get(name) != nil {
			return false
		}
	}
	for _, name := range jobSource {
		if value := made.Get(name); value != nil {
			job.Set(name, value)
			changed = true
		}
	}
	return changed
}

// JobOfBuild makes the job that a build belongs to, for the case that nobody
// reported the job before: in the original builds make jobs
// (app/utils/build/__init__.py). Its status says that builds are still coming.
func JobOfBuild(build *Document) *Document {
	job := Job.New()
	job.Set("job", build.Get("job"))
	job.Set("kernel", build.Get("kernel"))
	for _, name := range jobSource {
		job.Set(name, build.Get(name))
	}
	job.Set("git_branch", build.Get("git_branch"))
	job.Set("status", "BUILD")
	Job.complete(job)
	return job
}
