package subunit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestParse_jsonSamples reads what the real clients and servers have written.
func TestParse_jsonSamples(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file   string
		scope  Scope
		counts Counts
	}{
		{"13_results_refstack_client.json", ScopePasses, Counts{Success: 106}},
		{"13_results_uid_2015.json", ScopePasses, Counts{Success: 8}},
		{"13_results_names_2014.json", ScopePasses, Counts{Success: 106}},
		{"13_parsed_by_class_2014.json", ScopeAll, Counts{Success: 106, Fail: 8, Skip: 6}},
		{"13_parsed_flat_2014.json", ScopeAll, Counts{Success: 106, Fail: 8, Skip: 6}},
	}
	ids := map[string][]string{}
	for _, tt := range tests {
		got := readUpload(t, readSample(t, tt.file), Limits{})
		if got.report.Format != FormatJSON || got.report.Scope != tt.scope || got.counts != tt.counts || got.report.DamageCount != 0 {
			t.Errorf("%s: %v, scope %s, want %v, %s", tt.file, got.counts, got.report.Scope, tt.counts, tt.scope)
		}
		for _, r := range got.records {
			ids[tt.file] = append(ids[tt.file], r.ID+r.Status.String()+r.Duration.String())
		}
		slices.Sort(ids[tt.file])
		if tt.scope == ScopePasses && (got.report.CPID == nil || got.report.DurationSeconds == nil) {
			t.Errorf("%s: no cpid or duration_seconds", tt.file)
		}
	}
	if !slices.Equal(ids["13_parsed_by_class_2014.json"], ids["13_parsed_flat_2014.json"]) {
		t.Error("the two reports of one run differ")
	}
	first := readUpload(t, readSample(t, "13_results_refstack_client.json"), Limits{}).records[0]
	if first.UUID != "6f3d224d-9529-5f4e-baa7-2e0b2dda2fd7" {
		t.Errorf("uuid %q", first.UUID)
	}
}

