package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	leastBoot = `"lab_name":"l","job":"j","kernel":"k","defconfig":"d","board":"b"`
	someID    = "54b9a1c2d3e4f5061728394a"
)

// bootWith returns the body of a boot report with the mandatory keys and more.
func bootWith(more string) string {
	if more != "" {
		more = "," + more
	}
	return "{" + leastBoot + more + "}"
}

func TestBoot_fields(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		more  string
		field string
		want  any
	}{
		{"version by default", ``, "version", "1.1"},
		{"version", `"version":"1.0"`, "version", "1.0"},
		{"version as a number", `"version":1.0`, "version", "1.0"},
		{"arch by default", ``, "arch", "arm"},
		{"arch null", `"arch":null`, "arch", "arm"},
		{"another arch", `"arch":"riscv"`, "arch", "riscv"},
		{"branch as sent", `"git_branch":"local/master"`, "git_branch", "local/master"},
		{"branch missing", ``, "git_branch", nil},
		{"an empty text is no value", `"git_branch":""`, "git_branch", nil},
		{"full configuration by default", ``, "defconfig_full", "d"},
		{"full configuration", `"defconfig_full":"d+x"`, "defconfig_full", "d+x"},
		{"status by default", ``, "status", "UNKNOWN"},
		{"status null", `"boot_result":null`, "status", "UNKNOWN"},
		{"status", `"boot_result":"OFFLINE"`, "status", "OFFLINE"},
		{"time by default", ``, "time", int64(0)},
		{"time in seconds", `"boot_time":10.4`, "time", int64(10400)},
		{"time that no float holds", `"boot_time":302.9`, "time", int64(302900)},
		{"time as text", `"boot_time":" 219.79 "`, "time", int64(219790)},
		{"time negative", `"boot_time":-1`, "time", int64(0)},
		{"time that is no number", `"boot_time":"long"`, "time", int64(0)},
		{"time infinite", `"boot_time":"inf"`, "time", int64(0)},
		{"time beyond all years", `"boot_time":1e300`, "time", int64(0)},
		{"time as an object", `"boot_time":{}`, "time", int64(0)},
		{"time as a list", `"boot_time":[1]`, "time", int64(0)},
		{"retries by default", ``, "retries", int64(0)},
		{"retries null", `"boot_retries":null`, "retries", nil},
		{"retries", `"boot_retries":4`, "retries", int64(4)},
		{"retries as text", `"boot_retries":"4"`, "retries", int64(4)},
		{"retries as an empty text", `"boot_retries":""`, "retries", nil},
		{"retries with a zero fraction", `"boot_retries":4.0`, "retries", int64(4)},
		{"retries under the name that LAVA uses", `"retries":2`, "retries", int64(2)},
		{"retries under both names", `"retries":2,"boot_retries":3`, "retries", int64(3)},
		{"retries under both names, one null", `"retries":2,"boot_retries":null`, "retries", int64(2)},
		{"warnings", `"boot_warnings":"12"`, "warnings", int64(12)},
		{"load address", `"loadaddr":"0x80200000"`, "load_addr", "0x80200000"},
		{"machine", `"mach":"at91"`, "mach", "at91"},
		{"machine and alias", `"mach":"at91","mach_alias":"alt"`, "mach", "alt"},
		{"machine and alias empty", `"mach_alias":"","mach":"at91"`, "mach", "at91"},
		{"retries twice, one empty", `"boot_retries":"","retries":3`, "retries", int64(3)},
		{"machine and alias null", `"mach_alias":null,"mach":"at91"`, "mach", "at91"},
		{"a number where text belongs", `"boot_job_id":123456`, "boot_job_id", "123456"},
		{"a boolean where text belongs", `"qemu":true`, "qemu", "true"},
		{"boolean", `"fastboot":false`, "fastboot", false},
		{"boolean as text", `"fastboot":"False"`, "fastboot", false},
		{"boolean as number", `"dtb_append":1`, "dtb_append", true},
		{"boolean missing", ``, "dtb_append", nil},
		{"metadata as it came", `"metadata":{"b": 1.50, "a":[1e2]}`, "metadata", Raw(`{"b": 1.50, "a":[1e2]}`)},
		{"metadata missing", ``, "metadata", nil},
		{"name of 2015", `"arch":"x86"`, "name", "b-j-k-d-x86"},
		{"server-set fields are ignored", `"_id":"x","created_on":"y","job_id":7,"build_id":[],"name":{}`, "_id", nil},
		{"the name cannot be posted", `"name":"x"`, "name", "b-j-k-d-arm"},
		{"text is kept as it is", `"boot_result_description":" a\nb é中 "`, "boot_result_description", " a\nb é中 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			d, warnings, err := Boot.Intake(parse(t, bootWith(tt.more)))
			if err != nil || warnings != nil {
				t.Fatalf("Intake(%s): %v, warnings %q", tt.more, err, warnings)
			}
			if got := d.Get(tt.field); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Intake(%s): %s is %#v, want %#v", tt.more, tt.field, got, tt.want)
			}
			rendered(t, d)
		})
	}
}

