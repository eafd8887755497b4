package clients

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/auth/keystone"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// cloud is a real Keystone, with the projects and users that
// tests/keystone-dev.sh makes.
type cloud struct {
	authURL, service string
}

// realKeystone skips the test where there is none.
func realKeystone(t *testing.T) cloud {
	t.Helper()
	c := cloud{os.Getenv("KEYSTONE_AUTH_URL"), os.Getenv("KEYSTONE_SERVICE_URL")}
	if c.authURL == "" {
		t.Skip(`KEYSTONE_AUTH_URL is not set: eval "$(tests/keystone-dev.sh start)"`)
	}
	return c
}

// login returns a client of Keystone that is logged in as one of the users.
func (c cloud) login(t *testing.T, user, project string) *gophercloud.ProviderClient {
	t.Helper()
	o := gophercloud.AuthOptions{
		IdentityEndpoint: c.authURL, Username: user, Password: os.Getenv("KEYSTONE_USER_PASSWORD"), DomainID: os.Getenv("KEYSTONE_DOMAIN_ID"),
	}
	if project != "" {
		o.Scope = &gophercloud.AuthScope{ProjectName: project, DomainID: o.DomainID}
	}
	return c.authenticate(t, o)
}

func (c cloud) authenticate(t *testing.T, o gophercloud.AuthOptions) *gophercloud.ProviderClient {
	t.Helper()
	p, err := openstack.AuthenticatedClient(t.Context(), o)
	if err != nil {
		t.Fatalf("log in at Keystone: %v", err)
	}
	return p
}

func (c cloud) identity(t *testing.T, p *gophercloud.ProviderClient) *gophercloud.ServiceClient {
	t.Helper()
	s, err := openstack.NewIdentityV3(p, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve starts a server at the address that the catalogue names.
func (c cloud) serve(t *testing.T, change ...func(*keystone.Config)) *servertest.Server {
	t.Helper()
	u, err := url.Parse(c.service)
	if err != nil {
		t.Fatal(err)
	}
	k := keystone.Config{
		AuthURL: c.authURL, Username: os.Getenv("KEYSTONE_VALIDATOR_USER"), Password: os.Getenv("KEYSTONE_VALIDATOR_PASSWORD"),
		Project: os.Getenv("KEYSTONE_VALIDATOR_PROJECT"), CacheSeconds: 1,
	}
	if err := kong.ApplyDefaults(&k); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&k)
	}
	client, err := keystone.New(k)
	if err != nil {
		t.Fatal(err)
	}
	return servertest.At(t, u.Host, servertest.WithAuth(func(a *auth.Config) { a.Keystone = client }))
}

func call(t *testing.T, s *servertest.Server, method, path, token string) servertest.Answer {
	t.Helper()
	return s.Do(method, path, "", servertest.With("X-Auth-Token", token))
}

func wantStatus(t *testing.T, s *servertest.Server, method, path, token string, want int) servertest.Answer {
	t.Helper()
	a := call(t, s, method, path, token)
	if a.Status != want {
		t.Errorf("%s %s: %d, want %d\n%.300s", method, path, a.Status, want, a.Body)
	}
	return a
}

// Tests of this file use one address and one Keystone, so they run one after
// the other.

func TestKeystone_Roles(t *testing.T) {
	c := realKeystone(t)
	s := c.serve(t)
	for user, want := range map[string]map[string]int{
		"lab-reader":   {"GET /v1": 200, "GET /v1/runs": 200, "POST /v1/runs": 403, "GET /v1/audit": 403},
		"lab-runner":   {"GET /v1/runs": 200, "POST /v1/runs": 201, "DELETE /v1/runs/999": 403},
		"lab-owner":    {"GET /v1/runs": 200, "POST /v1/runs": 201},
		"lab-operator": {"POST /v1/runs": 201, "DELETE /v1/runs/999": 404, "GET /v1/audit": 403},
		"lab-admin":    {"GET /v1/audit": 200, "DELETE /v1/runs/999": 404},
		"lab-norole":   {"GET /v1": 200, "GET /v1/runs": 403},
	} {
		token := c.login(t, user, "lab-a").Token()
		for request, status := range want {
			method, path, _ := strings.Cut(request, " ")
			a := wantStatus(t, s, method, path, token, status)
			if strings.Contains(string(a.Body), token) {
				t.Errorf("%s as %s echoes the token", request, user)
			}
		}
	}
	a := wantStatus(t, s, "GET", "/v1/runs", "gAAAAABnonsense", 401)
	if got := a.Header.Values("WWW-Authenticate"); len(got) != 2 || got[0] != `Keystone uri="`+c.authURL+`"` {
		t.Errorf("WWW-Authenticate %q", got)
	}
	unscoped := c.unscoped(t, "lab-admin")
	wantStatus(t, s, "GET", "/v1/runs", unscoped, 403)
	wantStatus(t, s, "GET", "/v1", unscoped, 403)
}