// TestParse_json checks the four shapes and what is wrong with them.
func TestParse_json(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		in     string
		want   []string
		damage int
	}{
		{"names and objects", `{"results":["a",{"name":"b","uuid":"u","more":[1,{}]},{"uid":"v","name":"c"}]}`, []string{"a success", "b success", "c success"}, 0},
		{"an empty list", `{"results":[]}`, nil, 0},
		{"items that are neither", `{"results":["a",5,null,{"uuid":"u"},{"name":3},[["x"]],"b"]}`, []string{"a success", "b success"}, 6},
		{"a name twice", `{"results":["a","a"]}`, []string{"a success", "a success"}, 0},

		{"by class", `{"data":{"p.C":[["t1","PASS",0.5],["t2","FAIL"],["t3","SKIP",null]],"":[["lone","PASS",1]],"p.D":[]}}`,
			[]string{"p.C.t1 success", "p.C.t2 fail", "p.C.t3 skip", "lone success"}, 0},
		{"all words", `{"results":{"a":["PASS",1],"b":["FAIL",1],"c":["ERROR",1],"d.setUpClass":["FAIL_SETUP",1],"e":["SKIP",1],"f":["XFAIL",1],"g":["pass",1]}}`,
			[]string{"a success", "b fail", "c fail", "d.setUpClass fail", "e skip", "f unknown…", "g unknown…"}, 0},
		{"broken rows", `{"data":{"C":[["t","PASS","x"],[],[5,"PASS"],"t",["t",1],["u","FAIL",-1]],"D":7}}`,
			[]string{"C.t success", "C.t unknown…", "C.u fail"}, 6}, // the two bad durations are a warning
		{"broken flat rows", `{"results":{"a":"PASS","b":[],"c":["PASS",1,"more"]}}`, []string{"b unknown…", "c success"}, 1},

		{"ours", `{"tests":[{"n":1,"id":"a","status":"success","start":"2014-08-15T10:34:49.5Z","stop":null,"tags":["z","b","z"],"attachments":[{"k":0,"name":"x"}]},{"id":"b","status":"inprogress"},{"id":"c","status":"exists"},{"id":"d","status":"odd"},{"id":"e"}]}`,
			[]string{"a success", "b inprogress…", "c exists", "d unknown…", "e unknown…"}, 0},
		{"ours, broken", `{"tests":[{"status":"success"},{"id":5},"x",{"id":"a","status":"fail","start":"noon","stop":7,"tags":"x"},{"id":"b","status":null,"tags":[1,"t"]}]}`,
			[]string{"a fail", "b unknown…"}, 9},

		{"a summary that is right", `{"summary":{"PASS":1,"FAIL":0,"Total":1},"results":{"a":["PASS"]}}`, []string{"a success"}, 0},
		{"a summary after the list that is wrong", `{"results":{"a":["PASS"]},"summary":{"PASS":2,"FAIL":0,"Total":2}}`, []string{"a success"}, 2},
		{"a summary of failures beside passes", `{"summary":{"FAIL":3},"results":["a"]}`, []string{"a success"}, 1},
		{"a summary of other types", `{"summary":{"PASS":"1"},"results":["a"]}`, []string{"a success"}, 1},
		{"a summary that is none", `{"summary":[],"results":["a"]}`, []string{"a success"}, 1},

		{"no list", `{"cpid":"x"}`, nil, 1},
		{"a list of the wrong type", `{"results":"a"}`, nil, 2},
		{"two lists", `{"tests":[{"id":"a","status":"success"}],"results":["b"]}`, []string{"a success"}, 1},
		{"an array at the top", `["a"]`, nil, 1},
		{"bytes after the end", `{"results":["a"]} {}`, nil, 1},
		{"a second list behind it", `{"results":["a"]}{"results":["b"]}`, nil, 1},
		{"NUL behind it", "{\"results\":[\"a\"]}\x00", nil, 1},
		{"cut short", `{"results":["a","b`, []string{"a success"}, 1},
		{"cut in an entry", `{"results":["a",{"name":"b","uu`, []string{"a success", "b unknown…"}, 1},
		{"cut behind a failure", `{"tests":[{"id":"a","status":"success"},{"id":"b","status":"fail","tags":["z","b"`, []string{"a success", "b fail…"}, 1},
		{"cut in a row", `{"results":{"a":["PASS"],"b":["FAIL",`, []string{"a success", "b fail…"}, 1},
		{"cut behind a green word", `{"data":{"C":[["t","PASS"`, []string{"C.t unknown…"}, 1},

		{"entries with a verdict", `{"results":[{"name":"a","status":"passed"},{"name":"b","status":"failed"}]}`, nil, 1},
		{"one entry with a verdict, the last", `{"results":["a",{"name":"b"},{"name":"c","Outcome":null}]}`, nil, 1},
		{"a verdict that is a truth value", `{"results":[{"name":"a","passed":false}]}`, nil, 1},
		{"a run that says it failed", `{"success":false,"results":["a"]}`, []string{"a success"}, 1},
		{"a run that counts failures", `{"results":["a"],"failures":["b"]}`, []string{"a success"}, 1},
		{"a run that names its end", `{"results":["a"],"status":"FAILED"}`, []string{"a success"}, 1},
		{"a run that says it failed, and why", `{"errors":1,"results":{"a":["ERROR"]}}`, []string{"a fail"}, 0},
		{"a run that says it is fine", `{"success":true,"failed":0,"errors":[],"error":null,"status":"passed","results":["a"]}`, []string{"a success"}, 0},
		{"a comma too many", `{"results":["a",]}`, []string{"a success"}, 1},
		{"a number that is none", `{"results":["a"],"duration_seconds":NaN}`, []string{"a success"}, 1},
		{"duration of the wrong type", `{"results":["a"],"duration_seconds":"1","cpid":5}`, []string{"a success"}, 2},
		{"a member twice", `{"results":["a"],"results":["b"]}`, []string{"a success"}, 2},

		{"U+0000", `{"results":["a\u0000b"]}`, []string{"a\ufffdb success"}, 1},
		{"not UTF-8", "{\"results\":[\"caf\xe9\"]}", []string{"caf\ufffd success"}, 1},
		{"half a character at the end of an escape", `{"results":["\ud800"]}`, []string{"\ufffd success"}, 0},
		{"a mark and white space", "\xef\xbb\xbf \n{\"results\":[\"a\"]}\n", []string{"a success"}, 0},
		{"deep in a place that is not read", `{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `,"results":["a"]}`, []string{"a success"}, 0},
		{"too deep", `{"results":["a"],"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, nil, 1},
		{"brackets in a string are not depth", `{"results":["` + strings.Repeat(`[{\"`, 100) + `"]}`, []string{strings.Repeat(`[{"`, 100) + " success"}, 0},
		{"a huge token", `{"results":["a"],"x":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 1},
		{"huge white space", `{"results":["a"],` + strings.Repeat(" ", 2<<20) + `"x":1}`, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := parseAll(t, []byte(tt.in), Limits{}, windowStart)
			if got.report.Format != FormatJSON {
				t.Fatalf("format %s", got.report.Format)
			}
			if !slices.Equal(brief(got.records), tt.want) || got.report.DamageCount != tt.damage {
				t.Errorf("records %q, damage %v, want %q, %d", brief(got.records), got.report.Damage, tt.want, tt.damage)
			}
			for _, d := range got.report.Damage {
				if d.Kind != KindJSON || d.Offset < 0 || d.Offset > int64(len(tt.in)) {
					t.Errorf("damage %+v", d)
				}
			}
		})
	}
}

// TestParse_jsonFields checks what a record takes from our own form.
func TestParse_jsonFields(t *testing.T) {
	t.Parallel()
	got := parseAll(t, []byte(`{"tests":[{"id":"a","status":"xfail","start":"2014-08-15T10:34:49.5Z","stop":"2014-08-15 12:34:50+02:00","tags":["z","b","z"]}]}`), Limits{}, windowStart)
	r := got.records[0]
	start := time.Date(2014, 8, 15, 10, 34, 49, 500_000_000, time.UTC)
	if !r.Start.Equal(start) || !r.Stop.Equal(start.Add(500*time.Millisecond)) || !slices.Equal(r.Tags, []string{"b", "z"}) || r.HasDuration {
		t.Errorf("record %+v", r)
	}
	got = parseAll(t, []byte(`{"results":{"a":["PASS",1.25]}}`), Limits{}, windowStart)
	if r := got.records[0]; r.Duration != 1250*time.Millisecond || !r.HasDuration {
		t.Errorf("record %+v", r)
	}
}

// TestParse_jsonLimits checks limits on lists.
func TestParse_jsonLimits(t *testing.T) {
	t.Parallel()
	in := `{"results":["a","b","c"],"duration_seconds":5}`
	got := parseAll(t, []byte(in), Limits{Tests: 2}, windowStart)
	if len(got.records) != 2 || got.report.Damage[0].Kind != KindTruncated {
		t.Errorf("records %q, damage %v", brief(got.records), got.report.Damage)
	}
	got = parseAll(t, fmt.Appendf(nil, `{"tests":[{"id":"%s","status":"success","tags":["a","b","c"]}]}`, strings.Repeat("i", 100)), Limits{IDBytes: 10, TagsPerEvent: 2}, windowStart)
	if r := got.records[0]; len(r.ID) != 10 || len(r.Tags) != 2 || got.report.DamageCount != 2 {
		t.Errorf("record %+v, damage %v", r, got.report.Damage)
	}
}
