package results_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// runOfTenant makes a run with the credential of a runner of a tenant.
func runOfTenant(t *testing.T, s *servertest.Server, tenant, body string) string {
	t.Helper()
	a := s.Do("POST", "/v1/runs", body, servertest.JSON(), servertest.As(s.TokenOf(tenant, auth.Runner)))
	var run struct {
		TestID int64 `json:"test_id"`
	}
	if err := json.Unmarshal(a.Body, &run); err != nil || a.Status != 201 {
		t.Fatalf("POST /v1/runs: %d %s", a.Status, a.Body)
	}
	return strconv.FormatInt(run.TestID, 10)
}

// TestTenantRun: a stranger reports to the run of a tenant with its run_token only.
// Whoever has a credential of that tenant needs none, and to other tenants the run
// does not exist.
func TestTenantRun(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		plain, guarded, open := runOfTenant(t, s, "blue", ""), runOfTenant(t, s, "blue", `{"run_token":"correct-horse"}`), newRun(t, s, "")
		blue, red := s.TokenOf("blue", auth.Runner), s.TokenOf("red", auth.Runner)
		for _, call := range []struct{ method, path, body string }{
			{"GET", "/v1/get-miniconf?test_id=%s", ""},
			{"GET", "/v1/get-testcases?test_id=%s", ""},
			{"POST", "/v1/update-test-status?test_id=%s", "status=x"},
			{"POST", "/v1/post-result?test_id=%s", "file=test: a%0Asuccess: a%0A"},
			{"POST", "/v1/subunit?test_id=%s", "file=test: a%0Asuccess: a%0A"},
		} {
			for _, tt := range []struct {
				name, run, query, token string
				want                    int // 0: it succeeds
			}{
				{"a run of a tenant, nobody", plain, "", "", 401},
				{"a run of a tenant, nobody with some run_token", plain, "&run_token=correct-horse", "", 401},
				{"a run of a tenant, its tenant", plain, "", blue, 0},
				{"a run of a tenant, another tenant", plain, "", red, 400},
				{"a run with a secret, nobody", guarded, "", "", 401},
				{"a run with a secret, nobody with a wrong one", guarded, "&run_token=wrong-horse", "", 403},
				{"a run with a secret, nobody with it", guarded, "&run_token=correct-horse", "", 0},
				{"a run of no tenant, nobody", open, "", "", 0},
			} {
				if strings.Contains(call.path, "subunit") && tt.want == 400 {
					tt.want = 404
				}
				options := []servertest.Option{servertest.With("Content-Type", formType)}
				if tt.token != "" {
					options = append(options, servertest.As(tt.token))
				}
				a := s.Do(call.method, fmt.Sprintf(call.path, tt.run)+tt.query, call.body, options...)
				if tt.want == 0 && a.Status >= 300 || tt.want != 0 && a.Status != tt.want {
					t.Errorf("%s %s, %s: %d, want %d\n%.200s", call.method, call.path, tt.name, a.Status, tt.want, a.Body)
				}
			}
		}
	})
}

// TestTenantRun_BeforeTheBody: what the address or a header shows already is refused
// before anything of the body has come.
func TestTenantRun_BeforeTheBody(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	plain, guarded := runOfTenant(t, s, "blue", ""), runOfTenant(t, s, "blue", `{"run_token":"correct-horse"}`)
	for _, tt := range []struct {
		name, path, header string
		want               int
	}{
		{"no secret that could come", "/v1/post-result?test_id=" + plain, "Content-Type: multipart/form-data; boundary=b", 401},
		{"a body that holds no secret", "/v1/post-result?test_id=" + guarded, "Content-Type: application/octet-stream", 401},
		{"a wrong secret in the query", "/v1/post-result?run_token=wrong-horse&test_id=" + guarded, "Content-Type: application/json", 403},
		{"a wrong secret as a Bearer", "/v1/post-result?test_id=" + guarded, "Authorization: Bearer wrong-horse", 403},
		{"the run in the path", "/v1/update-test-status/" + plain, "Content-Type: application/json", 401},
		{"RefStack's later API", "/v1/subunit?run_token=wrong-horse&test_id=" + guarded, "Content-Type: application/json", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(await.Limit))
			_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: lab\r\n%s\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", tt.path, tt.header)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("%d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
}

// TestRunToken_Guesses: as many guesses as may fail are compared, however many come
// at once and wherever they bring the secret.
func TestRunToken_Guesses(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
		c.Edge.Ratelimit.FailedLogins = 3
	})
	guarded := newRun(t, s, `{"run_token":"correct-horse"}`)
	const crowd = 24
	got := make(chan int, crowd)
	for i := range crowd {
		go func() {
			from := servertest.With("X-Forwarded-For", "192.0.2.9")
			guess := fmt.Sprintf("run_token=guess-%08d", i)
			path, body := "/v1/update-test-status/"+guarded, "status=x&"+guess
			if i%2 == 0 {
				path, body = path+"?"+guess, "status=x"
			}
			got <- s.Do("POST", path, body, servertest.With("Content-Type", formType), from).Status
		}()
	}
	count := map[int]int{}
	for range crowd {
		count[<-got]++
	}
	if count[403] != 3 || count[429] != crowd-3 {
		t.Errorf("%d guesses at once: %v; want 3 times 403, else 429", crowd, count)
	}
	right := "/v1/get-miniconf?run_token=correct-horse&test_id=" + guarded
	if a := s.Do("GET", right, "", servertest.With("X-Forwarded-For", "192.0.2.9")); a.Status != 429 {
		t.Errorf("the right secret from there: %d, want 429", a.Status)
	}
	if a := s.Do("GET", right, "", servertest.With("X-Forwarded-For", "192.0.2.8")); a.Status != 200 {
		t.Errorf("the right secret from elsewhere: %d, want 200", a.Status)
	}
}