// unscoped logs in without a project, which gophercloud cannot for a user who
// has a default one.
func (c cloud) unscoped(t *testing.T, user string) string {
	t.Helper()
	body := fmt.Sprintf(`{"auth":{"scope":"unscoped","identity":{"methods":["password"],"password":{"user":{"name":%q,"password":%q,"domain":{"id":"default"}}}}}}`,
		user, os.Getenv("KEYSTONE_USER_PASSWORD"))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.authURL+"/auth/tokens", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	token := resp.Header.Get("X-Subject-Token")
	if token == "" {
		t.Fatalf("an unscoped login: %s", resp.Status)
	}
	return token
}

func TestKeystone_Tenants(t *testing.T) {
	c := realKeystone(t)
	s := c.serve(t)
	mine, other := c.login(t, "lab-runner", "lab-a").Token(), c.login(t, "other-runner", "lab-b").Token()
	run := wantStatus(t, s, "POST", "/v1/runs", mine, 201).Header.Get("Location")
	wantStatus(t, s, "GET", run, mine, 200)
	wantStatus(t, s, "GET", run, other, 404)
	if a := wantStatus(t, s, "GET", "/v1/runs", other, 200); strings.Contains(string(a.Body), `"test_id"`) {
		t.Errorf("another project lists the run: %s", a.Body)
	}
}

// TestKeystone_Revoked: a revoked token is refused within the cache time.
func TestKeystone_Revoked(t *testing.T) {
	c := realKeystone(t)
	s := c.serve(t)
	p := c.login(t, "lab-reader", "lab-a")
	token := p.Token()
	wantStatus(t, s, "GET", "/v1/runs", token, 200)
	if err := tokens.Revoke(t.Context(), c.identity(t, p), token).Err; err != nil {
		t.Fatal(err)
	}
	revoked := time.Now()
	await.That(t, "the revoked token is refused", func() bool {
		asked := time.Now()
		if call(t, s, "GET", "/v1/runs", token).Status == 401 {
			return true
		}
		if asked.Sub(revoked) > 3*time.Second { // however long the answer took
			t.Fatal("a revoked token is still good three seconds later; the cache is one second")
		}
		return false
	})
	time.Sleep(1200 * time.Millisecond) // Keystone revokes by whole seconds, also tokens that are made meanwhile
}

