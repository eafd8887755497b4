package reports_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// newToken makes a token the KernelCI way and returns its text.
func newToken(t testing.TB, s *servertest.Server, body string) string {
	t.Helper()
	return tokenText(t, post(t, s, 201, "/token", body))
}

// tokenText reads the token's text out of the answer that shows it.
func tokenText(t testing.TB, a servertest.Answer) string {
	t.Helper()
	var in struct{ Result []struct{ Token string } }
	if err := json.Unmarshal(a.Body, &in); err != nil || len(in.Result) != 1 || in.Result[0].Token == "" {
		t.Fatalf("no token in %s", a.Body)
	}
	if a.Header.Get("Cache-Control") != "no-store" || strings.Contains(a.Header.Get("Location"), in.Result[0].Token) {
		t.Errorf("headers of a new token: %v", a.Header)
	}
	return in.Result[0].Token
}

func newLab(t testing.TB, s *servertest.Server, name string) string {
	t.Helper()
	return tokenText(t, post(t, s, 201, "/lab",
		fmt.Sprintf(`{"name":%q,"contact":{"name":"a","surname":"b","email":"c@example.org"}}`, name)))
}

// TestRights walks the table of rights of KernelCI's tokens.
func TestRights(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	lab, other := newLab(t, s, "lab-a"), newLab(t, s, "lab-b")
	boot := `{"lab_name":"lab-a","job":"j","kernel":"k","defconfig":"d","board":"b"}`
	tokens := map[string]string{
		"none": "", "unknown": "0b3c1f2e-0000-4000-8000-000000000000",
		"get": newToken(t, s, `{"email":"e","get":true}`), "post": newToken(t, s, `{"email":"e","post":1}`),
		"delete": newToken(t, s, `{"email":"e","delete":true}`), "upload": newToken(t, s, `{"email":"e","upload":1}`),
		"test_lab": newToken(t, s, `{"email":"e","test_lab":1,"get":1}`), "superuser": newToken(t, s, `{"email":"e","superuser":true}`),
		"admin": newToken(t, s, `{"email":"e","admin":true}`), "lab": lab, "other": other,
	}
	rights := []struct {
		name, method, path, body string
		good                     int
		who                      string // who may; all others get 403
	}{
		{"jobs read", "GET", "/job", "", 200, "get test_lab superuser admin"},
		{"boots read", "GET", "/boot", "", 200, "get test_lab superuser admin"},
		{"tests read", "GET", "/test/case", "", 200, "get test_lab superuser admin"},
		{"jobs write", "POST", "/job", `{"job":"j","kernel":"k"}`, 0, "post superuser admin lab other"},
		{"boots write", "POST", "/boot", boot, 202, "admin lab"},
		{"boots delete", "DELETE", "/boot?kernel=none", "", 200, "delete superuser admin lab other"},
		{"jobs delete", "DELETE", "/job/000000000000000000000000", "", 404, "delete superuser admin"},
		{"labs read", "GET", "/lab", "", 200, "superuser admin"},
		{"labs write", "DELETE", "/lab/000000000000000000000000", "", 404, "admin"},
		{"tokens read", "GET", "/token", "", 200, "superuser admin"},
		{"tokens write", "DELETE", "/token/000000000000000000000000", "", 404, "admin"},
		{"tests write", "POST", "/test/group", `{"name":"g","lab_name":"x","job":"j","kernel":"k"}`, 201, "test_lab superuser admin"},
		{"files write", "PUT", "/upload/a/b.txt", "hello", 0, "upload superuser admin"},
		{"batch", "POST", "/batch", `{"batch":[{"resource":"boot"}]}`, 200, "get test_lab superuser admin"},
	}
	for _, r := range rights {
		for who, token := range tokens {
			options := []servertest.Option{servertest.JSON()}
			if token != "" {
				options = append(options, raw(token))
			}
			a := s.Do(r.method, r.path, r.body, options...)
			switch may := strings.Contains(" "+r.who+" ", " "+who+" "); {
			case !may && a.Status != 403:
				t.Errorf("%s with %s: %d %s, want 403", r.name, who, a.Status, a.Body)
			case may && (a.Status == 403 || r.good != 0 && a.Status != r.good):
				t.Errorf("%s with %s: %d %s, want %d", r.name, who, a.Status, a.Body, r.good)
			}
		}
	}
	// An administrator is told to use the lab's token; the lab is not.
	if a := post(t, s, 202, "/boot", boot, raw(tokens["admin"])); !strings.Contains(string(a.Body), "Use the token of the lab") {
		t.Errorf("POST /boot as admin: %s, want a warning", a.Body)
	}
	if a := post(t, s, 202, "/boot", boot, raw(lab)); strings.Contains(string(a.Body), "errors") {
		t.Errorf("POST /boot as the lab: %s, want no warning", a.Body)
	}
	// One lab cannot delete another lab's reports.
	s.Do("DELETE", "/boot?job=j", "", raw(other))
	id := get(t, s, "/boot").Result[0]["_id"].(map[string]any)["$oid"].(string)
	if a := s.Do("DELETE", "/boot/"+id, "", raw(other)); a.Status != 403 {
		t.Errorf("DELETE of another lab's boot: %d, want 403", a.Status)
	}
	if a := s.Do("DELETE", "/boot/"+id, "", raw(lab)); a.Status != 200 {
		t.Errorf("DELETE of its own boot: %d %s, want 200", a.Status, a.Body)
	}
}