// TestMiniconf_Secrets: what a cloud marks secret is sealed at rest, shown to
// operators, and goes to runners with a credential only. What is withheld is gone
// from every layer.
func TestMiniconf_Secrets(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		const cloud = `{"label":"c","endpoint":"http://198.51.100.7/v2.0","admin_endpoint":"http://198.51.100.7/v2.0","test_user":"demo","admin_user":"root",
			"secret_options":["network.public_id","ADMIN_username"],
			"extra_config":{"compute":{"Image_SSH_Password":"hush-1","flavor_ref":"2"},"network":{"public_id":"hush-2","other_id":"seen"},
				"identity":{"admin_password":"hush-3","monkey":"seen"},"auth":{"api-token":"hush-4"}}}`
		a := s.Do("POST", "/v1/clouds", cloud, servertest.JSON(), servertest.As(s.Token(auth.Operator)))
		var made struct{ ID int64 }
		if err := json.Unmarshal(a.Body, &made); err != nil || a.Status != 201 || strings.Count(string(a.Body), "hush-") != 4 {
			t.Fatalf("POST /v1/clouds: %d %s", a.Status, a.Body)
		}
		row, err := resultstore.New(s.Store).Cloud(t.Context(), store.Everything, made.ID)
		if err != nil || bytes.Contains(slices.Concat(row.ExtraConfig, row.SecretOptions, row.Secrets), []byte("hush-")) {
			t.Errorf("at rest: %s, %v", row.ExtraConfig, err)
		}

		path := fmt.Sprintf("/v1/clouds/%d", made.ID)
		for role, hidden := range map[auth.Role]bool{auth.Reader: true, auth.Runner: true, auth.Lab: true, auth.Operator: false, auth.Admin: false} {
			for _, p := range []string{path, "/v1/clouds"} {
				a := s.Do("GET", p, "", servertest.As(s.Token(role)))
				if got := strings.Count(string(a.Body), "hush-"); a.Status != 200 || hidden && (got != 0 || strings.Count(string(a.Body), `"********"`) != 4) || !hidden && got != 4 {
					t.Errorf("GET %s as %s: %d %s", p, role, a.Status, a.Body)
				}
			}
		}
		// Stars that come back change nothing; a star for what is not stored is no value.
		patch := func(body string, want int) servertest.Answer {
			t.Helper()
			a := s.Do("PATCH", path, body, servertest.JSON(), servertest.Admin())
			if a.Status != want {
				t.Errorf("PATCH %s: %d, want %d\n%s", body, a.Status, want, a.Body)
			}
			return a
		}
		patch(`{"extra_config":{"compute":{"Image_SSH_Password":"********","flavor_ref":"3"},"network":{"public_id":"********","other_id":"seen"},
			"identity":{"admin_password":"********","monkey":"seen"},"auth":{"api-token":"********"}}}`, 200)
		if a := patch(`{"extra_config":{"x":{"new_key":"********"}}}`, 400); !strings.Contains(string(a.Body), "/extra_config/x/new_key") {
			t.Errorf("stars for nothing: %s", a.Body)
		}
		patch(`{"secret_options":[" "]}`, 400)

		run := newRun(t, s, fmt.Sprintf(`{"cloud_id":%d,"run_token":"correct-horse"}`, made.ID))
		conf := func(options ...servertest.Option) map[string]map[string]string {
			a := s.Do("GET", "/v1/get-miniconf?run_token=correct-horse&test_id="+run, "", options...)
			var got map[string]map[string]string
			if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != 200 {
				t.Fatalf("get-miniconf: %d %s", a.Status, a.Body)
			}
			return got
		}
		got := conf(servertest.As(s.Token(auth.Runner)))
		if got["compute"]["Image_SSH_Password"] != "hush-1" || got["compute"]["image_ssh_password"] != "password" || got["network"]["public_id"] != "hush-2" || got["identity"]["admin_password"] != "hush-3" {
			t.Errorf("with a credential: %v", got)
		}
		got = conf()
		want := map[string]map[string]string{
			"compute": {"image_ssh_user": "root", "image_alt_ssh_user": "root", "image_alt_ssh_password": "password", "flavor_ref": "3"},
			"cli":     {"enabled": "False"}, "network": {"other_id": "seen"},
			"identity": {"uri": "http://198.51.100.7/v2.0", "username": "demo", "alt_username": "demo", "monkey": "seen"},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("without a credential:\n%v\nwant\n%v", got, want)
		}
	}, func(c *server.Config) {
		c.Results.TempestConfig = map[string]map[string]string{"network": {"public_id": "the server's"}, "auth": {"api-token": "the server's"}}
	})
}

