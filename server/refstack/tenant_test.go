package refstack_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
)

// ownerIn makes a token of a tenant that names an owner.
func ownerIn(t *testing.T, s *servertest.Server, tenant, name string, roles ...string) servertest.Option {
	t.Helper()
	text := auth.NewToken(auth.PersonToken)
	row := &store.Token{
		Kind: "u", Name: name, Owner: name, Tenant: tenant, Prefix: auth.DisplayPrefix(text), Hash: s.Auth.Hash(text), Roles: append(store.Strings{"runner"}, roles...),
	}
	if err := s.Store.CreateToken(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	return servertest.As(text)
}

// registers asks for a key under the owner of a login, and returns the answer.
func registers(t *testing.T, s *servertest.Server, as servertest.Option) servertest.Answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"raw_key": publicLine(t, keys()[0]), "self_signature": sign(t, keys()[0], "signature")})
	if err != nil {
		t.Fatal(err)
	}
	return s.Do("POST", "/v1/profile/pubkeys", string(body), servertest.JSON(), as)
}

// TestKeys_Tenants: the same key in two tenants signs for the owner that a token
// names; without one it counts only when it is plain whose it is.
func TestKeys_Tenants(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		annA, annB, ann := ownerIn(t, s, "a", "ann"), ownerIn(t, s, "b", "ann"), ownerIn(t, s, "", "ann")
		bobB := ownerIn(t, s, "b", "bob", "admin")
		web := servertest.As(webToken(t, jwt.SigningMethodRS256, keys()[0], jwt.MapClaims{"user_openid": "ann", "exp": time.Now().Add(time.Hour).Unix()}))
		signature := signed(t, keys()[0], onePass)
		upload := func(status int, options ...servertest.Option) string {
			t.Helper()
			return decode[published](t, s.Do("POST", "/v1/results", onePass, append(options, servertest.JSON(), signature)...), status).TestID
		}
		sees := func(what, id string, want map[string]int) {
			t.Helper()
			for name, as := range map[string]servertest.Option{
				"ann of a": annA, "ann of b": annB, "bob, who administrates b": bobB, "ann": ann, "the key": web, "an administrator": servertest.Admin(), "nobody": func(*http.Request) {},
			} {
				if got := s.Do("GET", "/v1/results/"+id, "", as).Status; got != want[name] {
					t.Errorf("%s sees %s: %d, want %d", name, what, got, want[name])
				}
			}
		}
		upload(401)
		keyA := decode[string](t, registers(t, s, annA), 201)
		keyB := decode[string](t, registers(t, s, annB), 201)
		for _, as := range []servertest.Option{func(*http.Request) {}, web} {
			if a := s.Do("POST", "/v1/results", onePass, as, servertest.JSON(), signature); a.Status != 401 || !strings.Contains(string(a.Body), "several tenants") {
				t.Errorf("a key of two tenants: %d %s", a.Status, a.Body)
			}
		}
		upload(401, ann) // of no tenant, where nobody has registered the key
		sees("what ann of a signed", upload(201, annA), map[string]int{
			"ann of a": 200, "ann of b": 404, "bob, who administrates b": 404, "ann": 404, "the key": 401, "an administrator": 200, "nobody": 404,
		})
		for _, of := range []struct {
			as  servertest.Option
			key string
		}{{annB, keyA}, {annA, keyB}, {ann, keyA}, {bobB, keyA}} {
			decode[any](t, s.Do("DELETE", "/v1/profile/pubkeys/"+of.key, "", of.as), 404)
		}
		decode[any](t, s.Do("DELETE", "/v1/profile/pubkeys/"+keyA, "", annA), 204)
		sees("what the key signed when only b had it", upload(201), map[string]int{
			"ann of a": 404, "ann of b": 200, "bob, who administrates b": 200, "ann": 404, "the key": 200, "an administrator": 200, "nobody": 404,
		})
		decode[string](t, registers(t, s, ann), 201)
		sees("what the key signed when it was known without a tenant", upload(201), map[string]int{
			"ann of a": 403, "ann of b": 403, "bob, who administrates b": 403, "ann": 200, "the key": 200, "an administrator": 200, "nobody": 401,
		})
	})
}

