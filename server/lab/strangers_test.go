package lab_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// kernelCIToken makes a token through KernelCI's API.
func kernelCIToken(t *testing.T, s *servertest.Server, path, body string) string {
	t.Helper()
	a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON())
	var made struct{ Result []struct{ Token string } }
	decode(t, a, &made)
	if a.Status != 201 || len(made.Result) != 1 {
		t.Fatalf("POST %s %s: %d %s", path, body, a.Status, a.Body)
	}
	return made.Result[0].Token
}

// Who reports boots has no right over machines, whatever roles the token shows.
func TestKernelCITokens_noMachines(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	ref := storeDesign(t, s, site(t))
	m := register(t, s, n08, 201)
	native := s.Do("POST", "/v1/access-tokens", `{"name":"native","roles":["reader"]}`, servertest.Admin(), servertest.JSON())
	if native.Status != 201 {
		t.Fatalf("a token of ours: %d %s", native.Status, native.Body)
	}
	nativePath := native.Header.Get("Location")
	tokens := map[string]string{
		"the lab's":   kernelCIToken(t, s, "/lab", `{"name":"lab-a","contact":{"name":"a","surname":"b","email":"c@example.org"}}`),
		"admin":       kernelCIToken(t, s, "/token", `{"email":"a@example.org","admin":true}`),
		"superuser":   kernelCIToken(t, s, "/token", `{"email":"native","superuser":true}`),
		"get":         kernelCIToken(t, s, "/token", `{"email":"g@example.org","get":true}`),
		"a boot lab":  kernelCIToken(t, s, "/token", `{"email":"l@example.org","lab":true,"get":true,"post":true}`),
		"a test lab":  kernelCIToken(t, s, "/token", `{"email":"t@example.org","test_lab":true,"upload":true}`),
		"for posting": kernelCIToken(t, s, "/token", `{"email":"p@example.org","post":true,"delete":true}`),
	}
	calls := []struct{ method, path, body string }{
		{"POST", "/v1/machines", n08},
		{"POST", "/v1/machines", `{"macs":["52:54:00:00:00:77"]}`},
		{"GET", "/v1/machines", ""},
		{"PATCH", "/v1/machines/" + m.ID, `{"hold":false}`},
		{"POST", "/v1/machines/" + m.ID + "/key", ""},
		{"DELETE", "/v1/machines/" + m.ID, ""},
		{"GET", "/v1/netboot", ""},
		{"GET", "/v1/nodes/cedar-n08/manifest", ""},
		{"GET", "/v1/nodes", ""},
		{"GET", "/v1/designs", ""},
		{"GET", "/api/v1.0/tasks", ""},
		{"POST", "/api/v1.0/tasks", `{"action":"destroy_nodes","design_ref":"` + ref + `"}`},
		{"POST", "/v1/access-tokens", `{"name":"mine","roles":["admin"]}`},
		{"GET", "/v1/access-tokens", ""},
		{"DELETE", nativePath, ""},
		{"GET", "/v1/audit", ""},
		{"GET", "/v1/products", ""},
		{"GET", "/v1/runs", ""},
	}
	for who, token := range tokens {
		for _, c := range calls {
			if a := s.Do(c.method, c.path, c.body, servertest.As(token), servertest.JSON()); a.Status != 403 {
				t.Errorf("%s %s with the token %s: %d, want 403\n%.300s", c.method, c.path, who, a.Status, a.Body)
			}
		}
	}
	// What it is for goes on.
	boot := `{"lab_name":"lab-a","job":"j","kernel":"k","defconfig":"d","board":"b"}`
	if a := s.Do("POST", "/v1/boot", boot, servertest.As(tokens["the lab's"]), servertest.JSON()); a.Status != 202 {
		t.Errorf("the lab reports a boot: %d %s", a.Status, a.Body)
	}
	if a := s.Do("GET", "/v1/", "", servertest.As(tokens["the lab's"])); a.Status != 200 {
		t.Errorf("the version document: %d %s", a.Status, a.Body)
	}
	// Nor does KernelCI's own resource give a right over tokens of elsewhere.
	if a := s.Do("GET", "/v1/token", "", servertest.As(tokens["admin"])); a.Status != 200 || strings.Contains(string(a.Body), `"username":"native"`) {
		t.Errorf("KernelCI's administrator sees a token of elsewhere: %s", a.Body)
	}
}

