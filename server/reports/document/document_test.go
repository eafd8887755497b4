package document

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestAppendJSON(t *testing.T) {
	t.Parallel()

	d := Case.New()
	d.Set("_id", someID)
	d.Set("created_on", int64(1406788988347))
	d.Set("time", int64(10400))
	d.Set("name", "a \"quoted\" <b> & é中\n")
	d.Set("minimum", 1e300)
	d.Set("maximum", -0.25)
	d.Set("samples", int64(-3))
	d.Set("measurements", Raw(`[ {"measure": 1.0} ]`))
	keep := []string{"_id", "created_on", "name", "time", "index", "measurements", "parameters", "minimum", "maximum", "samples", "regression_id"}
	got := string(d.AppendJSON([]byte("x"), func(name string) bool { return slices.Contains(keep, name) }))
	want := `x{"_id":{"$oid":"54b9a1c2d3e4f5061728394a"},"created_on":{"$date":1406788988347},` +
		`"name":"a \"quoted\" <b> & é中\n","time":{"$date":10400},"index":null,"measurements":[ {"measure": 1.0} ],` +
		`"parameters":{},"minimum":1e+300,"maximum":-0.25,"samples":-3,"regression_id":null}`
	if got != want {
		t.Errorf("AppendJSON:\n got %s\nwant %s", got, want)
	}

	g := Group.New()
	g.Set("test_cases", []string{someID, someID})
	got = string(g.AppendJSON(nil, func(name string) bool { return name == "test_cases" }))
	if want := `{"test_cases":[{"$oid":"` + someID + `"},{"$oid":"` + someID + `"}]}`; got != want {
		t.Errorf("AppendJSON: %s, want %s", got, want)
	}
	if got := string(g.AppendJSON(nil, func(string) bool { return false })); got != "{}" {
		t.Errorf("AppendJSON of no field: %s, want {}", got)
	}
}

func TestDocument_Value(t *testing.T) {
	t.Parallel()

	d := intake(t, Boot, bootWith(`"metadata":{"rack":7,"f":1.5,"ok":true,"no":null,"deep":{"x":"y"},"list":[1]},"boot_retries":3`))
	tests := []struct {
		path string
		want any
	}{
		{"board", "b"}, {"retries", int64(3)}, {"git_url", nil}, {"colour", nil},
		{"metadata.rack", int64(7)}, {"metadata.f", 1.5}, {"metadata.ok", true}, {"metadata.no", nil},
		{"metadata.deep.x", "y"}, {"metadata.deep.x.z", nil}, {"metadata.colour", nil}, {"metadata.", nil},
		{"board.x", nil}, {".", nil}, {"", nil},
	}
	for _, tt := range tests {
		if got := d.Value(tt.path); got != tt.want {
			t.Errorf("Value(%q) = %#v, want %#v", tt.path, got, tt.want)
		}
	}
	for _, path := range []string{"metadata", "metadata.deep", "metadata.list"} {
		if _, ok := d.Value(path).(Raw); !ok {
			t.Errorf("Value(%q) = %#v, want Raw", path, d.Value(path))
		}
	}
}

func TestJob(t *testing.T) {
	t.Parallel()

	for branch, want := range map[string]string{"local/master": "master", "master": "master", "a/b/c": "c", "": "", "x/": ""} {
		if got := CleanBranch(branch); got != want {
			t.Errorf("CleanBranch(%q) = %q, want %q", branch, got, want)
		}
	}
	job := intake(t, Job, `{"job":"next","kernel":"k","git_branch":"local/master","git_commit":"c1","status":"BUILD"}`)
	if job.Get("git_branch") != "master" || job.Get("name") != "next-k" || job.Get("private") != false {
		t.Errorf("job %s", job.AppendJSON(nil, nil))
	}
	UpdateJob(job, intake(t, Job, `{"job":"next","kernel":"k","git_branch":"master","git_commit":null,"git_url":"u"}`))
	if job.Get("status") != "PASS" || job.Get("git_commit") != "c1" || job.Get("git_url") != "u" {
		t.Errorf("after a report without a status: %s, want PASS, c1 and u", job.AppendJSON(nil, nil))
	}
}

func TestJobOfBuild(t *testing.T) {
	t.Parallel()

	build := intake(t, Build, `{"job":"next","kernel":"k","defconfig":"d","arch":"arm","git_branch":"local/master","git_commit":"c1"}`)
	job := JobOfBuild(build)
	if job.Get("status") != "BUILD" || job.Get("git_commit") != "c1" || job.Get("name") != "next-k" {
		t.Errorf("job %s", job.AppendJSON(nil, nil))
	}
	same := intake(t, Job, `{"job":"next","kernel":"k","git_branch":"master"}`)
	if string(same.Identity()) != string(job.Identity()) {
		t.Error("a report of the job would make another job")
	}
	if build.Get("git_branch") != "local/master" || build.Get("name") != "next-k-d" {
		t.Errorf("build %s", build.AppendJSON(nil, nil))
	}
}

