package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// IntakeBuild reads the body of a POST of a build: either the fields themselves, or,
// since 2021, the three files that kernelci-core writes, under bmeta, steps and
// artifacts (kernelci/build.py there; app/utils/build/__init__.py of the original
// says which of their members becomes which field). It also returns warnings. The
// error is an *InvalidError.
func IntakeBuild(body Body) (*Document, []string, error) {
	if _, nested := body.values["bmeta"]; !nested {
		return Build.Intake(body)
	}
	n := nestedBuild{flat: Body{values: map[string]jsontext.Value{}}}
	n.read(body)
	if len(n.wrong) > 0 {
		return nil, nil, valuesError(n.wrong)
	}
	d, warnings, err := Build.Intake(n.flat)
	if err != nil {
		return nil, nil, n.inBmeta(err)
	}
	var unknown []string
	for _, key := range body.keys {
		if key != "bmeta" && key != "steps" && key != "artifacts" {
			unknown = append(unknown, key)
		}
	}
	if text := unknownKeys(unknown); text != "" {
		warnings = append(warnings, text)
	}
	return d, warnings, nil
}

// bmetaFields says which field of a build each member of bmeta becomes.
var bmetaFields = []struct{ section, member, key string }{
	{"revision", "tree", "job"}, {"revision", "describe", "kernel"}, {"revision", "describe", "git_describe"},
	{"revision", "describe_verbose", "git_describe_v"}, {"revision", "branch", "git_branch"}, {"revision", "commit", "git_commit"},
	{"revision", "url", "git_url"},
	{"environment", "arch", "arch"}, {"environment", "name", "build_environment"}, {"environment", "compiler", "compiler"},
	{"environment", "compiler_version", "compiler_version"}, {"environment", "compiler_version_full", "compiler_version_full"},
	{"environment", "compiler_version_full", "compiler_version_ext"}, {"environment", "cross_compile", "cross_compile"},
	{"kernel", "defconfig", "defconfig"}, {"kernel", "defconfig_full", "defconfig_full"}, {"kernel", "publish_path", "file_server_resource"},
	{"kernel", "text_offset", "text_offset"}, {"kernel", "vmlinux_bss_size", "vmlinux_bss_size"},
	{"kernel", "vmlinux_data_size", "vmlinux_data_size"}, {"kernel", "vmlinux_file_size", "vmlinux_file_size"},
	{"kernel", "vmlinux_text_size", "vmlinux_text_size"},
	{"build", "duration", "build_time"},
}

// nestedBuild turns a nested body into a flat one.
type nestedBuild struct {
	flat  Body
	wrong []FieldError
}

func (n *nestedBuild) set(key string, value jsontext.Value) {
	if value != nil {
		n.flat.keys = append(n.flat.keys, key)
		n.flat.values[key] = value
	}
}

func (n *nestedBuild) setText(key, text string) {
	if text != "" {
		n.set(key, appendText(nil, text))
	}
}

// object returns the members of an object; there are none in null and in nothing.
func (n *nestedBuild) object(raw jsontext.Value, pointer string) Body {
	if raw == nil || raw.Kind() == 'n' {
		return Body{}
	}
	body, err := members(raw)
	if err != nil {
		n.wrong = append(n.wrong, FieldError{Pointer: pointer, Message: errNotObject.Error()})
	}
	return body
}

// list returns the objects in a list.
func (n *nestedBuild) list(raw jsontext.Value, pointer string) (list []Body) {
	if raw == nil || raw.Kind() == 'n' {
		return nil
	}
	entries, err := elements(raw)
	if err != nil {
		n.wrong = append(n.wrong, FieldError{Pointer: pointer, Message: errNotList.Error()})
	}
	for i, entry := range entries {
		list = append(list, n.object(entry, fmt.Sprintf("%s/%d", pointer, i)))
	}
	return list
}

