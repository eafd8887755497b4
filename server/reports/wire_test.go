package reports_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestVerbsAndPaths walks what is said of versions, verbs, paths and codes.
func TestVerbsAndPaths(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	admin := raw(servertest.AdminToken)
	accept := func(v string) servertest.Option { return servertest.With("Accept", v) }
	none := servertest.With("X-Nothing", "")
	tests := []struct {
		method, path string
		options      []servertest.Option
		want         int
	}{
		{"GET", "/boot", []servertest.Option{admin}, 200},
		{"GET", "/boots/", []servertest.Option{admin}, 200},
		{"GET", "//v1/boots//", []servertest.Option{admin}, 200},
		{"GET", "/defconfigs", []servertest.Option{admin}, 200},
		{"GET", "/test", []servertest.Option{admin}, 200},
		{"GET", "/tests/groups/", []servertest.Option{admin}, 200},
		{"GET", "/tests/case", []servertest.Option{admin}, 200},
		{"GET", "/counts", []servertest.Option{admin}, 200},
		{"GET", "/count/boot/", []servertest.Option{admin}, 200},
		{"GET", "/count/nonsense", []servertest.Option{admin}, 404},
		{"GET", "/version/", []servertest.Option{none}, 200},
		{"GET", "/boot", []servertest.Option{none}, 403},
		{"GET", "/boot", []servertest.Option{raw("Basic abcdefgh")}, 403},
		{"GET", "/boot", []servertest.Option{raw("Bearer " + servertest.AdminToken)}, 200},
		{"GET", "/boot/nonsense", []servertest.Option{admin}, 400},
		{"GET", "/boot/012345678901234567890123", []servertest.Option{admin}, 404},
		{"GET", "/boot/01234567890123456789ABCD/", []servertest.Option{admin}, 404},
		{"GET", "/boot/distinct", []servertest.Option{admin}, 400},
		{"GET", "/upload/a/b", []servertest.Option{admin}, 501},
		{"GET", "/boot?limit=abc", []servertest.Option{admin}, 400},
		{"GET", "/boot?skip=-1", []servertest.Option{admin}, 400},
		{"GET", "/boot?sort=x&sort_order=up", []servertest.Option{admin}, 400},
		{"GET", "/boot?job=%ff", []servertest.Option{admin}, 400},
		{"GET", "/boot?limit=&nonsense=1&gte=retries&created_on=x", []servertest.Option{admin}, 200},
		{"GET", "/nonsense", []servertest.Option{none}, 404},
		{"GET", "/boot/012345678901234567890123/nonsense", []servertest.Option{none}, 404},
		{"PUT", "/job/012345678901234567890123/nonsense", []servertest.Option{none}, 404},
		{"PUT", "/boot", []servertest.Option{admin}, 501},
		{"PUT", "/boot", []servertest.Option{none}, 403},
		{"DELETE", "/job", []servertest.Option{admin}, 501},
		{"POST", "/version", []servertest.Option{none}, 501},
		{"DELETE", "/version", []servertest.Option{none}, 501},
		{"GET", "/batch", []servertest.Option{none}, 501},
		{"DELETE", "/batch/", []servertest.Option{none}, 501},
		{"POST", "/count", []servertest.Option{admin}, 501},
		{"GET", "/upload", []servertest.Option{admin}, 501},
		{"POST", "/send", []servertest.Option{admin}, 501},
		{"GET", "/statistics", []servertest.Option{admin}, 501},
		{"GET", "/bisect/boot/012345678901234567890123", []servertest.Option{admin}, 501},
		{"GET", "/bisect?job=mainline&kernel=v5.4", []servertest.Option{admin}, 501},
		{"POST", "/bisect", []servertest.Option{admin}, 501},
		{"GET", "/job/logs", []servertest.Option{admin}, 501},
		{"PATCH", "/boot", []servertest.Option{none}, 405},
		{"OPTIONS", "/boot", []servertest.Option{none}, 200},
		{"GET", "/boot", []servertest.Option{admin, accept("application/v2")}, 406},
		{"GET", "/boot", []servertest.Option{admin, accept("application/v2, application/v3;q=0.2")}, 406},
		{"GET", "/boot", []servertest.Option{admin, accept("application/v2, */*;q=0.1")}, 200},
		{"GET", "/boot", []servertest.Option{admin, accept("APPLICATION/V1")}, 200},
		{"GET", "/boot", []servertest.Option{admin, accept("text/html")}, 200},
		{"GET", "/boot", []servertest.Option{admin, accept("///")}, 200},
	}
	for _, tt := range tests {
		a := s.Do(tt.method, tt.path, "", tt.options...)
		if a.Status != tt.want {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, a.Status, a.Body, tt.want)
		}
		var in struct {
			Code            int
			Reason, Message string
		}
		if err := json.Unmarshal(a.Body, &in); err != nil || in.Code != tt.want {
			t.Errorf("%s %s: code %d, %v, want %d", tt.method, tt.path, in.Code, err, tt.want)
		}
		if tt.want >= 400 && (in.Reason == "" || in.Message != in.Reason) {
			t.Errorf("%s %s: reason %q, message %q", tt.method, tt.path, in.Reason, in.Message)
		}
		if a.Header.Get("WWW-Authenticate") != "" || tt.want == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: headers %v", tt.method, tt.path, a.Header)
		}
		noPath := tt.want == 404 && strings.HasSuffix(tt.path, "/nonsense") && !strings.HasPrefix(tt.path, "/count/")
		if !noPath && a.Header.Get("Content-Type") != "application/json; charset=UTF-8" {
			t.Errorf("%s %s: Content-Type %q", tt.method, tt.path, a.Header.Get("Content-Type"))
		}
	}
}

