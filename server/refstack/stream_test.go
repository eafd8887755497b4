package refstack_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/servertest"
)

type createdStream struct {
	Stream string `json:"subunit-uuid"`
	Result string `json:"result-id"`
}

type streamData struct {
	Run struct {
		RunAt                string `json:"run_at"`
		UUID                 string
		Skips, Fails, Passes int
		RunTime              float64 `json:"run_time"`
		Artifacts            *string
	} `json:"subunit-data"`
	Tests []struct {
		ID                         int
		TestID                     string `json:"test_id"`
		RunCount, Success, Failure int
		RunTime                    *float64 `json:"run_time"`
	}
	TestRuns []struct {
		TestID      int   `json:"test_id"`
		RunID       int64 `json:"run_id"`
		Status      string
		StartTime   *string `json:"start_time"`
		StopTime    *string `json:"stop_time"`
		StartMicros *int    `json:"start_time_microsecond"`
		StopMicros  *int    `json:"stop_time_microsecond"`
		Metadata    map[string]string
	} `json:"test_runs"`
	Attachments []struct {
		TestRunID  int `json:"test_run_id"`
		Label      string
		Attachment string
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestCreateSubunit uploads a stream in every form, and reads its passes and
// its very bytes back.
func TestCreateSubunit(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		v1, v2 := sample(t, "14_tempest_like_v1.subunit"), sample(t, "14_tempest_like_v2.subunit")
		var list struct{ Results []struct{ Name string } }
		if err := json.Unmarshal([]byte(sample(t, "13_results_refstack_client.json")), &list); err != nil {
			t.Fatal(err)
		}
		inJSON, _ := json.Marshal(map[string]string{"subunit_data": v1})
		binary := func(file string) string {
			text, _ := json.Marshal(map[string]string{"subunit_data": base64.StdEncoding.EncodeToString([]byte(file))})
			return string(text)
		}
		const words = "system: v1 begins\ntest: a\nsuccess: a\n" // is base64 of a packet's first bytes
		if got, _ := base64.StdEncoding.DecodeString(words[:4]); got[0] != 0xb3 || got[1]>>4 != 2 {
			t.Fatalf("%x", got)
		}
		a := s.Do("POST", "/v1/subunit", `{"subunit_data":`+strconv.Quote(words)+`}`, servertest.JSON())
		decode[createdStream](t, a, 201)
		var parts bytes.Buffer
		form := multipart.NewWriter(&parts)
		part, _ := form.CreateFormFile("file", "0")
		_, _ = part.Write([]byte(v2))
		_ = form.WriteField("cpid", "from a part")
		_ = form.Close()
		for _, tt := range []struct {
			name, media, body, cpid string
			file                    string // what is stored
		}{
			{"JSON, as specified", "application/json", string(inJSON), "", v1},
			{"JSON, version 2 in base64", "application/json", binary(v2), "", v2},
			{"JSON, gzip in base64", "application/json", binary(zipped(t, v2)), "", zipped(t, v2)},
			{"a form", "application/x-www-form-urlencoded", url.Values{"subunit_data": {v1}, "cpid": {"from a field"}}.Encode(), "from a field", v1},
			{"a part, version 2", form.FormDataContentType(), parts.String(), "from a part", v2},
			{"the whole body", "application/octet-stream", v2, "", v2},
			{"gzip", "application/gzip", zipped(t, v1), "", zipped(t, v1)},
		} {
			t.Run(tt.name, func(t *testing.T) {
				a := s.Do("POST", "/v1/subunit/", tt.body, servertest.With("Content-Type", tt.media))
				c := decode[createdStream](t, a, 201)
				r := decode[result](t, s.Do("GET", "/v1/results/"+c.Result, "", servertest.Admin()), 200)
				if len(r.Results) != len(list.Results) || *r.CPID != tt.cpid {
					t.Fatalf("%d passes of %q, want %d of %q", len(r.Results), *r.CPID, len(list.Results), tt.cpid)
				}
				for i, name := range r.Results {
					if name != list.Results[i].Name {
						t.Errorf("pass %d is %s, refstack-client says %s", i, name, list.Results[i].Name)
					}
				}
				d := decode[streamData](t, s.Do("GET", "/v1/subunit/"+c.Stream, "", servertest.Admin()), 200)
				raw := s.Do("GET", "/v1/runs/"+runID(d)+"/results/"+c.Stream+"/raw", "", servertest.Admin())
				if string(raw.Body) != tt.file && string(raw.Body)+"\n" != tt.file {
					t.Errorf("stored %d bytes (%s), posted %d", len(raw.Body), sum(string(raw.Body)), len(tt.file))
				}
			})
		}
	})
}

func sum(text string) string { s := sha256.Sum256([]byte(text)); return hex.EncodeToString(s[:4]) }

