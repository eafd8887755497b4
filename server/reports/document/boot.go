package document

import "strings"

// Boot is one attempt of a lab to boot one kernel on one board. A lab may
// report it again: then the later report replaces the earlier.
var Boot = Schema{
	Name: "boot",
	Near: []string{"job", "kernel"},
	Identity: []string{"lab_name", "board", "job", "kernel", "defconfig_full",
		"arch", "git_branch", "build_environment"},
	Ignored: "email",
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, From: "version", Default: "1.1"},
		{Name: "name", Kind: Text, Flags: Search, Max: maxBootName},
		{Name: "lab_name", Kind: Text, From: "lab_name", Flags: Must | NotNone | Search | Distinct},
		{Name: "job", Kind: Text, From: "job", Flags: Must | NotNone | Search | Distinct},
		{Name: "job_id", Kind: ID, Flags: Search},
		{Name: "kernel", Kind: Text, From: "kernel", Flags: Must | NotNone | Search | Distinct},
		{Name: "git_branch", Kind: Text, From: "git_branch", Flags: Search | Distinct},
		{Name: "git_commit", Kind: Text, From: "git_commit", Flags: Search | Distinct},
		{Name: "git_describe", Kind: Text, From: "git_describe", Flags: Search | Distinct},
		{Name: "git_url", Kind: Text, From: "git_url", Flags: Search, Max: maxURL},
		{Name: "defconfig", Kind: Text, From: "defconfig", Flags: Must | NotNone | Search | Distinct},
		{Name: "defconfig_full", Kind: Text, From: "defconfig_full", Flags: Search | Distinct},
		{Name: "build_id", Kind: ID, Flags: Search},
		{Name: "defconfig_id", Kind: ID, Flags: Search, Of: "build_id"},
		{Name: "arch", Kind: Text, From: "arch", Flags: Search | Distinct, Default: "arm"},
		{Name: "build_environment", Kind: Text, From: "build_environment", Flags: Search | Distinct},
		{Name: "board", Kind: Text, From: "board", Flags: Must | NotNone | Search | Distinct},
		{Name: "board_instance", Kind: Text, From: "board_instance", Flags: Distinct},
		{Name: "device_type", Kind: Text, From: "device_type"},
		// The schema of the original says that the alias wins; its list of
		// keys lacks mach_alias and device_type (app/models/__init__.py).
		{Name: "mach", Kind: Text, From: "mach_alias mach", Flags: Search | Distinct},
		{Name: "status", Kind: Text, From: "boot_result", Flags: Search, Default: "UNKNOWN",
			Only: []string{"PASS", "FAIL", "OFFLINE", "UNTRIED", "UNKNOWN"}},
		{Name: "time", Kind: Seconds, From: "boot_time", Flags: Range, Default: int64(0)},
		// LAVA's report script sends retries; the schema says boot_retries.
		// A count that is null stays null in the original, and matches no number.
		{Name: "retries", Kind: Int, From: "boot_retries retries", Flags: Search | NullStays, Default: int64(0)},
		{Name: "warnings", Kind: Int, From: "boot_warnings", Flags: Search | NullStays, Default: int64(0)},
		{Name: "endian", Kind: Text, From: "endian", Flags: Search | Distinct},
		{Name: "compiler", Kind: Text, From: "compiler", Flags: Search},
		{Name: "compiler_version", Kind: Text, From: "compiler_version", Flags: Search},
		{Name: "compiler_version_ext", Kind: Text, From: "compiler_version_ext"},
		{Name: "compiler_version_full", Kind: Text},
		{Name: "cross_compile", Kind: Text},
		{Name: "boot_job_id", Kind: Text, From: "boot_job_id", Flags: Search},
		{Name: "boot_job_url", Kind: Text, From: "boot_job_url", Flags: Search | Distinct, Max: maxURL},
		{Name: "boot_job_path", Kind: Text, From: "boot_job_path"},
		{Name: "boot_log", Kind: Text, From: "boot_log"},
		{Name: "boot_log_html", Kind: Text, From: "boot_log_html"},
		{Name: "boot_result_description", Kind: Text, From: "boot_result_description"},
		{Name: "bootloader", Kind: Text, From: "bootloader", Flags: Search},
		{Name: "bootloader_version", Kind: Text, From: "bootloader_version", Flags: Search},
		{Name: "chainloader", Kind: Text, From: "chainloader", Flags: Search},
		{Name: "filesystem", Kind: Text, From: "filesystem", Flags: Search},
		{Name: "kernel_image", Kind: Text, From: "kernel_image", Flags: Search},
		{Name: "kernel_image_size", Kind: Int, Flags: Search},
		{Name: "load_addr", Kind: Text, From: "loadaddr"},
		{Name: "dtb", Kind: Text, From: "dtb"},
		{Name: "dtb_addr", Kind: Text, From: "dtb_addr"},
		{Name: "dtb_append", Kind: Bool, From: "dtb_append"},
		{Name: "initrd", Kind: Text, From: "initrd"},
		{Name: "initrd_addr", Kind: Text, From: "initrd_addr"},
		{Name: "uimage", Kind: Text, From: "uimage"},
		{Name: "uimage_addr", Kind: Text, From: "uimage_addr"},
		{Name: "fastboot", Kind: Bool, From: "fastboot"},
		{Name: "fastboot_cmd", Kind: Text, From: "fastboot_cmd"},
		{Name: "qemu", Kind: Text, From: "qemu"},
		{Name: "qemu_command", Kind: Text, From: "qemu_command"},
		{Name: "file_server_resource", Kind: Text, From: "file_server_resource"},
		{Name: "file_server_url", Kind: Text, From: "file_server_url"},
		{Name: "plan", Kind: Text, From: "plan"},
		{Name: "plan_variant", Kind: Text, From: "plan_variant"},
		{Name: "metadata", Kind: Object, From: "metadata"},
	},
	finish: finishBoot,
}.prepare()