// TestCompression decompresses without looking at the header, as a published
// script does.
func TestCompression(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for _, path := range []string{"/boot", "/boot/nonsense", "/version"} {
		a := s.Do("GET", path, "", raw(servertest.AdminToken), servertest.With("Accept-Encoding", "gzip"))
		z, err := gzip.NewReader(bytes.NewReader(a.Body))
		if err != nil {
			t.Fatalf("GET %s: %v", path, err)
		}
		text, err := io.ReadAll(z)
		if err != nil || !json.Valid(text) || a.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("GET %s: %v, %v, %s", path, err, a.Header, text)
		}
	}
	for _, encoding := range []string{"gzip;q=0", "identity", "deflate"} {
		a := s.Do("GET", "/boot", "", raw(servertest.AdminToken), servertest.With("Accept-Encoding", encoding))
		if !json.Valid(a.Body) || a.Header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %s: %v", encoding, a.Header)
		}
		tag := a.Header.Get("ETag")
		if !strings.HasPrefix(tag, "W/") {
			t.Fatalf("ETag %q", tag)
		}
		again := s.Do("GET", "/boot", "", raw(servertest.AdminToken), servertest.With("If-None-Match", `"x", `+tag))
		if again.Status != 304 || len(again.Body) != 0 {
			t.Errorf("with the tag: %d %s, want 304", again.Status, again.Body)
		}
	}
}