func runID(d streamData) string { return strconv.FormatInt(d.TestRuns[0].RunID, 10) }

// TestGetSubunit holds the numbers against what subunit2sql makes of a small
// stream with every status (contract of RefStack, section 10).
func TestGetSubunit(t *testing.T) {
	t.Parallel()
	const stream = `tags: worker-0
time: 2017-08-16 07:21:56.929341Z
test: a.ok[id-1,smoke]
time: 2017-08-16 07:21:58.429341Z
success: a.ok[id-1,smoke] [ multipart
Content-Type: text/plain;charset=utf8
pythonlogging:''
3` + "\r\nlog0\r\n" + `]
test: a.bad
time: 2017-08-16 07:21:59.429341Z
failure: a.bad [
why
]
test: a.skip
time: 2017-08-16 07:21:59.529341Z
skip: a.skip [
no
]
test: a.xfail
time: 2017-08-16 07:22:00.529341Z
xfail: a.xfail
test: a.uxsuccess
time: 2017-08-16 07:22:02.529341Z
uxsuccess: a.uxsuccess
test: process-returncode
time: 2017-08-16 07:22:03.529341Z
failure: process-returncode
test: a.twin[id-2]
time: 2017-08-16 07:22:04.529341Z
failure: a.twin[id-2]
test: a.twin[id-3]
time: 2017-08-16 07:22:05.529341Z
success: a.twin[id-3]
test: a.cut
`
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := decode[createdStream](t, s.Do("POST", "/v1/subunit", stream), 201)
		d := decode[streamData](t, s.Do("GET", "/v1/subunit/"+c.Stream, "", servertest.Admin()), 200)
		if r := d.Run; r.Passes != 3 || r.Fails != 3 || r.Skips != 1 || math.Abs(r.RunTime-6.6) > 1e-9 || r.UUID != c.Stream || r.Artifacts != nil || !strings.HasSuffix(r.RunAt, "Z") {
			t.Errorf("run %+v, want 3 passes, 3 fails, 1 skip in 6.6 s", r)
		}
		if len(d.Tests) != 7 || len(d.TestRuns) != 7 {
			t.Fatalf("%d tests, %d test runs, want 7: %+v", len(d.Tests), len(d.TestRuns), d.Tests)
		}
		first, run := d.Tests[0], d.TestRuns[0]
		if first.TestID != "a.ok" || first.Success != 1 || *first.RunTime != 1.5 || run.TestID != first.ID || run.Status != "success" ||
			*run.StartTime != "2017-08-16 07:21:56" || *run.StartMicros != 929341 || *run.StopTime != "2017-08-16 07:21:58" || *run.StopMicros != 429341 {
			t.Errorf("first test %+v, run %+v", first, run)
		}
		for _, test := range d.Tests {
			switch test.TestID {
			case "a.bad", "a.uxsuccess", "a.cut":
				if test.Failure != 1 || test.RunTime != nil {
					t.Errorf("%+v", test)
				}
			case "a.skip":
				if test.RunCount != 0 {
					t.Errorf("%+v", test)
				}
			case "a.twin":
				if test.Success != 1 {
					t.Errorf("the last of one name counts: %+v", test)
				}
			}
		}
		if m := run.Metadata; m["attrs"] != "id-1,smoke" || m["tags"] != "worker-0" || len(d.TestRuns[1].Metadata) != 1 {
			t.Errorf("metadata %v and %v", m, d.TestRuns[1].Metadata)
		}
		checkAttachment(t, s, d)
		wall := decode[streamData](t, s.Do("GET", "/v1/subunit/"+c.Stream+"?run_time=wall", "", servertest.Admin()), 200)
		if math.Abs(wall.Run.RunTime-8.6) > 1e-9 || wall.Run.Passes != d.Run.Passes {
			t.Errorf("by the clock on the wall: %+v, want 8.6 s", wall.Run)
		}
		decode[any](t, s.Do("GET", "/v1/subunit/"+c.Stream+"?run_time=x", "", servertest.Admin()), 400)
		same := decode[streamData](t, s.Do("GET", "/v1/subunit/"+c.Result, "", servertest.Admin()), 200)
		if same.Run != d.Run {
			t.Errorf("by the result's id: %+v", same.Run)
		}
	})
}