// A lab's token of ours does not register either: that is a right of its own.
func TestRegisterMachine_roles(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	for role, want := range map[auth.Role]int{
		auth.Reader: 403, auth.Runner: 403, auth.Lab: 403, auth.Machine: 201, auth.Operator: 200, auth.Admin: 200,
	} {
		if want == 200 {
			continue // below, in order
		}
		if a := s.Do("POST", "/v1/machines", n08, servertest.As(s.Token(role)), servertest.JSON()); a.Status != want {
			t.Errorf("register as %s: %d, want %d\n%s", role, a.Status, want, a.Body)
		}
	}
	for _, role := range []auth.Role{auth.Operator, auth.Admin} {
		if a := s.Do("POST", "/v1/machines", n08, servertest.As(s.Token(role)), servertest.JSON()); a.Status != 200 {
			t.Errorf("register again as %s: %d\n%s", role, a.Status, a.Body)
		}
	}
	token := s.Token(auth.Machine)
	for _, path := range []string{"/v1/machines", "/v1/nodes", "/v1/designs", "/v1/runs", "/v1/access-tokens", "/v1/job"} {
		if a := s.Do("GET", path, "", servertest.As(token)); a.Status != 403 {
			t.Errorf("GET %s as machine: %d, want 403", path, a.Status)
		}
	}
}

// held is what an operator sees of a machine.
type held struct {
	machine

	MACs         []string
	Hold         bool
	HoldReason   string `json:"hold_reason"`
	KeyNumber    int64  `json:"key_number"`
	NewKeyNumber *int64 `json:"new_key_number"`
}

func (m machine) patch(t *testing.T, s *servertest.Server, body string, want int) held {
	t.Helper()
	a := s.Do("PATCH", "/v1/machines/"+m.ID, body, servertest.As(s.Token(auth.Operator)), servertest.JSON())
	if a.Status != want {
		t.Fatalf("PATCH %s: %d, want %d\n%s", body, a.Status, want, a.Body)
	}
	var h held
	_ = json.Unmarshal(a.Body, &h) // a refusal is none
	return h
}

// opens asks for work with a key. 409 says that the key counts and no task has
// named the node yet.
func (m machine) opens(t *testing.T, s *servertest.Server, key string, want int) {
	t.Helper()
	if a := s.Do("GET", "/v1/machines/"+m.ID+"/work", "", servertest.With("X-Machine-Key", key)); a.Status != want {
		t.Errorf("work with the key %.4s…: %d, want %d\n%s", key, a.Status, want, a.Body)
	}
}

// A stranger who knows a MAC address gets another key, which opens nothing until
// an operator confirms it.
func TestRegisterMachine_known(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		m := register(t, s, `{"macs":["52:54:00:00:00:01","52:54:00:00:00:02"],"serial":"A1"}`, 201)
		claim := `{"macs":["52:54:00:00:00:02","52:54:00:00:00:66"],"serial":"EVIL"}`
		stranger := register(t, s, claim, 200)
		if stranger.ID != m.ID || stranger.Key == m.Key || stranger.Key == "" {
			t.Fatalf("a stranger gets %+v for %+v", stranger, m)
		}
		m.opens(t, s, m.Key, 409)
		m.opens(t, s, stranger.Key, 403)
		if a := s.Do("GET", "/v1/machines/"+m.ID, "", servertest.Admin()); strings.Contains(string(a.Body), "EVIL") ||
			strings.Contains(string(a.Body), ":66") || !strings.Contains(string(a.Body), "registered again without its key") {
			t.Errorf("the machine after a stranger came: %s", a.Body)
		}
		register(t, s, claim, 200, servertest.With("X-Machine-Key", stranger.Key)) // the new key proves nothing
		m.patch(t, s, `{"hold":false}`, 409)
		m.patch(t, s, `{"hold":false,"key_number":2}`, 409) // another one came since
		if h := m.patch(t, s, `{"hold":true,"reason":"looking"}`, 200); h.NewKeyNumber == nil || *h.NewKeyNumber != 3 || h.KeyNumber != 1 {
			t.Fatalf("held: %+v", h)
		}
		if h := m.patch(t, s, `{"hold":false,"key_number":1}`, 200); h.Hold || h.NewKeyNumber != nil || h.KeyNumber != 1 {
			t.Errorf("the old key kept: %+v", h)
		}
		m.opens(t, s, m.Key, 409)
		m.opens(t, s, stranger.Key, 403)

		// The machine lost its key and an operator says so.
		again := register(t, s, claim, 200)
		m.patch(t, s, `{"hold":false,"key_number":4}`, 200)
		m.opens(t, s, again.Key, 409)
		m.opens(t, s, m.Key, 403)
		for _, forged := range []string{"4." + m.Key, "1." + m.Key, strings.TrimPrefix(again.Key, "4."), "99." + again.Key[2:], "x." + m.Key} {
			m.opens(t, s, forged, 403)
		}

		// Itself, and an operator, get the key that counts.
		if same := register(t, s, claim, 200, again.key()); same.Key != again.Key {
			t.Errorf("with its key the machine gets %+v", same)
		}
		a := s.Do("POST", "/v1/machines", claim, servertest.As(s.Token(auth.Operator)), servertest.JSON())
		var op held
		decode(t, a, &op)
		if a.Status != 200 || op.Key != again.Key || op.Hold {
			t.Errorf("an operator gets %d %+v", a.Status, op)
		}
	})
}