// TestBuildsAndJobs loads jobs and builds and asks across them.
func TestBuildsAndJobs(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		load(t, s, "/defconfig", "builds.ndjson", 202)
		builds := get(t, s, "/build")
		jobs := get(t, s, "/job")
		if builds.Count != 94 || jobs.Count == 0 {
			t.Fatalf("%d builds, %d jobs; want 94, some", builds.Count, jobs.Count)
		}
		for _, b := range builds.Result {
			if b["job_id"] == nil || b["status"] == nil {
				t.Errorf("build %v has no job or status", b["_id"])
			}
		}
		for _, line := range lines(t, "jobs.ndjson") {
			if a := s.Do("POST", "/job", line, servertest.JSON(), raw(servertest.AdminToken)); a.Status != 200 && a.Status != 202 {
				t.Errorf("POST /job: %d %s", a.Status, a.Body)
			}
		}
		load(t, s, "/build", "builds.ndjson", 202) // again: nothing more
		if p := get(t, s, "/build?limit=1"); p.Count != 94 {
			t.Errorf("%d builds after the second time, want 94", p.Count)
		}
		job := jobs.Result[0]
		id := job["_id"].(map[string]any)["$oid"].(string)
		own := get(t, s, "/build?job_id="+id).Count
		if own == 0 || get(t, s, "/build?job_id="+strings.ToUpper(id)).Count != own {
			t.Errorf("builds of job %s: %d", id, own)
		}
		if a := s.Do("DELETE", "/job/"+id, "", raw(servertest.AdminToken)); a.Status != 200 {
			t.Errorf("DELETE: %d %s", a.Status, a.Body)
		}
		if p := get(t, s, "/build?limit=1"); p.Count != 94-own {
			t.Errorf("%d builds are left, want %d", p.Count, 94-own)
		}
		if p := get(t, s, "/build?job_id=nonsense"); p.Count != 0 {
			t.Errorf("a malformed id matches %d, want none", p.Count)
		}
		post(t, s, 400, "/job", `{"job":"a","kernel":"b","status":"GREEN"}`)
		post(t, s, 202, "/job", `{"job":"a","kernel":"b","git_branch":"local/master"}`)
		post(t, s, 200, "/job", `{"job":"a","kernel":"b","git_branch":"master","status":"FAIL"}`)
		if p := get(t, s, "/job?job=a"); p.Count != 1 || p.Result[0]["status"] != "FAIL" || p.Result[0]["git_branch"] != "master" {
			t.Errorf("job a: %v", p.Result)
		}
	})
}

// checkAcross asks count, distinct, aggregate and batch about the sample boots,
// and holds the answers against each other.
func checkAcross(t *testing.T, s *servertest.Server) {
	t.Helper()
	var count struct{ Result []struct{ Count int } }
	ask := func(into any, path string) {
		t.Helper()
		a := s.Do("GET", path, "", raw(servertest.AdminToken))
		if err := json.Unmarshal(a.Body, into); err != nil || a.Status != 200 {
			t.Fatalf("GET %s: %d %s", path, a.Status, a.Body)
		}
	}
	ask(&count, "/count/boot?status=FAIL&gte=retries,2&nonsense=1")
	if want := get(t, s, "/boot?status=FAIL&gte=retries,2&limit=1").Count; count.Result[0].Count != want || want == 0 {
		t.Errorf("count %v, search %d", count, want)
	}
	var distinct struct {
		Count  int
		Result []*string
	}
	for _, filter := range []string{"", "?status=PASS&status=FAIL&status=OFFLINE&status=UNTRIED&status=UNKNOWN"} {
		for _, field := range []string{"board", "lab_name", "mach", "git_describe", "endian", "board_instance"} {
			distinct.Result = nil
			ask(&distinct, "/boots/distinct/"+field+filter)
			var groups page
			ask(&groups, "/boot?aggregate="+field+"&field="+field+"&sort="+field+"&sort_order=1")
			if distinct.Count != len(distinct.Result) || len(groups.Result) != distinct.Count {
				t.Fatalf("%s: count %d, %d values, %d groups", field, distinct.Count, len(distinct.Result), len(groups.Result))
			}
			for i, v := range distinct.Result {
				if g := groups.Result[i][field]; v == nil && g != nil || v != nil && g != *v {
					t.Errorf("%s: value %d is %v, the group's %v", field, i, v, g)
				}
			}
		}
	}
	for path, want := range map[string]int{"/boot/distinct/nonsense": 400, "/boot/distinct/metadata": 400, "/boot?aggregate=metadata": 400} {
		if a := s.Do("GET", path, "", raw(servertest.AdminToken)); a.Status != want {
			t.Errorf("GET %s: %d, want %d", path, a.Status, want)
		}
	}
	batch := post(t, s, 200, "/batch", `{"batch":[
			{"method":"GET","operation_id":"a","resource":"count","document":"boot","query":"?status=FAIL"},
			{"collection":"boot","query":"lab_name=lab-alder&limit=2&field=board"},
			{"resource":"boot","distinct":"arch"},
			{"resource":"count","document":"boot","distinct":"arch"},
			{"resource":"nonsense"},
			{"resource":"boot","document_id":"000000000000000000000000"}]}`)
	var in struct {
		Result []struct {
			ID     string `json:"operation_id"`
			Result []json.RawMessage
		}
	}
	if err := json.Unmarshal(batch.Body, &in); err != nil || len(in.Result) != 6 || in.Result[0].ID != "a" {
		t.Fatalf("batch: %s, %v", batch.Body, err)
	}
	ask(&count, "/count/boot?status=FAIL")
	if got, want := string(in.Result[0].Result[0]), fmt.Sprintf(`{"collection":"boot","count":%d}`, count.Result[0].Count); got != want {
		t.Errorf("batch count: %s, want %s", got, want)
	}
	if len(in.Result[4].Result)+len(in.Result[5].Result) != 0 || !strings.Contains(string(in.Result[3].Result[0]), `"field":"arch"`) {
		t.Errorf("batch: %s", batch.Body)
	}
	for _, body := range []string{`{}`, `{"batch":[]}`, `{"batch":[1]}`, `{"batch":[{"nonsense":1}]}`, `{"batch":[{"method":"DELETE"}]}`, `{"batch":[{"resource":"boot","query":"limit=x"}]}`} {
		post(t, s, 400, "/batch", body)
	}
	for _, sort := range []string{"metadata.rack", "boot_log", "nonsense", "metadata", "time", "name"} {
		up := get(t, s, "/boot?field=name&sort="+sort+"&sort_order=1&limit=2000")
		down := get(t, s, "/boot?field=name&sort="+sort)
		for i := range up.Result {
			if fmt.Sprint(up.Result[i]["_id"]) != fmt.Sprint(down.Result[1999-i]["_id"]) {
				t.Errorf("sort=%s: the two directions differ at %d", sort, i)
				break
			}
		}
	}
}