// zipped is the text in gzip.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestAnonymousUpload_Limits: what comes without a credential may be of a certain
// size, also when it is decompressed, not much larger than what was sent, and
// compressed once. A credential, or the secret of the run, lifts that.
func TestAnonymousUpload_Limits(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		guarded := newRun(t, s, `{"run_token":"correct-horse"}`)
		pass := "test: a\nsuccess: a\n"
		large := pass + strings.Repeat("#", 3<<20)
		many := pass + strings.Repeat(rand.Text()+"\n", 120_000) // which compresses well, but not that well
		encoded := servertest.With("Content-Encoding", "gzip")
		token := servertest.As(s.Token(auth.Runner))
		const path = "/v1/post-result"
		for _, tt := range []struct {
			name, path, body, says string
			options                []servertest.Option
			want                   int
		}{
			{"small", path, pass, "", nil, 201},
			{"small, in gzip", path, zipped(t, pass), "", nil, 201},
			{"small, sent in gzip", path, zipped(t, pass), "", []servertest.Option{encoded}, 201},
			{"compressed twice", path, zipped(t, zipped(t, pass)), "compressed once", []servertest.Option{encoded}, 415},
			{"a bomb", path, zipped(t, large), "100 times", nil, 413},
			{"small, in xz", path, xzOf(t, pass), "", nil, 201},
			{"a bomb in xz", path, xzOf(t, large), "100 times", nil, 413},
			{"a bomb that is sent in gzip", path, zipped(t, large), "100 times", []servertest.Option{encoded}, 413},
			{"too large", path, large, "--max-anonymous-upload", nil, 413},
			{"too large, decompressed", path, zipped(t, many), "", nil, 413},
			{"too large, with a token", path, large, "", []servertest.Option{token}, 201},
			{"a bomb, with a token", path, zipped(t, large), "", []servertest.Option{token}, 201},
			{"too large, with the secret of the run", path + "?run_token=correct-horse&test_id=" + guarded, large, "", nil, 201},
			{"RefStack's later API", "/v1/subunit", zipped(t, large), "100 times", nil, 413},
			{"RefStack's later API, in time", "/v1/subunit", pass, "", nil, 201},
		} {
			a := s.Do("POST", tt.path, tt.body, append(tt.options, servertest.With("Content-Type", "application/octet-stream"))...)
			if a.Status != tt.want || !strings.Contains(string(a.Body), tt.says) {
				t.Errorf("%s: %d, want %d %s\n%.300s", tt.name, a.Status, tt.want, tt.says, a.Body)
			}
		}
	}, func(c *server.Config) { c.Uploads.Anonymous = 2 << 20 })
}