// TestKeys_AtOnce: tenants that register the same key at once both have it; in one
// tenant it is one owner's.
func TestKeys_AtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		var mu sync.Mutex
		made := map[string]int{}
		var all sync.WaitGroup
		for _, tenant := range []string{"", "a", "b"} {
			for _, name := range []string{"ann", "bob", "cid"} {
				as := ownerIn(t, s, tenant, name)
				all.Go(func() {
					a := registers(t, s, as)
					mu.Lock()
					defer mu.Unlock()
					switch a.Status {
					case 201:
						made[tenant]++
					case 409:
					default:
						t.Errorf("%s of %q: %d %s", name, tenant, a.Status, a.Body)
					}
				})
			}
		}
		all.Wait()
		for _, tenant := range []string{"", "a", "b"} {
			if made[tenant] != 1 {
				t.Errorf("%d of the tenant %q have the key, want 1", made[tenant], tenant)
			}
		}
	})
}

// TestPublished_Tenants: a tenant's administrator verifies what is the tenant's, and
// a run of another tenant takes no stream, whoever signed it.
func TestPublished_Tenants(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		adminA, adminB := ownerIn(t, s, "a", "root", "admin"), ownerIn(t, s, "b", "root", "admin")
		ofA := decode[published](t, s.Do("POST", "/v1/results", onePass, adminA, servertest.JSON()), 201).TestID
		ofNone := decode[published](t, s.Do("POST", "/v1/results", onePass, servertest.Admin(), servertest.JSON()), 201).TestID
		for _, id := range []string{ofA, ofNone} {
			by := servertest.Admin()
			if id == ofA {
				by = adminA
			}
			for _, key := range []string{"shared", "guideline", "target"} {
				decode[any](t, s.Do("POST", "/v1/results/"+id+"/meta/"+key, "x", by), 201)
			}
		}
		for _, tt := range []struct {
			name   string
			as     servertest.Option
			id     string
			status int
		}{
			{"of another tenant", adminB, ofA, 404}, {"of no tenant", adminB, ofNone, 403}, {"of no tenant", adminA, ofNone, 403}, {"of its own", adminA, ofA, 201},
			{"of a tenant, by one who sees all", servertest.Admin(), ofA, 201},
		} {
			decode[any](t, s.Do("PUT", "/v1/results/"+tt.id, `{"verification_status":1}`, tt.as, servertest.JSON()), tt.status)
		}

		run := decode[struct {
			TestID json.Number `json:"test_id"`
		}](t, s.Do("POST", "/v1/runs", "{}", adminA, servertest.JSON()), 201).TestID.String()
		const stream = "test: a\nsuccess: a\n"
		post := func(status int, options ...servertest.Option) {
			t.Helper()
			decode[any](t, s.Do("POST", "/v1/subunit?test_id="+run, stream, append(options, servertest.With("Content-Type", "application/octet-stream"))...), status)
		}
		annB := ownerIn(t, s, "b", "ann")
		key := decode[string](t, registers(t, s, annB), 201)
		post(404, adminB)
		post(404, signed(t, keys()[0], stream)) // by ann of b
		post(401)
		post(400, servertest.With("X-Signature", "00"), servertest.With("X-Public-Key", publicLine(t, keys()[0])))
		decode[string](t, registers(t, s, ownerIn(t, s, "a", "ann")), 201)
		post(401, signed(t, keys()[0], stream)) // by ann of a or b
		decode[any](t, s.Do("DELETE", "/v1/profile/pubkeys/"+key, "", annB), 204)
		post(201, signed(t, keys()[0], stream)) // by ann of a
		post(201, adminA)
	})
}