// TestGroups posts the sample groups and follows one through its life.
func TestGroups(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		load(t, s, "/test/group", "test_groups.ndjson", 201)
		if p := get(t, s, "/tests?limit=1"); p.Count == 0 {
			t.Fatal("no groups")
		}
		group := `{"name":"outer","lab_name":"l","job":"j","kernel":"k","plan":"p","test_cases":[{"name":"a","status":"fail","time":1.5},{"name":"b"}],
			"sub_groups":[{"name":"inner","test_cases":[{"name":"c"}]}],"nonsense":1}`
		post(t, s, 201, "/test/group", `{"name":"taken","lab_name":"l","job":"j","kernel":"k"}`)
		first := post(t, s, 201, "/test/group", group)
		again := post(t, s, 201, "/test/group", group)
		if !bytes.Equal(first.Body, again.Body) || !strings.Contains(string(first.Body), "nonsense") {
			t.Errorf("posted twice: %s and %s", first.Body, again.Body)
		}
		cases := get(t, s, "/test/case?job=j&sort=name&sort_order=1")
		if cases.Count != 3 || cases.Result[0]["status"] != "FAIL" || cases.Result[0]["test_case_path"] != "p.outer.a" || fmt.Sprint(cases.Result[0]["time"]) != "map[$date:1500]" {
			t.Fatalf("cases: %v", cases)
		}
		outer := get(t, s, "/test/group?name=outer").Result[0]
		id := outer["_id"].(map[string]any)["$oid"].(string)
		if len(outer["test_cases"].([]any)) != 2 || len(outer["sub_groups"].([]any)) != 1 || get(t, s, "/test/group?parent_id="+id).Count != 1 {
			t.Errorf("outer: %v", outer)
		}
		one := post(t, s, 201, "/test/case", fmt.Sprintf(`{"name":"d","test_group_id":{"$oid":%q},"measurements":[{"name":"m","measure":1}]}`, id))
		location := one.Header.Get("Location")
		path := location[strings.Index(location, "/v1"):]
		for _, tt := range []struct {
			method, path, body string
			want               int
		}{
			{"PUT", path, `{"status":"skip"}`, 200},
			{"PUT", path, `{"status":"green"}`, 400},
			{"PUT", path, `{"test_group_id":"000000000000000000000000"}`, 400},
			{"PUT", "/test/group/" + id, `{"vcs_commit":"abc"}`, 200},
			{"PUT", "/test/group/" + id, `{"name":"inner"}`, 200}, // inside it is another group
			{"PUT", "/test/group/" + id, `{"name":"taken"}`, 400},
			{"POST", "/test/case", `{"name":"d","test_group_id":"000000000000000000000000"}`, 400},
			{"POST", "/test/group", `{"name":"d","lab_name":"l"}`, 400},
			{"GET", "/test/group/count/distinct/name", ``, 200},
			{"GET", "/test/case/distinct/name?job=j", ``, 200},
			{"DELETE", path, ``, 200},
			{"DELETE", path, ``, 404},
			{"DELETE", "/tests/groups/" + id, ``, 200},
		} {
			if a := s.Do(tt.method, tt.path, tt.body, servertest.JSON(), raw(servertest.AdminToken)); a.Status != tt.want {
				t.Errorf("%s %s %s: %d %s, want %d", tt.method, tt.path, tt.body, a.Status, a.Body, tt.want)
			}
		}
		if n := get(t, s, "/test/case?job=j").Count + get(t, s, "/test/group?job=j").Count; n != 1 {
			t.Errorf("%d cases and groups are left of a deleted group, want the other group", n)
		}
		if a := post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","build_id":"0123456789abcdef01234567"}`); !strings.Contains(string(a.Body), "there is no build") {
			t.Errorf("unknown build: %s, want a warning", a.Body)
		}
	})
}