func TestRotateMachineKey(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	m := register(t, s, n08, 201)
	pending := register(t, s, n08, 200)
	for role, want := range map[auth.Role]int{auth.Machine: 403, auth.Lab: 403, auth.Reader: 403} {
		if a := s.Do("POST", "/v1/machines/"+m.ID+"/key", "", servertest.As(s.Token(role))); a.Status != want {
			t.Errorf("rotate as %s: %d, want %d", role, a.Status, want)
		}
	}
	a := s.Do("POST", "/v1/machines/"+m.ID+"/key", "", servertest.As(s.Token(auth.Operator)))
	var h held
	decode(t, a, &h)
	if a.Status != 200 || h.KeyNumber != 3 || h.NewKeyNumber != nil || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("rotate: %d %v %s", a.Status, a.Header, a.Body)
	}
	m.opens(t, s, m.Key, 403)
	m.opens(t, s, pending.Key, 403)
	m.opens(t, s, h.Key, 409)
	if a := s.Do("POST", "/v1/machines/nope/key", "", servertest.Admin()); a.Status != 404 {
		t.Errorf("rotate the key of nobody: %d", a.Status)
	}
}

// Registrations, manifests and reads of the boot key are in the audit log.
func TestMachines_audit(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, agents)
	m := register(t, s, n08, 201)
	register(t, s, n08, 200)
	m.patch(t, s, `{"hold":false,"key_number":1}`, 200)
	s.Do("POST", "/v1/machines/"+m.ID+"/key", "", servertest.Admin())
	s.Do("GET", "/v1/netboot", "", servertest.Admin())
	s.Work()
	ref := storeDesign(t, s, site(t))
	m = register(t, s, n08, 200, servertest.As(s.Token(auth.Operator)))
	task := createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID
	w := m.poll(t, s)
	for w.Action != "deploy_node" {
		m.report(t, s, w, `{"status":"success"}`, 200)
		w = m.poll(t, s)
	}
	for _, as := range []servertest.Option{servertest.Admin(), m.key()} {
		if a := s.Do("GET", "/v1/nodes/cedar-n08/manifest", "", as); a.Status != 200 {
			t.Fatalf("manifest: %d %s", a.Status, a.Body)
		}
	}
	m.report(t, s, w, `{"status":"failure"}`, 200)
	finished(t, s, task)
	for event, want := range map[string]int{"machine": 5, "boot-key": 1, "manifest": 2} {
		var log struct {
			Entries []struct{ Operation, Decision string }
		}
		a := s.Do("GET", "/v1/audit?event="+event, "", servertest.Admin())
		decode(t, a, &log)
		if len(log.Entries) != want {
			t.Errorf("%s: %s entries, want %d\n%s", event, strconv.Itoa(len(log.Entries)), want, a.Body)
		}
	}
}