func (n *nestedBuild) read(body Body) {
	bmeta := n.object(body.values["bmeta"], "/bmeta")
	sections := map[string]Body{}
	for _, name := range []string{"revision", "environment", "kernel", "build"} {
		sections[name] = n.object(bmeta.values[name], "/bmeta/"+name)
	}
	for _, f := range bmetaFields {
		n.set(f.key, sections[f.section].values[f.member])
	}
	platform := n.object(sections["environment"].values["platform"], "/bmeta/environment/platform")
	n.set("build_platform", platform.values["uname"])
	n.setText("build_result", n.status(sections["build"], n.list(body.values["steps"], "/steps")))
	n.readArtifacts(n.object(body.values["artifacts"], "/artifacts"))
	whole := []byte("{") // nothing that was sent is lost: the files themselves are the metadata
	for _, name := range []string{"bmeta", "steps", "artifacts"} {
		if value := body.values[name]; value != nil {
			if len(whole) > 1 {
				whole = append(whole, ',')
			}
			whole = append(append(append(whole, `"`+name+`"`...), ':'), value...)
		}
	}
	n.set("metadata", append(whole, '}'))
}

// status is that of the build, but never better than that of its steps.
func (n *nestedBuild) status(build Body, steps []Body) string {
	status := textIn(build, "status")
	for _, step := range steps {
		if said := textIn(step, "status"); said != "" && said != "PASS" {
			return "FAIL"
		}
	}
	return status
}

// textIn returns a member in capitals and without blanks around it; what is no text
// is empty.
func textIn(body Body, name string) string {
	raw := body.values[name]
	if raw == nil {
		return ""
	}
	text, err := scalarText(raw)
	if err != nil {
		return ""
	}
	return strings.ToUpper(strings.TrimSpace(text))
}

// readArtifacts finds the files of a build among the lists of its steps.
func (n *nestedBuild) readArtifacts(steps Body) {
	lists := map[string][]Body{}
	for _, step := range steps.keys {
		lists[step] = n.list(steps.values[step], "/artifacts/"+step)
	}
	find := func(step, member, value string) (found []Body) {
		return slices.DeleteFunc(slices.Clone(lists[step]), func(b Body) bool { return textIn(b, member) != strings.ToUpper(value) })
	}
	for key, where := range map[string][3]string{
		"kernel_config": {"config", "key", "config"}, "kernel_image": {"kernel", "key", "image"},
		"system_map": {"kernel", "key", "system_map"}, "modules": {"modules", "type", "tarball"},
	} {
		if list := find(where[0], where[1], where[2]); len(list) > 0 {
			n.set(key, list[0].values["path"])
		}
	}
	n.setText("kconfig_fragments", joinedPaths(find("config", "key", "fragment")))
	if list := find("dtbs", "type", "directory"); len(list) > 0 {
		n.setText("dtb_dir", "dtbs")
		n.set("dtb_dir_data", list[0].values["contents"])
	}
	if len(find("kernel", "key", "log"))+len(find("modules", "key", "log")) > 0 {
		n.setText("build_log", "logs") // the folder, as in the original
	}
}

// joinedPaths names as many files as a text that can be searched for holds.
func joinedPaths(files []Body) (joined string) {
	for _, b := range files {
		text, err := scalarText(b.values["path"])
		if next := strings.TrimPrefix(joined+","+text, ","); err == nil && text != "" && len(next) <= maxSearchText {
			joined = next
		}
	}
	return joined
}

// inBmeta makes the error of a flat field point to where it stood.
func (n *nestedBuild) inBmeta(err error) error {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	fields := slices.Clone(invalid.Fields)
	for i := range fields {
		for _, f := range bmetaFields {
			if fields[i].Pointer == "/"+f.key {
				fields[i].Pointer = "/bmeta/" + f.section + "/" + f.member
				break
			}
		}
		if fields[i].Pointer == "/build_result" {
			fields[i].Pointer = "/bmeta/build/status"
		}
	}
	return valuesError(fields)
}