// TestAnonymousUpload_Total: all uploads without a credential together have a limit,
// which a second server on the same store keeps as well, and failed ones count.
func TestAnonymousUpload_Total(t *testing.T) {
	t.Parallel()

	storetest.EachDirect(t, func(t *testing.T, db *store.Store) {
		small := func(c *server.Config) { c.Uploads.AnonymousTotal = 3000 }
		s := servertest.On(t, db, small)
		post := func(s *servertest.Server, path, mark string, want int, options ...servertest.Option) {
			t.Helper()
			body := "test: " + mark + "\nsuccess: " + mark + "\n" + strings.Repeat("#", 1000)
			a := s.Do("POST", path, body, append(options, servertest.With("Content-Type", "application/octet-stream"))...)
			if a.Status != want || want == 507 && (a.Header.Get("Retry-After") == "" || !strings.Contains(string(a.Body), "--max-anonymous-total")) {
				t.Errorf("upload %s: %d, want %d\n%.300s", mark, a.Status, want, a.Body)
			}
		}
		post(s, "/v1/post-result", "a", 201)
		post(s, "/v1/post-result?test_id=99", "b", 400) // whose bytes lie on the disk for a while
		post(s, "/v1/post-result", "c", 507)
		post(s, "/v1/post-result", "d", 201, servertest.As(s.Token(auth.Runner)))
		other := servertest.On(t, db, small)
		post(other, "/v1/post-result", "e", 201)
		post(other, "/v1/subunit", "f", 507)
	})
}

// TestAnonymousUpload_TotalOfServers: a server hears soon of what another one has taken.
func TestAnonymousUpload_TotalOfServers(t *testing.T) {
	t.Parallel()

	storetest.EachDirect(t, func(t *testing.T, db *store.Store) {
		start, seconds := time.Now(), atomic.Int64{}
		small := func(c *server.Config) {
			c.Uploads.AnonymousTotal = 3000
			c.Now = func() time.Time { return start.Add(time.Duration(seconds.Load()) * time.Second) }
		}
		one, other := servertest.On(t, db, small), servertest.On(t, db, small)
		for i, tt := range []struct {
			server *servertest.Server
			want   int
		}{{one, 201}, {other, 201}, {one, 507}, {other, 507}} {
			if i == 2 {
				seconds.Add(1)
			}
			body := fmt.Sprintf("test: t%d\nsuccess: t%d\n%01000d", i, i, i)
			if a := tt.server.Do("POST", "/v1/post-result", body, servertest.With("Content-Type", "application/octet-stream")); a.Status != tt.want {
				t.Errorf("upload %d: %d, want %d\n%.300s", i, a.Status, tt.want, a.Body)
			}
		}
	})
}

// TestAnonymousUpload_Retention: the runs that uploads without a credential made are
// removed when they are old, and the event log says so. What somebody made, or
// uploaded with a credential, stays.
func TestAnonymousUpload_Retention(t *testing.T) {
	t.Parallel()

	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		var days atomic.Int64
		cfg.Now = func() time.Time { return time.Now().AddDate(0, 0, int(days.Load())) }
		db := storetest.Open(t, cfg)
		s := servertest.On(t, db)
		post := func(path string, options ...servertest.Option) string {
			t.Helper()
			a := s.Do("POST", path, "test: a\nsuccess: a\n", append(options, servertest.With("Content-Type", "application/octet-stream"))...)
			var saved struct {
				TestID int64 `json:"test_id"`
			}
			if err := json.Unmarshal(a.Body, &saved); err != nil || a.Status != 201 {
				t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
			}
			return fmt.Sprint(saved.TestID)
		}
		nobodys := post("/v1/post-result")
		joined := post("/v1/post-result")
		somebodys := post("/v1/post-result", servertest.As(s.Token(auth.Runner)))
		made := newRun(t, s, "")
		post("/v1/post-result?test_id=" + made)
		a := s.Do("POST", "/v1/post-result?test_id="+joined, "test: b\nfailure: b\n", servertest.As(s.Token(auth.Runner)), servertest.With("Content-Type", "application/octet-stream"))
		if a.Status != 201 {
			t.Fatalf("another attempt: %d %s", a.Status, a.Body)
		}
		days.Store(20)
		young := post("/v1/post-result")

		days.Store(31)
		s = servertest.On(t, db) // which looks when it starts
		await.That(t, "the removal of the old run", func() bool {
			return s.Do("GET", "/v1/runs/"+nobodys, "", servertest.Admin()).Status == 404
		})
		for name, run := range map[string]string{"somebody's run": somebodys, "a run that somebody made": made, "a run to which somebody uploaded": joined, "a young run": young} {
			if a := s.Do("GET", "/v1/runs/"+run, "", servertest.Admin()); a.Status != 200 {
				t.Errorf("%s: %d", name, a.Status)
			}
		}
		a = s.Do("GET", "/v1/events", "", servertest.Admin())
		if got := strings.Count(string(a.Body), `"UPLOAD_EXPIRED"`); got != 1 || !strings.Contains(string(a.Body), `"test_id":`+nobodys) {
			t.Errorf("the event log: %d %s", a.Status, a.Body)
		}
	})
}
