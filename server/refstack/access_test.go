package refstack_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/ssh"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestSigned follows an upload that was signed with Go's own crypto: whose it
// is, who sees it, and what changes when it is shared.
func TestSigned(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me, other := owner(t, s, "me"), owner(t, s, "other")
		register(t, s, me, keys()[0])
		id := post(t, s, onePass, signed(t, keys()[0], onePass))
		path := "/v1/results/" + id

		for _, tt := range []struct {
			name    string
			options []servertest.Option
			want    int
			role    string
		}{
			{"a stranger", nil, 401, ""},
			{"somebody else", []servertest.Option{servertest.As(other)}, 403, ""},
			{"the owner", []servertest.Option{servertest.As(me)}, 200, "owner"},
			{"an administrator", []servertest.Option{servertest.Admin()}, 200, "foundation"},
		} {
			a := s.Do("GET", path, "", tt.options...)
			if a.Status != tt.want {
				t.Fatalf("%s: %d, want %d\n%s", tt.name, a.Status, tt.want, a.Body)
			}
			if tt.want != 200 {
				continue
			}
			r := decode[result](t, a, 200)
			if r.UserRole != tt.role || r.CPID == nil || *r.CPID != "abc" || r.Meta["user"] != "me" {
				t.Errorf("%s: %+v", tt.name, r)
			}
		}
		if n := len(decode[page](t, s.Do("GET", "/v1/results", "", servertest.As(other)), 200).Results); n != 0 {
			t.Errorf("somebody else's list has %d results", n)
		}
		if list := decode[page](t, s.Do("GET", "/v1/results?signed=", "", servertest.As(me)), 200); len(list.Results) != 1 || list.Results[0].Meta["user"] != "me" || *list.Results[0].CPID != "abc" {
			t.Errorf("the owner's list: %+v", list)
		}
		// The run's side keeps the same secret, in lists as well.
		for token, want := range map[string]int{me: 1, other: 0} {
			list := decode[struct{ Results []any }](t, s.Do("GET", "/v1/runs/1/results", "", servertest.As(token)), 200)
			run := decode[struct {
				CurrentResult any `json:"current_result"`
			}](t, s.Do("GET", "/v1/runs/1", "", servertest.As(token)), 200)
			found := decode[struct {
				TestResults []any `json:"test_results"`
			}](t, s.Do("GET", "/v1/test-results", "", servertest.As(token)), 200)
			if len(list.Results) != want || (run.CurrentResult != nil) != (want == 1) || len(found.TestResults) != want {
				t.Errorf("the run's side shows %v, %v and %v, want %d", list, run, found, want)
			}
		}
		for _, part := range []string{"", "/raw", "/tests", "/tests/0"} {
			run := "/v1/runs/1/results/" + id + part
			decode[any](t, s.Do("GET", run, "", servertest.As(other)), 403)
			for _, option := range []servertest.Option{servertest.As(me), servertest.Admin()} {
				if a := s.Do("GET", run, "", option); a.Status != 200 {
					t.Errorf("GET %s: %d, want 200", run, a.Status)
				}
			}
		}
		decode[any](t, s.Do("POST", path+"/meta/shared", "true", servertest.As(other)), 403)
		decode[any](t, s.Do("POST", path+"/meta/shared", "true", servertest.As(me)), 201)
		if r := decode[result](t, s.Do("GET", path, ""), 200); r.UserRole != "user" || r.CPID != nil || len(r.Meta) != 1 {
			t.Errorf("shared, a stranger sees %+v", r)
		}
		if list := decode[page](t, s.Do("GET", "/v1/results", ""), 200); len(list.Results) != 1 || list.Results[0].Meta["user"] != "" {
			t.Errorf("shared, a stranger's list: %+v", list)
		}
		decode[any](t, s.Do("DELETE", path+"/meta/shared", "", servertest.As(me)), 204)
		decode[any](t, s.Do("GET", path, ""), 401)
		decode[any](t, s.Do("DELETE", path, "", servertest.As(me)), 204)
		if p := decode[problem](t, s.Do("GET", path, "", servertest.As(me)), 404); p.Title != "Test result "+id+" not found" {
			t.Errorf("after DELETE: %+v", p)
		}
	})
}