func TestIntake_refuses(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("x", maxSearchText+1)
	tests := []struct {
		name     string
		schema   *Schema
		body     string
		pointers string // of the fields at fault, divided by blanks
	}{
		{"an empty boot", Boot, `{}`, "/lab_name /job /kernel /defconfig /board"},
		{"a boot without a board", Boot, `{"lab_name":"l","job":"j","kernel":"k","defconfig":"d"}`, "/board"},
		{"mandatory null", Boot, bootWith(`"arch":"x"`)[:1] + `"lab_name":null,"job":"","kernel":"None","defconfig":"null","board":"b"}`, "/lab_name /job /kernel /defconfig"},
		{"a status that does not exist", Boot, bootWith(`"boot_result":"pass"`), "/boot_result"},
		{"a list where text belongs", Boot, bootWith(`"arch":["arm"]`), "/arch"},
		{"an object where text belongs", Boot, bootWith(`"git_branch":{}`), "/git_branch"},
		{"two at once", Boot, bootWith(`"boot_retries":"many","fastboot":"maybe"`), "/boot_retries /fastboot"},
		{"the key that was used is named", Boot, bootWith(`"retries":1.5`), "/retries"},
		{"a number too large", Boot, bootWith(`"boot_warnings":1e30`), "/boot_warnings"},
		{"a boolean where a number belongs", Boot, bootWith(`"boot_warnings":true`), "/boot_warnings"},
		{"metadata that is a list", Boot, bootWith(`"metadata":[]`), "/metadata"},
		{"a text too long for an index", Boot, bootWith(`"git_branch":"` + long + `"`), "/git_branch"},
		{"a job with another status", Job, `{"job":"j","kernel":"k","status":"DONE"}`, "/status"},
		{"a job without a kernel", Job, `{"job":"j"}`, "/kernel"},
		{"a build without an architecture", Build, `{"job":"j","kernel":"k","defconfig":"d"}`, "/arch"},
		{"a build whose platform is no list", Build, `{"job":"j","kernel":"k","defconfig":"d","arch":"a","build_platform":"x"}`, "/build_platform"},
		{"a build time that is no number", Build, `{"job":"j","kernel":"k","defconfig":"d","arch":"a","build_time":"nan"}`, "/build_time"},
		{"a lab without a contact", Lab, `{"name":"l"}`, "/contact"},
		{"a contact that is no object", Lab, `{"name":"l","contact":"me"}`, "/contact"},
		{"a contact without an address", Lab, `{"name":"l","contact":{"name":"a","surname":"b"}}`, "/contact/email"},
		{"a longitude that is no number", Lab, `{"name":"l","contact":{"name":"a","surname":"b","email":"c"},"address":{"longitude":"east"}}`, "/address/longitude"},
		{"a case without a group", Case, `{"name":"x"}`, "/test_group_id"},
		{"a case whose group is no id", Case, `{"name":"x","test_group_id":"y"}`, "/test_group_id"},
		{"a case with another status", Case, `{"name":"x","test_group_id":"` + someID + `","status":"OK"}`, "/status"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			d, _, err := tt.schema.Intake(parse(t, tt.body))
			checkInvalid(t, err, tt.pointers)
			if d != nil {
				t.Error("a document came with the error")
			}
		})
	}
}

// checkInvalid checks that err is an *InvalidError for these pointers, and that
// its sentence names each of them.
func checkInvalid(t *testing.T, err error, pointers string) {
	t.Helper()

	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("error %v, want an InvalidError for %s", err, pointers)
	}
	var got []string
	for _, f := range invalid.Fields {
		got = append(got, f.Pointer)
		if !strings.Contains(invalid.Reason, strings.TrimPrefix(f.Pointer, "/")) {
			t.Errorf("the reason %q does not name %s", invalid.Reason, f.Pointer)
		}
	}
	if want := strings.Fields(pointers); !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q (%v)", got, want, err)
	}
}

// The original's own words, which scripts look for.
func TestIntake_missing(t *testing.T) {
	t.Parallel()

	_, _, err := Job.Intake(parse(t, `{"foo":1}`))
	if got, want := err.Error(), "One or more mandatory keys are missing: ['job', 'kernel']"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
}