// maxBootName has room for five texts of maxSearchText and the hyphens between.
const maxBootName = 5*maxSearchText + 4

// BootSelectors names the fields by which boots can be deleted (BOOT_VALID_KEYS
// in app/models/__init__.py of the original).
var BootSelectors = []string{"_id", "board", "defconfig", "defconfig_full", "build_id", "defconfig_id",
	"job_id", "job", "kernel", "name", "boot_job_id", "boot_job_url"}

// finishBoot sets the name that documents of 2015 had. It is not unique: the
// lab is not part of it.
func finishBoot(d *Document) {
	fullDefconfig(d)
	d.Set("name", strings.Join([]string{d.Text("board"), d.Text("job"), d.Text("kernel"),
		d.Text("defconfig"), d.Text("arch")}, "-"))
}

// fullDefconfig makes defconfig stand in for a missing defconfig_full.
func fullDefconfig(d *Document) {
	if d.Get("defconfig_full") == nil {
		d.Set("defconfig_full", d.Get("defconfig"))
	}
}

// fromBuild names the fields that a boot or a test group takes from its build
// when the report lacks them.
var fromBuild = []string{"git_branch", "git_commit", "git_describe", "git_url", "compiler", "compiler_version",
	"compiler_version_ext", "compiler_version_full", "cross_compile", "kernel_image", "kernel_image_size"}

// CompleteBoot ties a boot, or a test group, which has fewer fields, to its job and
// its build and takes over what the build knows better. Either may be nil. It must not be called before the
// boot's identity has been taken: the branch may change with it.
func CompleteBoot(boot, job, build *Document) {
	if job != nil {
		boot.Set("job_id", job.Get("_id"))
	}
	if build == nil {
		return
	}
	boot.Set("build_id", build.Get("_id"))
	for _, name := range fromBuild {
		if _, has := boot.schema.index[name]; has && boot.Get(name) == nil {
			boot.Set(name, build.Get(name))
		}
	}
}