// TestGroups_Identity: which groups are the same does not depend on what their
// build or a later case adds to them.
func TestGroups_Identity(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for _, kernel := range []string{"k1", "k2"} {
			post(t, s, 202, "/build", fmt.Sprintf(`{"job":"j","kernel":%q,"git_branch":"master","arch":"arm","defconfig":"d","build_environment":"gcc-8"}`, kernel))
		}
		group := `{"name":"g","lab_name":"l","job":"j","kernel":"k1","test_cases":[{"name":"a"}]}`
		post(t, s, 201, "/test/group", group)
		first := get(t, s, "/test/group").Result[0]
		id := first["_id"].(map[string]any)["$oid"].(string)
		if first["git_branch"] != "master" {
			t.Fatalf("the build filled in nothing: %v", first)
		}
		post(t, s, 201, "/test/case", fmt.Sprintf(`{"name":"b","test_group_id":%q}`, id))
		if a := s.Do("PUT", "/test/group/"+id, `{"vcs_commit":"abc"}`, servertest.JSON(), servertest.Admin()); a.Status != 200 {
			t.Fatalf("PUT: %d %s", a.Status, a.Body)
		}
		post(t, s, 201, "/test/group", group)
		if p := get(t, s, "/test/group"); p.Count != 1 {
			t.Errorf("%d groups after the first was changed and posted again, want 1", p.Count)
		}
		// Groups of 2015 name their build, known or not, and little else.
		for _, build := range []string{"000000000000000000000001", "000000000000000000000002", "000000000000000000000001"} {
			post(t, s, 201, "/test/group", fmt.Sprintf(`{"name":"old","lab_name":"l","build_id":%q,"test_cases":[{"name":"c"}]}`, build))
		}
		if groups, cases := get(t, s, "/test/group?name=old").Count, get(t, s, "/test/case?name=c").Count; groups != 2 || cases != 2 {
			t.Errorf("two builds: %d groups with %d cases, want 2 and 2", groups, cases)
		}
	})
}

// TestGroups_AtOnce posts one group, and one of LAVA's jobs, from many clients at
// once: each stays one, with its cases once.
func TestGroups_AtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		newLab(t, s, "lab-a")
		inner := [2]string{`{"name":"one","test_cases":[{"name":"c"}]}`, `{"name":"two","test_cases":[{"name":"d"},{"name":"e"}]}`}
		job := lavaJob(t, nil)
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				// The inner groups come in both orders, to lock each other out.
				group := fmt.Sprintf(`{"name":"outer","lab_name":"lab-a","job":"j","kernel":"k","test_cases":[{"name":"a"}],"sub_groups":[%s,%s]}`, inner[i%2], inner[1-i%2])
				post(t, s, 201, "/test/group", group)
				post(t, s, 202, callbackPath, job)
			})
		}
		wg.Wait()
		for path, want := range map[string]int{"/test/group?job=j": 3, "/test/case?job=j": 4, "/test/group?name=usb": 1, "/test/case?job=mainline": 7} {
			if p := get(t, s, path); p.Count != want {
				t.Errorf("%s: %d, want %d", path, p.Count, want)
			}
		}
	})
}