func TestIntake_unknownKeys(t *testing.T) {
	t.Parallel()

	const start = "Found non recognizable keys, they will not be considered: "
	lab := `{"name":"l","colour":1,"contact":{"name":"a","surname":"b","email":"c","fax":"d"}}`
	many := `{"job":"j","kernel":"k"`
	for i := range 30 {
		many += `,"` + strings.Repeat("é", 100+i) + `":1`
	}
	tests := []struct {
		name   string
		schema *Schema
		body   string
		want   string
	}{
		{"one that the labs send", Boot, bootWith(`"dt_test":null`), start + "dt_test"},
		{"a known key that is not stored", Boot, bootWith(`"email":"x@example.org"`), ""},
		{"the stored name of a renamed key", Boot, bootWith(`"load_addr":"0x1","time":3`), start + "load_addr, time"},
		{"inside an object", Lab, lab, start + "colour, contact.fax"},
		{"inside metadata everything is free", Boot, bootWith(`"metadata":{"x":1}`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, warnings, err := tt.schema.Intake(parse(t, tt.body))
			if err != nil || strings.Join(warnings, "\n") != tt.want {
				t.Errorf("Intake(%s): warnings %q, error %v, want %q", tt.body, warnings, err, tt.want)
			}
		})
	}
	if _, warnings, err := Job.Intake(parse(t, many+"}")); err != nil || len(warnings[0]) > 4000 {
		t.Errorf("30 long keys make a warning of %d bytes, error %v", len(warnings[0]), err)
	}
}

func TestIntakeChanges(t *testing.T) {
	t.Parallel()

	lab := intake(t, Lab, `{"name":"l","private":true,"contact":{"name":"a","surname":"b","email":"c"}}`)
	for _, body := range []string{`{}`, `{"colour":1}`, `{"_id":"x"}`} {
		if _, _, err := Lab.IntakeChanges(parse(t, body)); err == nil {
			t.Errorf("IntakeChanges(%s): no error, want one: nothing is left", body)
		}
	}
	_, _, err := Lab.IntakeChanges(parse(t, `{"name":null}`))
	checkInvalid(t, err, "/name")
	_, _, err = Lab.IntakeChanges(parse(t, `{"contact":{"name":"a"}}`))
	checkInvalid(t, err, "/contact/surname /contact/email")

	steps := []struct {
		body    string
		changed bool
		field   string
		want    any
	}{
		{`{"name":"l"}`, false, "name", "l"},
		{`{"contact":{"name":"a","surname":"b","email":"c"}}`, false, "name", "l"},
		{`{"token":"x"}`, false, "token", nil},
		{`{"private":null}`, true, "private", false},
		{`{"private":0}`, false, "private", false},
		{`{"address":{"city":"Town","zipcode":12345,"longitude":"-68.16"}}`, true, "address", Raw(`{"city":"Town","zipcode":"12345","longitude":-68.16}`)},
		{`{"contact":{"name":"a","surname":"b","email":"d","mobile":null}}`, true, "contact", Raw(`{"name":"a","surname":"b","email":"d"}`)},
	}
	for _, step := range steps {
		changes, _, err := Lab.IntakeChanges(parse(t, step.body))
		if err != nil {
			t.Fatalf("IntakeChanges(%s): %v", step.body, err)
		}
		if got := lab.Apply(changes); got != step.changed {
			t.Errorf("Apply(%s) = %t, want %t", step.body, got, step.changed)
		}
		if got := lab.Get(step.field); !reflect.DeepEqual(got, step.want) {
			t.Errorf("after %s, %s is %s, want %s", step.body, step.field, got, step.want)
		}
	}
	if got := ContactEmail(lab); got != "d" {
		t.Errorf("ContactEmail = %q, want d", got)
	}
}