// TestSignature_Refusals is every error of a signed upload.
func TestSignature_Refusals(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		register(t, s, owner(t, s, "me"), keys()[0])
		good, line := sign(t, keys()[0], onePass), publicLine(t, keys()[0])
		tests := []struct {
			name, signature, key string
			status               int
			title, detail        string
		}{
			{"no hexadecimal digits", "xyz", line, 400, "Malformed signature", "Malformed signature"},
			{"an odd number of them", good[1:], line, 400, "Malformed signature", "Malformed signature"},
			{"no key", good, "", 400, "Malformed public key", "Malformed public key"},
			{"a key that is none", good, "ssh-rsa AAAA", 400, "Malformed public key", "Malformed public key"},
			{"a key of another kind", good, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", 400, "Malformed public key", "Malformed public key"},
			{"a key of 1023 bits", good, weakKey(t), 400, "Malformed public key", "Malformed public key"},
			{"no signature", "", line, 400, "Signature verification failed", "Signature verification failed"},
			{"of other bytes", sign(t, keys()[0], onePass+" "), line, 400, "Signature verification failed", "Signature verification failed"},
			{"with another key", sign(t, keys()[1], onePass), line, 400, "Signature verification failed", "Signature verification failed"},
			{"nobody's key", sign(t, keys()[1], onePass), publicLine(t, keys()[1]), 401, "Unauthorized",
				"User with specified key not found. Please log into the RefStack server to upload your key."},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				options := []servertest.Option{servertest.JSON()}
				if tt.signature != "" {
					options = append(options, servertest.With("X-Signature", tt.signature))
				}
				if tt.key != "" {
					options = append(options, servertest.With("X-Public-Key", tt.key))
				}
				p := decode[problem](t, s.Do("POST", "/v1/results/", onePass, options...), tt.status)
				if p.Title != tt.title || p.Detail != tt.detail || p.Code != tt.status {
					t.Errorf("%+v, want %q, %q", p, tt.title, tt.detail)
				}
			})
		}
	})
}

// TestOpenSSHKey registers a key that ssh-keygen made and signs with it, with
// the comment and the line end of the file as they are.
func TestOpenSSHKey(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	for _, format := range []string{"RFC4716", "PEM"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "key")
			if out, err := exec.Command(program, "-q", "-t", "rsa", "-b", "3072", "-N", "", "-m", format, "-C", "me and my host", "-f", file).CombinedOutput(); err != nil {
				t.Fatalf("ssh-keygen: %v\n%s", err, out)
			}
			private, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := ssh.ParseRawPrivateKey(private)
			if err != nil {
				t.Fatal(err)
			}
			line, err := os.ReadFile(file + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			checkOpenSSHKey(t, parsed.(*rsa.PrivateKey), string(line))
		})
	}
}

func checkOpenSSHKey(t *testing.T, key *rsa.PrivateKey, line string) {
	t.Helper()
	s := servertest.New(t)
	me := owner(t, s, "me")
	body, err := json.Marshal(map[string]string{"raw_key": line, "self_signature": sign(t, key, "signature")})
	if err != nil {
		t.Fatal(err)
	}
	id := decode[string](t, s.Do("POST", "/v1/profile/pubkeys/", string(body), servertest.JSON(), servertest.As(me)), 201)
	list := decode[[]map[string]string](t, s.Do("GET", "/v1/profile/pubkeys", "", servertest.As(me)), 200)
	if len(list) != 1 || list[0]["id"] != id || list[0]["comment"] != "me and my host" || list[0]["openid"] != "me" || !strings.Contains(line, list[0]["pubkey"]) {
		t.Errorf("keys %+v", list)
	}
	result := post(t, s, onePass, servertest.With("X-Signature", sign(t, key, onePass)), servertest.With("X-Public-Key", strings.TrimSpace(line)))
	decode[any](t, s.Do("GET", "/v1/results/"+result, ""), 401)
	decode[any](t, s.Do("GET", "/v1/results/"+result, "", servertest.As(me)), 200)
}