// TestKeystone_ApplicationCredential: the access rules of one are kept, and the
// server itself may use one to ask.
func TestKeystone_ApplicationCredential(t *testing.T) {
	c := realKeystone(t)
	p := c.login(t, "lab-admin", "lab-a")
	user, err := p.GetAuthResult().(tokens.CreateResult).ExtractUser()
	if err != nil {
		t.Fatal(err)
	}
	made, err := applicationcredentials.Create(t.Context(), c.identity(t, p), user.ID, applicationcredentials.CreateOpts{
		Name: "rules " + time.Now().Format(time.RFC3339Nano),
		AccessRules: []applicationcredentials.AccessRule{
			{Service: "test-lab", Method: "GET", Path: "/v1/runs"},
			{Service: "test-lab", Method: "POST", Path: "/v1/clouds/**"},
			{Service: "compute", Method: "GET", Path: "/v1/clouds"},
		},
	}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	credential := gophercloud.AuthOptions{IdentityEndpoint: c.authURL, ApplicationCredentialID: made.ID, ApplicationCredentialSecret: made.Secret}
	token := c.authenticate(t, credential).Token()

	s := c.serve(t)
	wantStatus(t, s, "GET", "/v1/runs", token, 200)
	wantStatus(t, s, "GET", "/runs", token, 200) // another name of it
	wantStatus(t, s, "POST", "/v1/runs", token, 401)
	wantStatus(t, s, "GET", "/v1/clouds", token, 401)

	validator := c.authenticate(t, gophercloud.AuthOptions{
		IdentityEndpoint: c.authURL, Username: os.Getenv("KEYSTONE_VALIDATOR_USER"), Password: os.Getenv("KEYSTONE_VALIDATOR_PASSWORD"),
		DomainID: "default", Scope: &gophercloud.AuthScope{ProjectName: os.Getenv("KEYSTONE_VALIDATOR_PROJECT"), DomainID: "default"},
	})
	if user, err = validator.GetAuthResult().(tokens.CreateResult).ExtractUser(); err != nil {
		t.Fatal(err)
	}
	own, err := applicationcredentials.Create(t.Context(), c.identity(t, validator), user.ID,
		applicationcredentials.CreateOpts{Name: "slipway " + time.Now().Format(time.RFC3339Nano)}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	k := keystone.Config{AuthURL: c.authURL, ApplicationCredentialID: own.ID, ApplicationCredentialSecret: own.Secret, CacheSeconds: 1}
	if err := kong.ApplyDefaults(&k); err != nil {
		t.Fatal(err)
	}
	client, err := keystone.New(k)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.Validate(t.Context(), c.login(t, "lab-reader", "lab-a").Token()); err != nil || got.UserName != "lab-reader" {
		t.Errorf("asked with an application credential: %+v, %v", got, err)
	}
}

// TestKeystone_ServiceToken: on Drydock's operations X-Service-Token counts
// first, when it is the token of a service. The one of the account that asks
// Keystone is; its role gives it nothing here.
func TestKeystone_ServiceToken(t *testing.T) {
	c := realKeystone(t)
	s := c.serve(t)
	service := c.authenticate(t, gophercloud.AuthOptions{
		IdentityEndpoint: c.authURL, Username: os.Getenv("KEYSTONE_VALIDATOR_USER"), Password: os.Getenv("KEYSTONE_VALIDATOR_PASSWORD"),
		DomainID: "default", Scope: &gophercloud.AuthScope{ProjectName: os.Getenv("KEYSTONE_VALIDATOR_PROJECT"), DomainID: "default"},
	}).Token()
	admin := c.login(t, "lab-admin", "lab-a").Token()
	for _, tt := range []struct {
		path, service string
		want          int
	}{{"/v1/nodes", service, 403}, {"/v1/nodes", admin, 401}, {"/v1/runs", admin, 200}} {
		a := s.Do("GET", tt.path, "", servertest.With("X-Auth-Token", admin), servertest.With("X-Service-Token", tt.service))
		if a.Status != tt.want {
			t.Errorf("GET %s: %d, want %d", tt.path, a.Status, tt.want)
		}
	}
}

// TestKeystone_AccountWithoutRole: an account that may not validate is the
// server's trouble, not the client's.
func TestKeystone_AccountWithoutRole(t *testing.T) {
	c := realKeystone(t)
	s := c.serve(t, func(k *keystone.Config) {
		k.Username, k.Password, k.Project = "lab-norole", os.Getenv("KEYSTONE_USER_PASSWORD"), "lab-a"
	})
	if a := wantStatus(t, s, "GET", "/v1/runs", c.login(t, "lab-reader", "lab-a").Token(), 503); a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

// TestGophercloud finds version 1 by the catalogue and calls an operation with a
// scoped token.
func TestGophercloud(t *testing.T) {
	c := realKeystone(t)
	c.serve(t)
	p := c.login(t, "lab-runner", "lab-a")
	endpoint, err := p.EndpointLocator(gophercloud.EndpointOpts{Type: "test-lab", Region: "RegionOne", Availability: gophercloud.AvailabilityPublic})
	if err != nil {
		t.Fatalf("the catalogue: %v", err)
	}
	versions, err := utils.GetServiceVersions(t.Context(), p, endpoint, true)
	if err != nil || len(versions) != 1 || versions[0].Major != 1 || versions[0].Minor != 0 {
		t.Errorf("GetServiceVersions(%s): %+v, %v; want 1.0", endpoint, versions, err)
	}
	chooser := &gophercloud.ProviderClient{IdentityBase: endpoint, IdentityEndpoint: endpoint, HTTPClient: p.HTTPClient}
	chosen, base, err := utils.ChooseVersion(t.Context(), chooser, []*utils.Version{{ID: "v1.0", Priority: 10, Suffix: "/v1/"}})
	if err != nil || chosen.ID != "v1.0" {
		t.Fatalf("ChooseVersion: %+v, %v", chosen, err)
	}
	service := &gophercloud.ServiceClient{ProviderClient: p, Endpoint: base, Type: "test-lab"}
	var run struct {
		TestID int64 `json:"test_id"`
	}
	resp, err := service.Post(t.Context(), service.ServiceURL("runs"), map[string]any{}, &run, &gophercloud.RequestOpts{OkCodes: []int{http.StatusCreated}})
	if err != nil || run.TestID == 0 {
		t.Fatalf("POST runs: %+v, %v", run, err)
	}
	_ = resp.Body.Close()
}
