package document

import (
	"reflect"
	"strings"
	"testing"
)

func TestIntakeGroup(t *testing.T) {
	t.Parallel()

	const body = `{"name":"usb","lab_name":"l","job":"j","kernel":"k","arch":"arm","plan":"boot","time":12.5,"x":1,
		"test_cases":[{"name":"a b","status":"fail","y":1},{"name":"c","time":{"$date":1500}}],
		"sub_groups":[{"name":"inner","z":1,"test_cases":[{"name":"d","status":null}],"arch":"x86"}]}`
	tree, warnings, err := IntakeGroup(parse(t, body), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	wantWarning := "Found non recognizable keys, they will not be considered: x, test_cases.y, sub_groups.z"
	if len(warnings) != 1 || warnings[0] != wantWarning {
		t.Errorf("warnings %q, want %q", warnings, wantWarning)
	}
	sub := tree.Sub[0]
	got := []any{
		tree.Group.Get("time"), tree.Cases[0].Get("name"), tree.Cases[0].Get("status"), tree.Cases[0].Get("test_group_id"),
		tree.Cases[1].Get("status"), tree.Cases[1].Get("time"), sub.Group.Get("lab_name"), sub.Group.Get("kernel"),
		sub.Group.Get("arch"), sub.Group.Get("time"), sub.Cases[0].Get("status"),
	}
	want := []any{int64(12500), "a b", "FAIL", nil, "PASS", int64(1500), "l", "k", "x86", nil, "PASS"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	tree.Group.Set("_id", someID)
	CompleteCase(tree.Cases[0], tree.Group)
	c := tree.Cases[0]
	if c.Get("test_group_id") != someID || c.Get("kernel") != "k" || c.Get("test_case_path") != "boot.usb.a b" {
		t.Errorf("case %s", c.AppendJSON(nil, nil))
	}
}

func TestIntakeGroup_schemas(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name     string
		body     string
		pointers string // of the fields at fault; empty: it is taken
	}{
		{"2015: the build", `{"name":"g","lab_name":"l","build_id":"` + someID + `"}`, ""},
		{"2015: the build under its older name", `{"name":"g","lab_name":"l","defconfig_id":{"$oid":"` + someID + `"}}`, ""},
		{"2019: what was built", `{"name":"g","lab_name":"l","job":"j","kernel":"k"}`, ""},
		{"neither", `{"name":"g","lab_name":"l","job":"j"}`, "/build_id /job /kernel"},
		{"no name", `{"lab_name":"l","job":"j","kernel":"k"}`, "/name"},
		{"a build that is no id", `{"name":"g","lab_name":"l","build_id":"next"}`, "/build_id"},
		{"cases that are no list", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":{}}`, "/test_cases"},
		{"cases null", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":null,"sub_groups":null}`, ""},
		{"a case that is no object", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{"name":"a"},"b"]}`, "/test_cases/1"},
		{"a case without a name", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{}]}`, "/test_cases/0/name"},
		{"a bad case deep inside", `{"name":"g","lab_name":"l","job":"j","kernel":"k","sub_groups":[{"name":"s","test_cases":[{"name":"a","status":"x"}]}]}`, "/sub_groups/0/test_cases/0/status"},
		{"a measurement that is no object", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{"name":"a","measurements":[1]}]}`, "/test_cases/0/measurements/0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, _, err := IntakeGroup(parse(t, tt.body), Limits{})
			if tt.pointers != "" {
				checkInvalid(t, err, tt.pointers)
			} else if err != nil {
				t.Errorf("IntakeGroup(%s): %v", tt.body, err)
			}
		})
	}
}

func TestIntakeGroup_limit(t *testing.T) {
	t.Parallel()

	body := parse(t, `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[`+
		strings.Repeat(`{"name":"a"},`, 9)+`{"name":"a"}],"sub_groups":[{"name":"s"}]}`)
	if _, _, err := IntakeGroup(body, Limits{Cases: 11}); err != nil {
		t.Errorf("10 cases and a group pass a limit of 11: %v", err)
	}
	if _, _, err := IntakeGroup(body, Limits{Cases: 10}); err == nil {
		t.Error("10 cases and a group pass a limit of 10")
	}
}

func TestIntakeCase(t *testing.T) {
	t.Parallel()

	c, _, err := IntakeCase(parse(t, `{"name":"n","test_group_id":"`+strings.ToUpper(someID)+`","status":" Skip ","samples":"3",
		"measurements":[{"name":"latency","measure":375.50}],"parameters":{"a":"b"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Get("test_group_id"), c.Get("status"), c.Get("samples"), c.Get("measurements"), c.Get("time")}
	want := []any{someID, "SKIP", int64(3), Raw(`[{"name":"latency","measure":375.50}]`), nil}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, _, err = IntakeCase(parse(t, `{"name":"n","test_group_id":"`+someID+`","attachments":["x"]}`))
	checkInvalid(t, err, "/attachments/0")
}

func TestCasePath(t *testing.T) {
	t.Parallel()

	tests := []struct{ plan, groups, name, want string }{
		{"", "g", "c", "g.c"},
		{"p", "g", "c", "p.g.c"},
		{"p", "p", "c", "p.c"},
		{"p", "p suite set", "c", "p.suite.set.c"},
		{"p", "g p", "c", "p.g.p.c"},
		{"p", "p p", "c", "p.p.c"},
		{"", "g g", "c", "g.g.c"},
		{"p", "g", strings.Repeat("é", 1000), "p.g." + strings.Repeat("é", 510)},
	}
	for _, tt := range tests {
		if got := casePath(tt.plan, strings.Fields(tt.groups), tt.name); got != tt.want {
			t.Errorf("casePath(%q, %q, %.10q) = %q, want %q", tt.plan, tt.groups, tt.name, got, tt.want)
		}
	}
}