// TestPublicKeys is what can go wrong with the registration of keys.
func TestPublicKeys(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me, other := owner(t, s, "me"), owner(t, s, "other")
		id := register(t, s, me, keys()[0])
		line, good := publicLine(t, keys()[1]), sign(t, keys()[1], "signature")
		body := func(key, signature string) string {
			text, _ := json.Marshal(map[string]string{"raw_key": key, "self_signature": signature})
			return string(text)
		}
		for _, tt := range []struct {
			name, body string
			options    []servertest.Option
			status     int
			title      string
		}{
			{"nobody", body(line, good), nil, 401, "Unauthorized"},
			{"a token without an owner", body(line, good), []servertest.Option{servertest.As(owner(t, s, ""))}, 403, "Forbidden"},
			{"no JSON", "{", []servertest.Option{servertest.As(me)}, 400, "Malformed request"},
			{"a list", "[]", []servertest.Option{servertest.As(me)}, 400, "Request doesnt correspond to schema"},
			{"no signature", `{"raw_key":"ssh-rsa AAAA"}`, []servertest.Option{servertest.As(me)}, 400, "Request doesnt correspond to schema"},
			{"an unknown member", `{"raw_key":"ssh-rsa AAAA","self_signature":"00","x":1}`, []servertest.Option{servertest.As(me)}, 400, "Request doesnt correspond to schema"},
			{"a key of another kind", body("ssh-ed25519 AAAA", good), []servertest.Option{servertest.As(me)}, 400, "Public key has unsupported format"},
			{"an empty key", body("", good), []servertest.Option{servertest.As(me)}, 400, "Public key has unsupported format"},
			{"a key that is none", body("ssh-rsa AAAA", good), []servertest.Option{servertest.As(me)}, 400, "Malformed public key"},
			{"a signature that is none", body(line, "zz"), []servertest.Option{servertest.As(me)}, 400, "Malformed signature"},
			{"a signature of something else", body(line, sign(t, keys()[1], "Signature")), []servertest.Option{servertest.As(me)}, 400, "Signature verification failed"},
			{"a key that is known, under another comment", body(publicLine(t, keys()[0])+" x", sign(t, keys()[0], "signature")), []servertest.Option{servertest.As(other)}, 409, "Public key already exists."},
			{"too long", body(line+strings.Repeat(" ", 70_000), good), []servertest.Option{servertest.As(me)}, 413, "Request Entity Too Large"},
		} {
			p := decode[problem](t, s.Do("POST", "/v1/profile/pubkeys", tt.body, append(tt.options, servertest.JSON())...), tt.status)
			if p.Title != tt.title {
				t.Errorf("%s: %+v, want %q", tt.name, p, tt.title)
			}
		}
		decode[any](t, s.Do("DELETE", "/v1/profile/pubkeys/"+id, "", servertest.As(other)), 404)
		decode[any](t, s.Do("DELETE", "/v1/profile/pubkeys/"+id, "", servertest.As(me)), 204)
		decode[any](t, s.Do("DELETE", "/v1/profile/pubkeys/"+id, "", servertest.As(me)), 404)
		if list := decode[[]any](t, s.Do("GET", "/v1/profile/pubkeys", "", servertest.As(me)), 200); len(list) != 0 {
			t.Errorf("keys after DELETE: %v", list)
		}
		decode[any](t, s.Do("GET", "/v1/profile/pubkeys", ""), 401)
	})
}

func webToken(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPublicKey_Weak: a key that could be broken is not registered any more.
func TestPublicKey_Weak(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	for _, bits := range []int{1024, 1536, 2040} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]string{"raw_key": publicLine(t, key), "self_signature": sign(t, key, "signature")})
		if err != nil {
			t.Fatal(err)
		}
		a := s.Do("POST", "/v1/profile/pubkeys", string(body), servertest.JSON(), servertest.As(owner(t, s, "me")))
		if a.Status != 400 || !strings.Contains(string(a.Body), "2048") {
			t.Errorf("a key of %d bits: %d %s, want 400 that says how many", bits, a.Status, a.Body)
		}
	}
	register(t, s, owner(t, s, "me"), keys()[0])
}

// TestWebToken is the login by a token that the user has signed.
func TestWebToken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		register(t, s, owner(t, s, "me"), keys()[0])
		id := post(t, s, onePass, signed(t, keys()[0], onePass))
		in := func(d time.Duration) int64 { return now.Add(d).Unix() }
		none := jwt.UnsafeAllowNoneSignatureType
		for _, tt := range []struct {
			name  string
			token string
			want  int
		}{
			{"good", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": in(time.Hour)}), 200},
			{"expired 20 s ago", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": in(-20 * time.Second)}), 200},
			{"expired a minute ago", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": in(-time.Minute)}), 401},
			{"for ever", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me"}), 401},
			{"nobody", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"exp": in(time.Hour)}), 401},
			{"another owner", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "you", "exp": in(time.Hour)}), 401},
			{"another key", webToken(t, jwt.SigningMethodRS256, keys()[1], jwt.MapClaims{"user_openid": "me", "exp": in(time.Hour)}), 401},
			{"another algorithm", webToken(t, jwt.SigningMethodRS512, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": in(time.Hour)}), 401},
			{"the public key as a secret", webToken(t, jwt.SigningMethodHS256, []byte(publicLine(t, keys()[0])), jwt.MapClaims{"user_openid": "me", "exp": in(time.Hour)}), 401},
			{"no signature", webToken(t, jwt.SigningMethodNone, none, jwt.MapClaims{"user_openid": "me", "exp": in(time.Hour)}), 401},
			{"nonsense", "a.b.c", 401},
			{"a whole day", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "iat": in(0), "exp": in(24 * time.Hour)}), 200},
			{"two days", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": in(48 * time.Hour)}), 401},
			{"two days, as it says", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "iat": in(-47 * time.Hour), "exp": in(time.Hour)}), 401},
			{"made in the future", webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "iat": in(47 * time.Hour), "exp": in(48 * time.Hour)}), 401},
		} {
			if a := s.Do("GET", "/v1/results/"+id, "", servertest.As(tt.token)); a.Status != tt.want {
				t.Errorf("%s: %d, want %d\n%s", tt.name, a.Status, tt.want, a.Body)
			}
			// A bad token is no better on what everybody may see.
			if a := s.Do("GET", "/v1/results", "", servertest.As(tt.token)); a.Status != tt.want {
				t.Errorf("%s, the list: %d, want %d", tt.name, a.Status, tt.want)
			}
		}
		good := webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": in(time.Hour)})
		if list := decode[[]any](t, s.Do("GET", "/v1/profile/pubkeys", "", servertest.As(good)), 200); len(list) != 1 {
			t.Errorf("keys by web token: %v", list)
		}
		who := decode[profile](t, s.Do("GET", "/v1/profile", "", servertest.As(good)), 200)
		if want := (profile{OpenID: "me", FullName: "me"}); who != want {
			t.Errorf("profile by web token: %+v, want %+v", who, want)
		}
		const stream = "test: a\nsuccess: a [ multipart\nContent-Type: text/plain\nlog\n3\r\nyes0\r\n]\n"
		c := decode[createdStream](t, s.Do("POST", "/v1/subunit", stream, signed(t, keys()[0], stream)), 201)
		d := decode[streamData](t, s.Do("GET", "/v1/subunit/"+c.Stream, "", servertest.As(good)), 200)
		link := strings.TrimPrefix(d.Attachments[0].Attachment, s.URL)
		if a := s.Do("GET", link, "", servertest.As(good)); a.Status != 200 || string(a.Body) != "yes" {
			t.Errorf("an attachment by web token: %d %s", a.Status, a.Body)
		}
		decode[any](t, s.Do("GET", link, "", servertest.As(owner(t, s, "you"))), 403)
		decode[any](t, s.Do("GET", "/v1/runs", "", servertest.As(good)), 401) // RefStack's later API only
		decode[any](t, s.Do("DELETE", "/v1/results/"+id, "", servertest.As(good)), 204)
	}, func(c *server.Config) { c.Now = func() time.Time { return now } })
}

