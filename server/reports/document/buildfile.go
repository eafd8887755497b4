package document

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// DescribedByFile returns the folders in which kernelci-core, from 2015 to 2021, has
// put the file that describes a build, before it posts where that is; the original
// reads the build from there (app/utils/build/__init__.py). A body that says itself
// how the build ended has none.
func DescribedByFile(body Body) (folders []string) {
	if _, nested := body.values["bmeta"]; nested {
		return nil
	}
	for i := range Build.Fields {
		if f := &Build.Fields[i]; f.Name == "status" {
			if _, raw, _ := f.find(body); raw != nil && raw.Kind() != 'n' && string(raw) != `""` {
				return nil
			}
		}
	}
	for _, key := range []string{"file_server_resource", "path"} {
		if folder := strings.Trim(plainText(body, key), "/"); folder != "" {
			folders = append(folders, folder)
		}
	}
	defconfig := plainText(body, "defconfig_full")
	if defconfig == "" {
		defconfig = plainText(body, "defconfig")
	}
	made := []string{plainText(body, "job"), plainText(body, "git_branch"), plainText(body, "kernel"), plainText(body, "arch"), defconfig}
	if !slices.Contains(made, "") {
		folders = append(folders, strings.Join(made, "/"))
	}
	return slices.Compact(folders)
}

// IntakeDescribedBuild reads the body of a POST of a build together with the file that
// describes it. As in the original the file wins: builders of 2018 post the full name of
// the configuration as its short one. But a file of another build, one that differs in a
// name that both have, is not taken. reason says why the file was not taken; members of
// it that have wrong values are named in the warnings and left out.
func IntakeDescribedBuild(body, file Body) (d *Document, warnings []string, reason string) {
	for _, key := range []string{"job", "kernel", "git_branch", "arch", "build_environment"} {
		here, there := plainText(body, key), plainText(file, key)
		if here != "" && there != "" && here != there {
			return nil, nil, "its " + key + " is another"
		}
	}
	filled := body.filledFrom(file)
	for {
		d, unknown, err := Build.Intake(filled)
		var invalid *InvalidError
		switch {
		case err == nil:
			return d, append(warnings, unknown...), ""
		case !errors.As(err, &invalid) || !filled.restore(body, invalid.Fields):
			return nil, nil, err.Error()
		}
		warnings = append(warnings, invalid.Reason)
	}
}

// filledFrom returns the body with what the file says of the fields of a build; what
// it has beside them stays in the file.
func (b Body) filledFrom(file Body) Body {
	filled := Body{keys: slices.Clone(b.keys), values: maps.Clone(b.values)}
	set := func(key string, value jsontext.Value) {
		if _, given := filled.values[key]; !given {
			filled.keys = append(filled.keys, key)
		}
		filled.values[key] = value
	}
	for _, key := range file.keys {
		value := file.values[key]
		if _, known := Build.posted[key]; known && value.Kind() != 'n' && string(value) != `""` {
			set(key, value)
		}
	}
	// The first builders called it build_result, kci_build calls it status.
	result := textIn(file, "build_result")
	if status := textIn(file, "status"); result == "" || status != "" && result == "PASS" {
		result = status
	}
	if result != "" {
		set("build_result", appendText(nil, result))
	}
	return filled
}

// restore puts back what the body had of the fields that are wrong, and reports
// whether that changed anything.
func (b *Body) restore(before Body, wrong []FieldError) (changed bool) {
	for _, f := range wrong {
		key, _, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
		now, there := b.values[key]
		old, given := before.values[key]
		switch {
		case !there || given && string(old) == string(now):
			continue
		case given:
			b.values[key] = old
		default:
			delete(b.values, key)
			b.keys = slices.DeleteFunc(b.keys, func(k string) bool { return k == key })
		}
		changed = true
	}
	return changed
}

func plainText(body Body, key string) string {
	raw := body.values[key]
	if raw == nil || raw.Kind() != '"' {
		return ""
	}
	text, err := scalarText(raw)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}