func checkAttachment(t *testing.T, s *servertest.Server, d streamData) {
	t.Helper()
	if len(d.Attachments) == 0 || d.Attachments[0].Label != "pythonlogging" || d.Attachments[0].TestRunID != d.Tests[0].ID {
		t.Fatalf("attachments %+v", d.Attachments)
	}
	path := strings.TrimPrefix(d.Attachments[0].Attachment, s.URL)
	if a := s.Do("GET", path, "", servertest.Admin()); a.Status != 200 || string(a.Body) != "log" {
		t.Errorf("GET %s: %d %q", path, a.Status, a.Body)
	}
	if a := s.Do("GET", path, "", servertest.Admin(), servertest.With("Range", "bytes=1-")); a.Status != 206 || string(a.Body) != "og" {
		t.Errorf("GET a part of %s: %d %q", path, a.Status, a.Body)
	}
	decode[problem](t, s.Do("GET", path, ""), 401)
	base := "/v1/subunit/" + d.Run.UUID + "/attachments/"
	for _, none := range []string{"1/1", "100/0"} {
		decode[problem](t, s.Do("GET", base+none, "", servertest.Admin()), 404)
	}
	for _, bad := range []string{"0/0", "1/-1", "x/0"} {
		decode[problem](t, s.Do("GET", base+bad, "", servertest.Admin()), 400)
	}
}

// TestSubunit_Refusals is what can go wrong with a stream.
func TestSubunit_Refusals(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := decode[createdStream](t, s.Do("POST", "/v1/subunit", "test: a\nsuccess: a\n"), 201)
		bare := post(t, s, onePass)
		decode[any](t, s.Do("POST", "/v1/runs", `{"run_token":"secret-of-the-run"}`, servertest.JSON(), servertest.Admin()), 201)
		runs := decode[struct {
			Runs []struct {
				TestID int64 `json:"test_id"`
			}
		}](t, s.Do("GET", "/v1/runs?limit=1", "", servertest.Admin()), 200)
		guarded := strconv.FormatInt(runs.Runs[0].TestID, 10)
		for _, tt := range []struct {
			name, method, path, body string
			options                  []servertest.Option
			want                     int
		}{
			{"no file", "POST", "", "", nil, 400},
			{"no stream", "POST", "", "hello\n", nil, 400},
			{"a list of passes", "POST", "", onePass, []servertest.Option{servertest.JSON()}, 400},
			{"no pass", "POST", "", "test: a\nfailure: a\n", nil, 400},
			{"no such run", "POST", "?test_id=99999", "test: a\nsuccess: a\n", nil, 404},
			{"a run that is no number", "POST", "?test_id=x", "test: a\nsuccess: a\n", nil, 400},
			{"a run with a secret", "POST", "?test_id=" + guarded, "test: a\nsuccess: a\n", nil, 401},
			{"a wrong secret", "POST", "?run_token=x&test_id=" + guarded, "test: a\nsuccess: a\n", nil, 403},
			{"the secret", "POST", "?run_token=secret-of-the-run&test_id=" + guarded, "test: a\nsuccess: a\n", nil, 201},
			{"the same for the same run", "POST", "?run_token=secret-of-the-run&test_id=" + guarded, "test: a\nsuccess: a\n", nil, 201},
			{"other failures for the same run", "POST", "?run_token=secret-of-the-run&test_id=" + guarded, "test: a\nsuccess: a\ntest: b\nfailure: b\n", nil, 400},
			{"a signature that is none", "POST", "", "test: a\nsuccess: a\n", []servertest.Option{servertest.With("X-Signature", "xyz")}, 400},
			{"read by a stranger", "GET", "/" + c.Stream, "", nil, 401},
			{"read by somebody else", "GET", "/" + c.Stream, "", []servertest.Option{servertest.As(owner(t, s, "other"))}, 403},
			{"no UUID", "GET", "/x", "", []servertest.Option{servertest.Admin()}, 400},
			{"unknown", "GET", "/" + uuid.NewString(), "", []servertest.Option{servertest.Admin()}, 404},
			{"a result without a stream", "GET", "/" + bare, "", []servertest.Option{servertest.Admin()}, 404},
			{"deleted by a stranger", "DELETE", "/" + c.Stream, "", nil, 401},
			{"deleting none", "DELETE", "/" + bare, "", []servertest.Option{servertest.Admin()}, 404},
			{"linked to nothing", "PUT", "/" + uuid.NewString(), "test: a\nsuccess: a\n", nil, 404},
			{"linked with other passes", "PUT", "/" + bare, "test: a\nsuccess: a\n", nil, 400},
			{"linked twice", "PUT", "/" + c.Result, "test: a\nsuccess: a\ntest: b\nfailure: b\n", nil, 400},
		} {
			if a := s.Do(tt.method, "/v1/subunit"+tt.path, tt.body, tt.options...); a.Status != tt.want {
				t.Errorf("%s: %d, want %d\n%.400s", tt.name, a.Status, tt.want, a.Body)
			}
		}
	})
}