// TestFiles uploads in both ways, reads back, and tries to get out.
func TestFiles(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		admin := raw(servertest.AdminToken)
		for _, want := range []int{201, 200} {
			a := s.Do("PUT", "/upload/next/boot%20log.txt", "hello", admin)
			if a.Status != want || !strings.HasSuffix(a.Header.Get("Location"), "/v1/files/next/boot%20log.txt") {
				t.Fatalf("PUT: %d %s %v, want %d", a.Status, a.Body, a.Header, want)
			}
		}
		a := s.Do("GET", "/v1/files/next/boot%20log.txt", "", admin)
		if a.Status != 200 || string(a.Body) != "hello" || a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("GET: %d %s %v", a.Status, a.Body, a.Header)
		}
		if a := s.Do("GET", "/files/next/boot%20log.txt", "", admin, servertest.With("Range", "bytes=1-2")); a.Status != 206 || string(a.Body) != "el" {
			t.Errorf("Range: %d %s", a.Status, a.Body)
		}
		for _, path := range []string{"..%2f..%2fetc", "a/../b", "a/%2e%2e/b", "a/%252e%252e/b", "a%00b", "%2fetc", "a%5cb", "a%2f%2fb", strings.Repeat("x", 600)} {
			if a := s.Do("PUT", "/upload/"+path, "x", admin); a.Status != 400 {
				t.Errorf("PUT %s: %d %s, want 400", path, a.Status, a.Body)
			}
		}
		if a := s.Do("GET", "/files/none", "", admin); a.Status != 404 {
			t.Errorf("GET of none: %d, want 404", a.Status)
		}
		send := func(fields map[string]string, names ...string) servertest.Answer {
			var text bytes.Buffer
			w := multipart.NewWriter(&text)
			for _, name := range names {
				part, _ := w.CreateFormFile("file", name)
				_, _ = part.Write([]byte("content of " + name))
			}
			for name, value := range fields {
				_ = w.WriteField(name, value)
			}
			_ = w.Close()
			return s.Send("POST", "/upload", &text, admin, servertest.With("Content-Type", w.FormDataContentType()))
		}
		if a := send(map[string]string{"job": "j", "git_branch": "b", "kernel": "k", "arch": "a", "defconfig": "d", "lab_name": "l"}, "x.txt", "y.txt"); a.Status != 200 || strings.Count(string(a.Body), `"status":201`) != 2 {
			t.Errorf("form: %d %s", a.Status, a.Body)
		}
		if a := s.Do("GET", "/files/j/b/k/a/d/l/y.txt", "", admin); string(a.Body) != "content of y.txt" {
			t.Errorf("GET: %d %s", a.Status, a.Body)
		}
		for _, a := range []servertest.Answer{send(map[string]string{"path": "a"}), send(nil, "x"), send(map[string]string{"path": "../a"}, "x"), send(map[string]string{"path": "/a"}, "x")} {
			if a.Status != 400 {
				t.Errorf("bad form: %d %s, want 400", a.Status, a.Body)
			}
		}
		if a := s.Do("POST", "/upload", "x", admin, servertest.With("Content-Type", "text/plain")); a.Status != 415 {
			t.Errorf("POST of text: %d, want 415", a.Status)
		}
	})
}

// TestMaintenance closes KernelCI's side, and nothing else.
func TestMaintenance(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, func(c *server.Config) { c.Reports.Maintenance = true })
	for path, want := range map[string]int{"/boot": 503, "/version": 503, "/v1/runs": 200, "/healthz": 200} {
		a := s.Do("GET", path, "", raw(servertest.AdminToken))
		if a.Status != want || want == 503 && (a.Header.Get("Retry-After") == "" || !strings.Contains(string(a.Body), `"Service maintenance."`)) {
			t.Errorf("GET %s: %d %s, want %d", path, a.Status, a.Body, want)
		}
	}
	if a := s.Do("PUT", "/boot", "", raw(servertest.AdminToken)); a.Status != 503 {
		t.Errorf("PUT /boot: %d, want 503", a.Status)
	}
}