// TestToken_Life follows tokens from POST to DELETE.
func TestToken_Life(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for _, line := range lines(t, "tokens.ndjson") {
			post(t, s, 201, "/token", line)
		}
		if p := get(t, s, "/tokens?username=reader"); p.Count != 1 || fmt.Sprint(p.Result[0]["properties"]) != "[0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0]" {
			t.Fatalf("reader: %v", p)
		}
		if p := get(t, s, "/token?email=su@example.org&field=properties&nfield=_id"); fmt.Sprint(p.Result) != "[map[properties:[0 1 1 1 1 0 0 0 1 0 0 0 0 0 0 0]]]" {
			t.Errorf("superuser: %v", p.Result)
		}
		if p := get(t, s, "/token?expired=true"); p.Count != 1 || p.Result[0]["email"] != "off@example.org" {
			t.Errorf("expired: %v", p.Result)
		}
		if p := get(t, s, "/token?ip_address=198.51.100.0/24"); p.Count != 1 {
			t.Errorf("ip_address: %v", p.Result)
		}
		text := newToken(t, s, `{"email":"x@example.org","get":1,"expires_on":null,"nonsense":1}`)
		if p := get(t, s, "/token?email=x@example.org&token=nothing&token="+text); p.Count != 1 || p.Result[0]["email"] != "x@example.org" || p.Result[0]["token"] == text {
			t.Errorf("its text as a filter: %v", p.Result)
		}
		if p := get(t, s, "/token?token=nothing"); p.Count != 0 {
			t.Errorf("the text of no token: %v", p.Result)
		}
		p := get(t, s, "/token/"+text)
		if p.Result[0]["token"] != text {
			t.Errorf("GET of the text: %v", p.Result)
		}
		id := p.Result[0]["_id"].(map[string]any)["$oid"].(string)
		steps := []struct {
			method, path, body string
			want, works        int
		}{
			{"PUT", "/token/" + id, `{"username":"new"}`, 200, 200},
			{"PUT", "/token/" + id, `{"expired":true}`, 200, 403},
			{"PUT", "/token/" + id, `{"expired":null,"username":"newer"}`, 200, 403},
			{"PUT", "/token/" + id, `{"expired":false}`, 200, 200},
			{"PUT", "/token/" + id, `{"expires_on":"2015-01-01"}`, 200, 403},
			{"PUT", "/token/" + id, `{"expires_on":null}`, 200, 200},
			{"PUT", "/token/" + id, `{"get":"yes"}`, 400, 200},
			{"PUT", "/token/" + id, `{"ip_address":["10.0.0.1"]}`, 400, 200},
			{"PUT", "/token/" + id, `{"ip_restricted":1,"ip_address":["10.0.0.0/8"]}`, 200, 403},
			{"PUT", "/token/" + id, `{"ip_restricted":1,"ip_address":["127.0.0.0/8","::1"]}`, 200, 200},
			{"PUT", "/token/" + id, `{"ip_restricted":0,"ip_address":[]}`, 200, 200},
			{"PUT", "/token/" + id, `{"ip_restricted":1,"ip_address":["::ffff:10.0.0.0/104"]}`, 200, 403},
			{"PUT", "/token/" + id, `{"ip_restricted":1,"ip_address":["::ffff:127.0.0.0/104","::1"]}`, 200, 200},
			{"PUT", "/token/" + id, `{"ip_restricted":1,"ip_address":["10.0.0.1"]}`, 200, 403},
			{"PUT", "/token/" + id, `{"ip_restricted":false}`, 200, 200},
			{"PUT", "/token/" + id, `{"admin":true}`, 200, 200},
			{"PUT", "/token/" + id, `{"admin":false}`, 200, 403},
			{"PUT", "/token/" + id, `{"superuser":true}`, 200, 200},
			{"PUT", "/token/" + id, `{"superuser":false,"get":true,"admin":false}`, 200, 200},
			{"POST", "/token/" + id, `{"email":"a"}`, 400, 200},
			{"PUT", "/token/zzz", `{"get":0}`, 400, 200},
			{"PUT", "/token/" + id, `{"get":0}`, 200, 403},
			{"PUT", "/token/" + id, `{"get":1}`, 200, 200},
			{"DELETE", "/token/" + id, ``, 200, 403},
			{"PUT", "/token/" + id, `{"expired":false}`, 404, 403},
			{"DELETE", "/token/" + id, ``, 404, 403},
		}
		for _, step := range steps {
			a := s.Do(step.method, step.path, step.body, servertest.JSON(), raw(servertest.AdminToken))
			if a.Status != step.want {
				t.Errorf("%s %s: %d %s, want %d", step.method, step.body, a.Status, a.Body, step.want)
			}
			if a := s.Do("GET", "/boot", "", raw(text)); a.Status != step.works {
				t.Fatalf("after %s %s the token gets %d, want %d", step.method, step.body, a.Status, step.works)
			}
		}
		if a := s.Do("GET", "/token/"+text, "", raw(servertest.AdminToken)); a.Status != 404 {
			t.Errorf("GET of a deleted token: %d, want 404", a.Status)
		}
	})
}