func TestParseBody_refuses(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		text string
		want error // nil for an *InvalidError
	}{
		{"nothing", "", ErrNoBody},
		{"blanks", " \r\n\t", ErrNoBody},
		{"a word", "job", ErrNotJSON},
		{"an object that does not end", `{"a":1`, ErrNotJSON},
		{"something after the object", `{"a":1} x`, ErrNotJSON},
		{"two objects", `{} {}`, ErrNotJSON},
		{"NaN", `{"a":NaN}`, ErrNotJSON},
		{"Infinity", `{"a":-Infinity}`, ErrNotJSON},
		{"a name that stands twice", `{"a":1,"a":2}`, ErrNotJSON},
		{"bytes that are not UTF-8", "{\"a\":\"\xff\"}", ErrNotJSON},
		{"half of a surrogate pair", `{"a":"\ud800"}`, ErrNotJSON},
		{"a list", `[{"a":1}]`, ErrNotObject},
		{"a text", `"a"`, ErrNotObject},
		{"null", `null`, ErrNotObject},
		{"a zero byte", `{"a":"x\u0000"}`, nil},
		{"a zero byte deep inside", `{"a":[{"b":"\u0000"}]}`, nil},
		{"a zero byte in a name", `{"\u0000":1}`, nil},
		{"65 levels", strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := ParseBody([]byte(tt.text), Limits{})
			var invalid *InvalidError
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, &invalid) {
				t.Errorf("ParseBody(%.40q): error %v, want %v", tt.text, err, tt.want)
			}
		})
	}
	if _, err := ParseBody([]byte(`{"a":"\\u0000"}`), Limits{}); err != nil {
		t.Errorf("a backslash before u0000 is no zero byte: %v", err)
	}
	if _, err := ParseBody([]byte(`{"a":[1]}`), Limits{Depth: 1}); err == nil {
		t.Error("two levels pass a limit of one")
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()

	boot := func(more string) string { return string(intake(t, Boot, bootWith(more)).Identity()) }
	least := boot("")
	same := []string{`"git_branch":null`, `"git_branch":""`, `"defconfig_full":"d"`, `"arch":"arm"`, `"boot_result":"PASS","mach":"x"`}
	for _, more := range same {
		if boot(more) != least {
			t.Errorf("a report with %s is another one, want the same", more)
		}
	}
	other := []string{`"git_branch":"master"`, `"defconfig_full":"d+x"`, `"arch":"arm64"`, `"build_environment":"gcc-8"`}
	for _, more := range other {
		if boot(more) == least {
			t.Errorf("a report with %s is the same one, want another", more)
		}
	}
	// Texts must not run into each other.
	a := intake(t, Job, `{"job":"ab","kernel":"c"}`).Identity()
	b := intake(t, Job, `{"job":"a","kernel":"bc"}`).Identity()
	if string(a) == string(b) || len(a) != 16 {
		t.Errorf("identities %x and %x, want two different ones of 16 bytes", a, b)
	}
	// Boots of one kernel begin alike, those of another one do not.
	near, far := boot(`"arch":"arm64"`), string(intake(t, Boot, strings.Replace(bootWith(""), `"kernel":"k"`, `"kernel":"another"`, 1)).Identity())
	if least[:nearSize] != near[:nearSize] || least[:nearSize] == far[:nearSize] || len(near) != nearSize+16 {
		t.Errorf("identities %x, %x of the same kernel and %x of another one", least, near, far)
	}
	if Case.New().Identity() != nil {
		t.Error("a test case has an identity")
	}
}

// FuzzIntake feeds any text to all resources: no panic, only errors of the
// documented types, and what is taken renders as JSON that can be read again.
func FuzzIntake(f *testing.F) {
	for _, name := range []string{"boots.ndjson", "jobs.ndjson", "builds.ndjson", "labs.ndjson", "tokens.ndjson", "test_groups.ndjson"} {
		for i, line := range samples(f, name) {
			if i < 20 {
				f.Add(string(line))
			}
		}
	}
	f.Add(bootWith(`"boot_time":{"$date":""},"metadata":{"a":{}},"boot_retries":"-0"`))
	f.Add(`{"name":"g","lab_name":"l","build_id":{"$oid":"` + someID + `"},"test_cases":[{"name":"x","measurements":[{}]}],"sub_groups":[{"name":"y","sub_groups":[]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		body, err := ParseBody([]byte(text), Limits{})
		if err != nil {
			return
		}
		for _, s := range []*Schema{Boot, Job, Build, Lab, Group, Case} {
			for _, read := range []func(Body) (*Document, []string, error){s.Intake, s.IntakeChanges} {
				d, _, err := read(body)
				checkIntake(t, d, err)
			}
		}
		token, _, err := IntakeToken(body, true, Properties{}, nil)
		checkIntake(t, token.Document, err)
		tree, _, err := IntakeGroup(body, Limits{Cases: 50})
		checkIntake(t, tree.Group, err)
	})
}

func checkIntake(t *testing.T, d *Document, err error) {
	t.Helper()

	if err != nil {
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Reason == "" {
			t.Errorf("error %#v, want an InvalidError with a reason", err)
		}
		return
	}
	text := d.AppendJSON(nil, nil)
	if !json.Valid(text) {
		t.Errorf("%s is not JSON", text)
	}
	if _, err := ParseBody(text, Limits{Depth: 70}); err != nil {
		t.Errorf("%s cannot be read again: %v", text, err)
	}
}