type profile struct {
	OpenID   string
	Email    string
	FullName string
	IsAdmin  bool `json:"is_admin"`
}

func TestProfile(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	if got, want := decode[profile](t, s.Do("GET", "/v1/profile", "", servertest.As(owner(t, s, "me"))), 200), (profile{OpenID: "me", FullName: "me"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := decode[profile](t, s.Do("GET", "/v1/profile", "", servertest.Admin()), 200); !got.IsAdmin {
		t.Errorf("the administrator's: %+v", got)
	}
	decode[problem](t, s.Do("GET", "/v1/profile", ""), 401)
}

// TestSignature_compressed takes a signature of the bytes before they were
// compressed, or after, and of no others.
func TestSignature_compressed(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	register(t, s, owner(t, s, "me"), keys()[0])
	body, gz := zipped(t, onePass), servertest.With("Content-Encoding", "gzip")
	post(t, s, body, gz, signed(t, keys()[0], onePass))
	post(t, s, body, gz, signed(t, keys()[0], body))
	decode[problem](t, s.Do("POST", "/v1/results", body, gz, signed(t, keys()[0], onePass+" ")), 400)
	decode[problem](t, s.Do("POST", "/v1/results", onePass, signed(t, keys()[0], body)), 400)
}

// weakKey is the line of a key that is too short to be worth a signature.
func weakKey(t *testing.T) string {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), 1022)
	k, err := ssh.NewPublicKey(&rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// TestClosed is a server that takes no anonymous uploads: a signature with a
// registered key still is a login.
func TestClosed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me := owner(t, s, "me")
		register(t, s, me, keys()[0])
		decode[any](t, s.Do("POST", "/v1/results/", onePass, servertest.JSON()), 401)
		decode[any](t, s.Do("GET", "/v1/results/", ""), 401)
		decode[any](t, s.Do("POST", "/v1/subunit/", sample(t, "14_tempest_like_v1.subunit")), 401)
		decode[any](t, s.Do("POST", "/v1/results/", onePass, servertest.JSON(), signed(t, keys()[1], onePass)), 401)

		id := post(t, s, onePass, signed(t, keys()[0], onePass))
		decode[any](t, s.Do("GET", "/v1/results/"+id, ""), 401)
		decode[any](t, s.Do("GET", "/v1/results/"+id, "", servertest.As(me)), 200)
		token := webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "me", "exp": time.Now().Add(time.Hour).Unix()})
		decode[any](t, s.Do("GET", "/v1/results/"+id, "", servertest.As(token)), 200)
		post(t, s, onePass, servertest.As(s.Token(auth.Runner)))
		decode[any](t, s.Do("POST", "/v1/results/", onePass, servertest.JSON(), servertest.As(s.Token(auth.Reader))), 403)
	}, closed)
}