// TestToken_Network restricts a token to a network behind a trusted proxy.
func TestToken_Network(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
	})
	text := newToken(t, s, lines(t, "tokens.ndjson")[5])
	for address, want := range map[string]int{"192.0.2.10": 200, "198.51.100.77": 200, "2001:db8::1": 200, "192.0.2.11": 403, "": 403} {
		options := []servertest.Option{raw(text)}
		if address != "" {
			options = append(options, servertest.With("X-Forwarded-For", address))
		}
		if a := s.Do("GET", "/boot", "", options...); a.Status != want {
			t.Errorf("from %q: %d, want %d", address, a.Status, want)
		}
	}
}

// TestLab_Life follows a lab and its token.
func TestLab_Life(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		text := newLab(t, s, "lab-a")
		post(t, s, 400, "/lab", `{"name":"lab-a","contact":{"name":"a","surname":"b","email":"c@example.org"}}`)
		post(t, s, 400, "/lab", `{"name":"lab-x","contact":{"name":"a"}}`)
		attached := newToken(t, s, `{"email":"own@example.org","post":1,"get":1}`)
		post(t, s, 201, "/lab", fmt.Sprintf(`{"name":"lab-b","token":%q,"contact":{"name":"a","surname":"b","email":"c@example.org"}}`, attached))
		report := `{"lab_name":%q,"job":"j","kernel":"k","defconfig":"d","board":"b"}`
		may := func(lab, token string, want int) {
			t.Helper()
			post(t, s, want, "/boot", fmt.Sprintf(report, lab), raw(token))
		}
		may("lab-a", text, 202)
		may("lab-b", text, 403)
		may("lab-b", attached, 202)

		a := get(t, s, "/lab?name=lab-a").Result[0]
		id := a["_id"].(map[string]any)["$oid"].(string)
		put := func(body string, want int) {
			t.Helper()
			if a := s.Do("PUT", "/lab/"+id, body, servertest.JSON(), raw(servertest.AdminToken)); a.Status != want {
				t.Fatalf("PUT %s: %d %s, want %d", body, a.Status, a.Body, want)
			}
		}
		put(`{"name":"lab-b"}`, 400)
		put(`{"contact":{"name":"x"}}`, 400)
		put(`{"contact":{"name":"n","surname":"s","email":"new@example.org"},"private":true}`, 200)
		if p := get(t, s, "/token?email=new@example.org"); p.Count != 1 {
			t.Errorf("the token's address did not change: %v", p)
		}
		put(`{"name":"lab-c"}`, 200)
		may("lab-a", text, 403)
		may("lab-c", text, 202)
		second := newToken(t, s, `{"email":"own@example.org","post":1}`)
		put(fmt.Sprintf(`{"token":%q}`, second), 200)
		may("lab-c", second, 202)
		may("lab-c", text, 403) // the old one expired
		if got := get(t, s, "/lab/"+id).Result[0]["private"]; got != true {
			t.Errorf("private: %v, want true", got)
		}
		b := get(t, s, "/lab?name=lab-b").Result[0]["_id"].(map[string]any)["$oid"].(string)
		if a := s.Do("DELETE", "/lab/"+b, "", raw(servertest.AdminToken)); a.Status != 200 {
			t.Fatalf("DELETE: %d %s", a.Status, a.Body)
		}
		may("lab-b", attached, 403)
		get(t, s, "/boot", raw(attached)) // it was not made for the lab, and stays
	})
}