// TestLinkSubunit uploads what refstack-client makes of a stream, then the
// stream itself.
func TestLinkSubunit(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me := owner(t, s, "me")
		register(t, s, me, keys()[0])
		list, stream := sample(t, "13_results_refstack_client.json"), sample(t, "14_tempest_like_v1.subunit")
		id := post(t, s, list, signed(t, keys()[0], list))
		body, _ := json.Marshal(map[string]string{"subunit data": stream})

		decode[any](t, s.Do("PUT", "/v1/subunit/"+id, string(body), servertest.JSON()), 401) // private
		type linked struct{ UUID, ID string }
		l := decode[linked](t, s.Do("PUT", "/v1/subunit/"+id, string(body), servertest.JSON(), servertest.As(me)), 200)
		if l.ID != id || l.UUID == "" || l.UUID == id {
			t.Errorf("linked %+v", l)
		}
		again := decode[linked](t, s.Do("PUT", "/v1/subunit/"+id, stream, servertest.As(me)), 200)
		if again != l {
			t.Errorf("the same again: %+v, want %+v", again, l)
		}
		d := decode[streamData](t, s.Do("GET", "/v1/subunit/"+l.UUID, "", servertest.As(me)), 200)
		if d.Run.Passes != 106 || d.Run.Fails != 8 || d.Run.Skips != 6 || len(d.Tests) != 120 {
			t.Errorf("%+v with %d tests, want 106 passes, 8 fails, 6 skips", d.Run, len(d.Tests))
		}
		// Both are attempts of one run.
		attempts := decode[struct {
			Results []struct {
				ResultID string `json:"result_id"`
			}
		}](t, s.Do("GET", "/v1/runs/"+runID(d)+"/results", "", servertest.Admin()), 200)
		if len(attempts.Results) != 2 || attempts.Results[0].ResultID != l.UUID || attempts.Results[1].ResultID != id {
			t.Errorf("attempts %+v", attempts)
		}
		decode[any](t, s.Do("DELETE", "/v1/subunit/"+l.UUID, "", servertest.As(me)), 204)
		decode[any](t, s.Do("GET", "/v1/subunit/"+l.UUID, "", servertest.As(me)), 404)
		if r := decode[result](t, s.Do("GET", "/v1/results/"+id, "", servertest.As(me)), 200); len(r.Results) != 106 {
			t.Errorf("the result has %d passes without its stream", len(r.Results))
		}
		l = decode[linked](t, s.Do("PUT", "/v1/subunit/"+id, stream, servertest.As(me)), 200)
		decode[any](t, s.Do("DELETE", "/v1/results/"+id, "", servertest.As(me)), 204)
		decode[any](t, s.Do("GET", "/v1/subunit/"+l.UUID, "", servertest.Admin()), 404)
		decode[any](t, s.Do("GET", "/v1/runs/"+runID(d)+"/results/"+l.UUID, "", servertest.Admin()), 404)
		// What deletes the run deletes what is said of its results.
		id = post(t, s, onePass)
		decode[any](t, s.Do("DELETE", "/v1/runs/2", "", servertest.Admin()), 204)
		decode[any](t, s.Do("GET", "/v1/results/"+id, ""), 404)
	})
}

func TestCompareResults(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		upload := func(names string) string {
			return post(t, s, `{"cpid":"x","duration_seconds":1,"results":[`+names+`]}`)
		}
		a, b, c := upload(`"t.b","t.a"`), upload(`"t.a","t.z"`), upload(`{"name":"t.c"},"t.b","t.z"`)
		compare := "/v1/results/compare?to=" + url.QueryEscape(a+"|"+b+"|"+c)
		got := s.Do("GET", compare, "")
		decode[any](t, got, 200)
		want := `{"subject":"` + a + `","references":["` + b + `","` + c + `"],"summary":[` +
			`{"id":"` + b + `","both":1,"only_here":1,"missing_here":1},{"id":"` + c + `","both":1,"only_here":1,"missing_here":2}],"tests":[` +
			`{"name":"t.b","values":[0,1]},{"name":"t.a","values":[1,0]},{"name":"t.c","values":[null,-1]},{"name":"t.z","values":[-1,-1]}]}`
		if string(got.Body) != want {
			t.Errorf("got  %s\nwant %s", got.Body, want)
		}
		if same := s.Do("GET", strings.Replace(compare, "compare", "compare.json", 1), ""); string(same.Body) != want {
			t.Errorf("compare.json: %s", same.Body)
		}
		register(t, s, owner(t, s, "me"), keys()[0])
		private := post(t, s, onePass, signed(t, keys()[0], onePass))
		for to, status := range map[string]int{
			"": 400, a: 400, a + "|x": 404, a + "|" + uuid.NewString(): 404, a + "|" + private: 401, strings.Repeat(a+"|", 11) + a: 400,
		} {
			if got := s.Do("GET", "/v1/results/compare?to="+url.QueryEscape(to), ""); got.Status != status {
				t.Errorf("to=%.100s: %d, want %d\n%.300s", to, got.Status, status, got.Body)
			}
		}
		decode[any](t, s.Do("GET", "/v1/results/compare", ""), 400)
	})
}
