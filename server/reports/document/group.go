package document

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Group is a set of test cases that ran together, and of groups inside it. The
// variant of the plan is part of what it is (utils/kci_test/__init__.py of the
// original): one board runs one plan from a disk and over the network. So is the
// build that it names, which is all that tells two groups of 2015 apart; the type of
// the device, which is all that clients since 2019 say of the board; and the group
// around it: two suites may both have a set called default.
var Group = Schema{
	Name: "test_group",
	Near: []string{"job", "kernel"},
	Identity: []string{"name", "lab_name", "board device_type", "job", "kernel", "defconfig_full",
		"arch", "git_branch", "build_environment", "plan_variant", "build_id", "parent_id"},
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, From: "version", Flags: Search, Default: "1.0"},
		{Name: "name", Kind: Text, From: "name", Flags: Must | Search | Distinct, Max: maxTestName},
		{Name: "lab_name", Kind: Text, From: "lab_name", Flags: Must | Search | Distinct},
		{Name: "job", Kind: Text, From: "job", Flags: Search | Distinct},
		{Name: "job_id", Kind: ID, From: "job_id", Flags: Search},
		{Name: "kernel", Kind: Text, From: "kernel", Flags: Search | Distinct},
		{Name: "git_branch", Kind: Text, From: "git_branch", Flags: Search | Distinct},
		{Name: "git_commit", Kind: Text, From: "git_commit", Flags: Search | Distinct},
		{Name: "git_describe", Kind: Text, From: "git_describe", Flags: Distinct},
		{Name: "git_url", Kind: Text, From: "git_url", Flags: Search, Max: maxURL},
		{Name: "defconfig", Kind: Text, From: "defconfig", Flags: Search | Distinct},
		{Name: "defconfig_full", Kind: Text, From: "defconfig_full", Flags: Search | Distinct},
		{Name: "build_id", Kind: ID, From: "build_id defconfig_id", Flags: Search},
		{Name: "boot_id", Kind: ID, From: "boot_id", Flags: Search},
		{Name: "parent_id", Kind: ID, From: "parent_id", Flags: Search},
		{Name: "arch", Kind: Text, From: "arch", Flags: Search | Distinct},
		{Name: "build_environment", Kind: Text, From: "build_environment", Flags: Search | Distinct},
		{Name: "board", Kind: Text, From: "board", Flags: Search | Distinct},
		{Name: "board_instance", Kind: Text, From: "board_instance", Flags: Search | Distinct},
		{Name: "device_type", Kind: Text, From: "device_type", Flags: Distinct},
		{Name: "mach", Kind: Text, From: "mach", Flags: Search | Distinct},
		{Name: "compiler", Kind: Text, From: "compiler"},
		{Name: "compiler_version", Kind: Text, From: "compiler_version"},
		{Name: "compiler_version_full", Kind: Text, From: "compiler_version_full"},
		{Name: "cross_compile", Kind: Text, From: "cross_compile"},
		{Name: "time", Kind: Seconds, From: "time", Flags: Search},
		{Name: "index", Kind: Int, From: "index", Flags: Search},
		{Name: "test_cases", Kind: IDs, From: "test_cases", Flags: Filled},
		{Name: "sub_groups", Kind: IDs, From: "sub_groups", Flags: Filled},
		{Name: "log", Kind: Text, From: "log"},
		{Name: "boot_log", Kind: Text, From: "boot_log"},
		{Name: "boot_log_html", Kind: Text, From: "boot_log_html"},
		{Name: "boot_result_description", Kind: Text, From: "boot_result_description"},
		{Name: "lava_job_id", Kind: Text, From: "lava_job_id"},
		{Name: "lava_status", Kind: Text, From: "lava_status"},
		{Name: "error_type", Kind: Text, From: "error_type"},
		{Name: "error_msg", Kind: Text, From: "error_msg"},
		{Name: "start_time", Kind: Date, From: "start_time"},
		{Name: "end_time", Kind: Date, From: "end_time"},
		{Name: "endian", Kind: Text, From: "endian"},
		{Name: "initrd", Kind: Text, From: "initrd"},
		{Name: "image_type", Kind: Text, From: "image_type"},
		{Name: "kernel_image", Kind: Text, From: "kernel_image"},
		{Name: "kernel_image_size", Kind: Int, From: "kernel_image_size"},
		{Name: "definition_uri", Kind: Text, From: "definition_uri"},
		{Name: "vcs_commit", Kind: Text, From: "vcs_commit"},
		{Name: "file_server_resource", Kind: Text, From: "file_server_resource"},
		{Name: "plan", Kind: Text, From: "plan", Flags: Search | Distinct},
		{Name: "plan_variant", Kind: Text, From: "plan_variant"},
		{Name: "metadata", Kind: Object, From: "metadata"},
		{Name: "root_id", Kind: ID, Flags: Hidden}, // the outermost group of the same tenant around it, or itself
	},
	finish: finishGroup,
}.prepare()

// finishGroup cannot use a default for arch: a group that names its build takes
// it from there.
func finishGroup(d *Document) { fullDefconfig(d) }

