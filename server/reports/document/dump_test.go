package document

import (
	"strings"
	"testing"
)

func TestFromDump(t *testing.T) {
	t.Parallel()
	const id = `"_id":{"$oid":"53b1c3d4e7798b0001a0f0aa"}`
	const named = id + `,"name":"n","test_group_id":{"$oid":"53b1c3d4e7798b0001a0f0ab"}`
	tests := []struct {
		name   string
		schema *Schema
		text   string
		want   map[string]any
		left   string // the pointers of what was left out
		err    string
	}{
		{name: "relaxed", schema: Build, text: `{` + id + `,"job":"j","kernel":"k","arch":"arm","defconfig":"d","status":"PASS","created_on":{"$date":"2014-06-30T20:11:00.123Z"},"errors":3,"build_time":12.5}`,
			want: map[string]any{"_id": "53b1c3d4e7798b0001a0f0aa", "created_on": int64(1404159060123), "status": "PASS", "errors": int64(3), "build_time": 12.5}},
		{name: "canonical", schema: Build, text: `{` + id + `,"job":"j","kernel":"k","arch":"arm","defconfig":"d","created_on":{"$date":{"$numberLong":"1404159060123"}},"errors":{"$numberInt":"3"},"build_time":{"$numberDouble":"12.5"}}`,
			want: map[string]any{"created_on": int64(1404159060123), "status": "UNKNOWN", "errors": int64(3), "build_time": 12.5}},
		{name: "the zone of mongoexport 2.4", schema: Job, text: `{` + id + `,"job":"j","kernel":"k","created_on":{"$date":"2014-06-30T20:11:00.123+0000"}}`,
			want: map[string]any{"created_on": int64(1404159060123), "status": "UNKNOWN"}},
		{name: "no time but that of the id", schema: Job, text: `{` + id + `,"job":"j","kernel":"k","created_on":null}`, want: map[string]any{"created_on": int64(1404158932000)}},
		{name: "a build by its old name", schema: Boot, text: `{` + id + `,"lab_name":"l","board":"b","job":"j","kernel":"k","defconfig":"d","defconfig_id":{"$oid":"53B1C3D4E7798B0001A0F0AC"}}`,
			want: map[string]any{"build_id": "53b1c3d4e7798b0001a0f0ac", "defconfig_full": "d", "arch": nil}},
		{name: "a status in small letters", schema: Case, text: `{` + named + `,"status":"fail"}`, want: map[string]any{"status": "FAIL"}},
		{name: "a status that nobody knows", schema: Boot, text: `{` + id + `,"lab_name":"l","board":"b","job":"j","kernel":"k","defconfig":"d","status":"Broken"}`, want: map[string]any{"status": "BROKEN"}},
		{name: "no status is no pass", schema: Case, text: `{` + named + `,"status":null}`, want: map[string]any{"status": "UNKNOWN"}},
		{name: "a status that is no text is no pass", schema: Case, text: `{` + named + `,"status":["PASS"]}`, want: map[string]any{"status": "UNKNOWN"}, left: "/status"},
		{name: "a time that was not measured", schema: Case, text: `{` + named + `,"time":-1}`, want: map[string]any{"time": nil}},
		{name: "values of other types", schema: Case, text: `{` + named + `,"measurements":[{"value":{"$numberDouble":"1.5"}}],"samples":"many","new":1,"old":null}`,
			want: map[string]any{"samples": nil}, left: "/samples /new"},
		{name: "no id", schema: Job, text: `{"job":"j","kernel":"k"}`, err: "_id"},
		{name: "an id of another kind", schema: Job, text: `{"_id":7,"job":"j","kernel":"k"}`, err: "_id"},
		{name: "a name that is none", schema: Case, text: `{` + id + `,"name":["n"]}`, err: "name is not a text"},
		{name: "a name that is too long", schema: Case, text: `{` + id + `,"name":"` + strings.Repeat("n", 2000) + `"}`, err: "name is longer"},
		{name: "another encoding", schema: Job, text: "{" + id + `,"job":"` + "\xe9" + `"}`, err: "not valid JSON"},
		{name: "a character that no database takes", schema: Job, text: `{` + id + `,"job":"\u0000"}`, err: "U+0000"},
		{name: "a number that is none", schema: Job, text: `{` + id + `,"n":NaN}`, err: "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, left, err := tt.schema.FromDump([]byte(tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				if got := d.Get(name); got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			var pointers []string
			for _, f := range left {
				pointers = append(pointers, f.Pointer)
			}
			if got := strings.Join(pointers, " "); got != tt.left {
				t.Errorf("left out %q, want %q", got, tt.left)
			}
		})
	}
}

// FuzzFromDump holds that what was read of a dump can be kept and read again.
func FuzzFromDump(f *testing.F) {
	f.Add([]byte(`{"_id":{"$oid":"53b1c3d4e7798b0001a0f0aa"},"name":"n","test_group_id":"53b1c3d4e7798b0001a0f0ab","status":"PASS","measurements":[{"value":{"$numberLong":"1"}}],"metadata":{"a":{"$date":1}}}`))
	f.Add([]byte(`{"_id":"53b1c3d4e7798b0001a0f0aa","name":"n","contact":{"name":1},"defconfig_id":null,"time":{"$date":{"$numberLong":"27000"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range []*Schema{Job, Build, Boot, Group, Case, Lab} {
			d, _, err := s.FromDump(text)
			if err != nil {
				continue
			}
			if status, has := s.index["status"]; has && d.values[status] == "PASS" && !strings.Contains(strings.ToUpper(string(text)), "PASS") && !strings.Contains(string(text), `\u`) {
				t.Fatalf("%s: a pass out of %q", s.Name, text)
			}
			_ = d.IDTwin()
			apart := func(name string) bool { return name == "_id" || name == "status" }
			rest := d.AppendRest(nil, apart)
			if _, err := s.Restore(func(name string) (any, bool) { return d.Get(name), apart(name) }, rest); err != nil {
				t.Fatalf("%s: %s is kept as %s: %v", s.Name, text, rest, err)
			}
		}
	})
}
