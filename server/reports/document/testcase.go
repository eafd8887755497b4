package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Case is one test of a group, and its result.
var Case = Schema{
	Name: "test_case",
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, From: "version", Default: "1.0"},
		{Name: "name", Kind: Text, From: "name", Flags: Must | Search | Distinct, Max: maxTestName},
		{Name: "test_group_id", Kind: ID, From: "test_group_id", Flags: Must | Search},
		{Name: "test_case_path", Kind: Text, From: "test_case_path", Flags: Search, Max: maxTestName},
		{Name: "status", Kind: Text, From: "status", Flags: Search | Upper, Default: "PASS",
			Only: []string{"PASS", "FAIL", "SKIP", "ERROR"}},
		{Name: "time", Kind: Seconds, From: "time", Flags: Search},
		{Name: "index", Kind: Int, From: "index", Flags: Search},
		{Name: "measurements", Kind: List, From: "measurements", Flags: Filled},
		{Name: "attachments", Kind: List, From: "attachments", Flags: Filled},
		{Name: "log_lines", Kind: List, From: "log_lines", Flags: Filled},
		{Name: "parameters", Kind: Object, From: "parameters"},
		{Name: "metadata", Kind: Object, From: "metadata"},
		{Name: "minimum", Kind: Number, From: "minimum"},
		{Name: "maximum", Kind: Number, From: "maximum"},
		{Name: "samples", Kind: Int, From: "samples"},
		{Name: "samples_sum", Kind: Number, From: "samples_sum"},
		{Name: "samples_sqr_sum", Kind: Number, From: "samples_sqr_sum"},
		{Name: "kvm_guest", Kind: Text, From: "kvm_guest"},
		{Name: "definition_uri", Kind: Text, From: "definition_uri"},
		{Name: "vcs_commit", Kind: Text, From: "vcs_commit"},
		{Name: "regression_id", Kind: ID, Flags: Search},
		{Name: "job", Kind: Text, Flags: Search | Distinct},
		{Name: "kernel", Kind: Text, Flags: Search | Distinct},
		{Name: "git_branch", Kind: Text, Flags: Search | Distinct},
		{Name: "git_commit", Kind: Text, Flags: Search | Distinct},
		{Name: "arch", Kind: Text, Flags: Search | Distinct},
		{Name: "defconfig_full", Kind: Text, Flags: Search | Distinct},
		{Name: "build_environment", Kind: Text, Flags: Search | Distinct},
		{Name: "lab_name", Kind: Text, Flags: Search | Distinct},
		{Name: "device_type", Kind: Text, Flags: Search | Distinct},
		{Name: "mach", Kind: Text, Flags: Search | Distinct},
		{Name: "plan", Kind: Text, Flags: Search | Distinct},
		{Name: "root_id", Kind: ID, Flags: Hidden}, // of its group
	},
}.prepare()

// fromGroup names what a test case repeats of its group.
var fromGroup = []string{"job", "kernel", "git_branch", "git_commit", "arch", "defconfig_full",
	"build_environment", "lab_name", "device_type", "mach", "plan", "root_id"}

// RenameCase lets the path of a case that has got another name end in that name,
// unless the path was changed too.
func RenameCase(c, was *Document) {
	above, ends := strings.CutSuffix(was.Text("test_case_path"), "."+was.Text("name"))
	if ends && c.Text("name") != was.Text("name") && c.Text("test_case_path") == was.Text("test_case_path") {
		c.Set("test_case_path", above+"."+c.Text("name"))
	}
}

// CompleteCase ties a test case to its group, which must have its id. above names
// the groups around that one, the outermost first.
func CompleteCase(c, group *Document, above ...string) {
	c.Set("test_group_id", group.Get("_id"))
	for _, name := range fromGroup {
		c.Set(name, group.Get(name))
	}
	groups := append(slices.Clone(above), group.Text("name"))
	if c.Get("plan") == nil { // the outermost group stands for it (app/utils/kci_test/__init__.py)
		c.Set("plan", groups[0])
	}
	if c.Get("test_case_path") == nil {
		c.Set("test_case_path", casePath(group.Text("plan"), groups, c.Text("name")))
	}
}

// casePath joins the plan, the groups from the outermost on, and the case. The
// group that stands for a whole plan has the plan's name, which is not repeated.
func casePath(plan string, groups []string, name string) string {
	parts := append(slices.Clone(groups), name)
	if plan != "" && plan != parts[0] {
		parts = slices.Insert(parts, 0, plan)
	}
	path := strings.Join(parts, ".")
	return strings.ToValidUTF8(path[:min(len(path), maxTestName)], "")
}

// IntakeCase reads the body of a POST of a test case. It also returns warnings.
// The error is an *InvalidError.
func IntakeCase(body Body) (*Document, []string, error) {
	c, warnings, err := Case.Intake(body)
	if err != nil {
		return nil, nil, err
	}
	return c, warnings, checkCase(c)
}

// checkCase looks into the lists whose entries are objects.
func checkCase(c *Document) error {
	for _, name := range []string{"measurements", "attachments"} {
		raw, _ := c.Get(name).(Raw)
		list, err := elements(jsontext.Value(raw))
		if err != nil {
			return valuesError(within(name, err))
		}
		for i, element := range list {
			if element.Kind() != '{' {
				return valuesError(within(fmt.Sprintf("%s/%d", name, i), errNotObject))
			}
		}
	}
	return nil
}