// GroupTree is a posted group with everything inside it. The cases do not have
// a group id yet.
type GroupTree struct {
	Group *Document
	Cases []*Document
	Sub   []GroupTree
}

// IntakeGroup reads the body of a POST of a test group. It also returns
// warnings. The error is an *InvalidError, also when there are more cases and
// groups than the limit allows.
//
// The group must name its build, as documents of 2015 do (schema 1.0), or job
// and kernel, as those of 2019 do (1.2). A group inside another takes the
// fields of its identity from it (Inherit) and need not repeat them.
func IntakeGroup(body Body, limits Limits) (GroupTree, []string, error) {
	in := groupIntake{most: limits.cases(), left: limits.cases()}
	tree, err := in.group(body, nil)
	if err != nil {
		return GroupTree{}, nil, err
	}
	g := tree.Group
	if g.Get("build_id") == nil && (g.Get("job") == nil || g.Get("kernel") == nil) {
		return GroupTree{}, nil, missingError([]string{"build_id", "job", "kernel"})
	}
	var warnings []string
	if text := unknownKeys(in.unknown); text != "" {
		warnings = append(warnings, text)
	}
	return tree, warnings, nil
}

// groupIntake is the state of one IntakeGroup.
type groupIntake struct {
	most    int // groups and cases that one group may hold
	left    int // groups and cases that may still come
	unknown []string
}

func (in *groupIntake) group(body Body, parent *Document) (GroupTree, error) {
	d, err := Group.values(withoutChildren(body, parent), true)
	if err != nil {
		return GroupTree{}, err
	}
	unknown, _ := Group.unknown(body)
	in.note("sub_groups.", parent != nil, unknown)
	if parent != nil {
		Inherit(d, parent)
		d.Set("parent_id", nil) // the group around it has no id yet
	}
	Group.complete(d)
	tree := GroupTree{Group: d}
	err = in.each(body, "test_cases", func(inner Body) error {
		c, err := in.testCase(inner)
		tree.Cases = append(tree.Cases, c)
		return err
	})
	if err != nil {
		return GroupTree{}, err
	}
	err = in.each(body, "sub_groups", func(inner Body) error {
		sub, err := in.group(inner, d)
		tree.Sub = append(tree.Sub, sub)
		return err
	})
	return tree, err
}

// withoutChildren returns the body without its lists, and, inside another
// group, with the lab's name that it need not repeat.
func withoutChildren(body Body, parent *Document) Body {
	own := Body{keys: body.keys, values: map[string]jsontext.Value{}}
	for key, value := range body.values {
		if key != "test_cases" && key != "sub_groups" {
			own.values[key] = value
		}
	}
	if _, ok := own.values["lab_name"]; !ok && parent != nil {
		own.values["lab_name"] = appendText(nil, parent.Text("lab_name"))
	}
	return own
}

func (in *groupIntake) testCase(body Body) (*Document, error) {
	own := Body{keys: body.keys, values: map[string]jsontext.Value{}}
	for key, value := range body.values {
		own.values[key] = value
	}
	// The group has no id yet; the field is mandatory only in a POST of its own.
	own.values["test_group_id"] = jsontext.Value(`"000000000000000000000000"`)
	c, err := Case.values(own, true)
	if err != nil {
		return nil, err
	}
	unknown, _ := Case.unknown(body)
	in.note("test_cases.", true, unknown)
	Case.complete(c)
	c.Set("test_group_id", nil)
	return c, checkCase(c)
}

func (in *groupIntake) note(prefix string, prefixed bool, unknown []string) {
	for _, key := range unknown {
		if prefixed {
			key = prefix + key
		}
		if len(in.unknown) < 100 {
			in.unknown = append(in.unknown, key)
		}
	}
}

// each calls read for every object in the list called key.
func (in *groupIntake) each(body Body, key string, read func(Body) error) error {
	raw := body.values[key]
	if raw == nil || raw.Kind() == 'n' {
		return nil
	}
	list, err := elements(raw)
	if err != nil {
		return valuesError(within(key, err))
	}
	for i, element := range list {
		if in.left--; in.left < 0 {
			return valuesError([]FieldError{{Pointer: "/" + key, Message: fmt.Sprintf("holds too many test cases and groups, at most %d are allowed in one test group", in.most)}})
		}
		inner, err := members(element)
		if err != nil {
			return valuesError(within(fmt.Sprintf("%s/%d", key, i), errNotObject))
		}
		if err := read(inner); err != nil {
			return valuesError(within(fmt.Sprintf("%s/%d", key, i), err))
		}
	}
	return nil
}

// inherited names what a group inside another takes from it.
var inherited = []string{"job", "kernel", "git_branch", "git_commit", "git_describe", "git_url", "defconfig",
	"defconfig_full", "arch", "build_environment", "board", "board_instance", "device_type", "mach",
	"build_id", "job_id", "boot_id", "plan", "plan_variant", "file_server_resource", "boot_log", "boot_log_html"}

// Inherit gives a group inside another what it does not have itself.
func Inherit(group, parent *Document) {
	for _, name := range inherited {
		if group.Get(name) == nil {
			group.Set(name, parent.Get(name))
		}
	}
}