func TestKernelVersion(t *testing.T) {
	t.Parallel()

	tests := []struct{ describeV, describe, want string }{
		{"", "v3.19-rc2-194-g691c85c227eb", "3.19-rc2"},
		{"", "v4.1.14-12-gabc", "4.1.14"},
		{"4.0-rc7", "next-20150109", "4.0-rc7"},
		{"", "next-20150109", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		build := intake(t, Build, `{"job":"j","kernel":"k","defconfig":"d","arch":"a","git_describe_v":"`+tt.describeV+`","git_describe":"`+tt.describe+`"}`)
		if got := build.Text("kernel_version"); got != tt.want {
			t.Errorf("git_describe_v %q, git_describe %q: version %q, want %q", tt.describeV, tt.describe, got, tt.want)
		}
	}
	build := intake(t, Build, `{"job":"j","kernel":"k","defconfig":"d","arch":"a","git_describe":"v4.0","kernel_version":"4.0.1"}`)
	if got := build.Text("kernel_version"); got != "4.0.1" {
		t.Errorf("the version that was posted became %q", got)
	}
}

// A test group has fewer fields than a boot, and takes over those that it has.
func TestCompleteBoot_Group(t *testing.T) {
	t.Parallel()
	build, group := Build.New(), Group.New()
	build.Set("_id", "0123456789abcdef01234567")
	build.Set("git_commit", "abc")
	build.Set("compiler_version_ext", "gcc 8.3")
	CompleteBoot(group, nil, build)
	if group.Get("build_id") != build.Get("_id") || group.Get("git_commit") != "abc" {
		t.Errorf("group: %s", group.AppendJSON(nil, nil))
	}
}

func TestCompleteBoot(t *testing.T) {
	t.Parallel()

	job, build := Job.New(), intake(t, Build, `{"job":"j","kernel":"k","defconfig":"d","arch":"arm","git_commit":"c2","git_describe":"g","kernel_image_size":5}`)
	job.Set("_id", someID)
	build.Set("_id", someID)
	boot := intake(t, Boot, bootWith(`"git_commit":"c1"`))
	CompleteBoot(boot, nil, nil)
	if boot.Get("job_id") != nil || boot.Get("defconfig_id") != nil {
		t.Errorf("boot %s, want no references", boot.AppendJSON(nil, nil))
	}
	CompleteBoot(boot, job, build)
	for name, want := range map[string]any{"git_commit": "c1", "git_describe": "g", "kernel_image_size": int64(5),
		"job_id": someID, "build_id": someID, "defconfig_id": someID} {
		if got := boot.Get(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestIDSource(t *testing.T) {
	t.Parallel()

	now := time.UnixMilli(1406788988347)
	ids := IDSource{Now: func() time.Time { return now }}
	first, millis := ids.New()
	if millis != now.UnixMilli() || first[:8] != "53d9e57c" {
		t.Errorf("id %s at %d, want the seconds 53d9e57c first", first, millis)
	}
	if folded, ok := ParseID(first); !ok || folded != first {
		t.Errorf("%s is not an id", first)
	}
	last, lastMillis := first, millis
	for i, step := range []time.Duration{0, 0, time.Millisecond, -time.Hour, 0, 2 * time.Second, 999 * time.Millisecond} {
		now = now.Add(step)
		id, millis := ids.New()
		if id <= last || millis < lastMillis {
			t.Errorf("step %d: id %s at %d follows %s at %d", i, id, millis, last, lastMillis)
		}
		last, lastMillis = id, millis
	}
	ids.counter = maxCounter
	if id, millis := ids.New(); id <= last || millis != lastMillis+1 {
		t.Errorf("id %s at %d follows %s at %d", id, millis, last, lastMillis)
	}
}

func TestIDSource_concurrent(t *testing.T) {
	t.Parallel()

	var ids IDSource
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			for range 500 {
				id, _ := ids.New()
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 4000 {
		t.Errorf("%d different ids, want 4000", len(seen))
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()

	if id, ok := ParseID("54B9A1C2D3E4F5061728394A"); !ok || id != someID {
		t.Errorf("ParseID folds to %q, %t, want %q", id, ok, someID)
	}
	for _, bad := range []string{"", "x", someID[1:], someID + "0", someID[1:] + "g", "next-next-20150109-board"} {
		if id, ok := ParseID(bad); ok {
			t.Errorf("ParseID(%q) = %q, want none", bad, id)
		}
	}
}