// TestTokens_Tenants: an administrator of a tenant makes, sees and changes tokens
// of that tenant only, and cannot get beyond it that way.
func TestTokens_Tenants(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	a := s.Do("POST", "/v1/access-tokens", `{"name":"x","roles":["admin"],"tenant":"a"}`, servertest.Admin(), servertest.JSON())
	var out struct{ Token string }
	if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 201 {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	inA := raw(out.Token)
	theirs := newToken(t, s, `{"email":"global@example.org","admin":true}`)
	oid := get(t, s, "/token?email=global@example.org").Result[0]["_id"].(map[string]any)["$oid"].(string)
	made := tokenText(t, post(t, s, 201, "/token", `{"email":"a@example.org","admin":true}`, inA))
	// One that was made the KernelCI way makes no tokens of ours at all.
	for i, who := range []servertest.Option{inA, raw(made)} {
		for _, tt := range []struct {
			method, path, body string
			want               int
		}{
			{"GET", "/token?email=global@example.org", "", 200},
			{"GET", "/token/" + theirs, "", 404},
			{"PUT", "/token/" + oid, `{"expired":true}`, 404},
			{"DELETE", "/token/" + oid, "", 404},
			{"POST", "/lab", `{"name":"l","contact":{"name":"a","surname":"b","email":"c"},"token":"` + oid + `"}`, 400},
			{"POST", "/v1/access-tokens", `{"name":"x","roles":["admin"],"tenant":"b"}`, []int{400, 403}[i]},
		} {
			if a := s.Do(tt.method, tt.path, tt.body, servertest.JSON(), who); a.Status != tt.want || strings.Contains(string(a.Body), `"global@`) {
				t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, a.Status, a.Body, tt.want)
			}
		}
	}
	if n := get(t, s, "/token").Count; n < 3 {
		t.Errorf("who belongs to no tenant sees %d tokens", n)
	}
}

// TestBatch_Rights: a batch answers nothing that a GET would not, and says which
// entry it is about.
func TestBatch_Rights(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	posts, reads := newToken(t, s, `{"email":"e","post":1}`), newToken(t, s, `{"email":"e","get":true}`)
	all := newToken(t, s, `{"email":"e","admin":true}`)
	post(t, s, 202, "/job", `{"job":"hidden-job","kernel":"k"}`)
	for name, tt := range map[string]struct {
		token, batch string
		want         int
		names        string
	}{
		"a token that only posts":           {posts, `[{"resource":"job"}]`, 403, "/batch/0"},
		"a count":                           {posts, `[{"resource":"count"}]`, 403, "/batch/0"},
		"a resource that there is not":      {posts, `[{"resource":"nothing"}]`, 403, "/batch/0"},
		"one that reads":                    {reads, `[{"resource":"job"},{"resource":"count","document":"job"}]`, 200, "hidden-job"},
		"one that reads, labs in it":        {reads, `[{"resource":"job"},{"resource":"lab"}]`, 403, "/batch/1"},
		"one that reads, tokens in it":      {reads, `[{"resource":"job"},{"resource":"boot"},{"resource":"token"}]`, 403, "/batch/2"},
		"an administrator's, labs in it":    {all, `[{"resource":"lab"},{"resource":"token"},{"resource":"job"}]`, 200, "hidden-job"},
		"the names of 2015":                 {posts, `[{"collection":"job","document_id":"000000000000000000000000"}]`, 403, "/batch/0"},
		"the values of a field":             {posts, `[{"resource":"job","distinct":"job"}]`, 403, "/batch/0"},
		"a question that is wrong besides":  {posts, `[{"resource":"job","distinct":"nothing"}]`, 403, "/batch/0"},
		"a token that reads and wrong ones": {reads, `[{"resource":"job","distinct":"nothing"}]`, 400, "/batch/0"},
	} {
		a := s.Do("POST", "/batch", `{"batch":`+tt.batch+`}`, servertest.JSON(), raw(tt.token))
		if a.Status != tt.want || !strings.Contains(string(a.Body), tt.names) || tt.want != 200 && strings.Contains(string(a.Body), "hidden-job") {
			t.Errorf("%s: %d %s, want %d with %s", name, a.Status, a.Body, tt.want, tt.names)
		}
	}
}
