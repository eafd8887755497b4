package pages_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
	productstore "github.com/slipway-lab/slipway/store/products"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

func init() {
	for path, look := range map[string]step{
		"/ui/nodes":                    {paths: []string{"/ui/nodes", "/ui/nodes?state=deployed", "/ui/nodes?q=nothing"}},
		"/ui/nodes/{host}":             {paths: []string{"/ui/nodes/cedar-n01"}},
		"/ui/machines":                 {paths: []string{"/ui/machines", "/ui/machines?node=nothing"}},
		"/ui/tasks":                    {paths: []string{"/ui/tasks", "/ui/tasks?status=queued", "/ui/tasks?status=running"}},
		"/ui/tasks/{task}":             {paths: []string{"/ui/tasks/{task}"}},
		"/ui/designs":                  {paths: []string{"/ui/designs", "/ui/designs?name=nothing"}},
		"/ui/designs/{design}":         {paths: []string{"/ui/designs/{design}"}},
		"/ui/search":                   {paths: []string{"/ui/search", "/ui/search?q=cedar", "/ui/search?q=%E5%A4%9C", "/ui/search?q=%3Cscript%3E"}, refused: http.StatusOK},
		"/ui/admin":                    {paths: []string{"/ui/admin", "/ui/admin?usable=all&kind=runner"}, role: auth.Admin},
		"/ui/admin/tokens/{token}":     {paths: []string{"/ui/admin/tokens/tok_01M8NYHXTJEYQT0SNAK0AKKT5G"}, post: true},
		"/ui/admin/webhooks":           {paths: []string{"/ui/admin/webhooks"}, role: auth.Admin},
		"/ui/admin/webhooks/{webhook}": {paths: []string{"/ui/admin/webhooks/{webhook}", "/ui/admin/webhooks/{webhook}?state=failed"}, role: auth.Admin},
		"/ui/admin/audit":              {paths: []string{"/ui/admin/audit", "/ui/admin/audit?decision=denied&actor=nobody"}, role: auth.Admin},
		"/ui/admin/retention":          {paths: []string{"/ui/admin/retention"}, role: auth.Admin},
		"/ui/admin/storage":            {paths: []string{"/ui/admin/storage"}, refused: http.StatusOK},
	} {
		walk[path] = look
	}
}

// hooked lets webhooks be made.
func hooked(c *server.Config) { c.Products.WebhookHosts = []string{"hooks.example"} }

// labWorld makes a design, a task that is over and a webhook, and names them.
func labWorld(t *testing.T, s *servertest.Server) []string {
	t.Helper()
	site, err := os.ReadFile("../../lab/testdata/site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	design := decoded(t, s.Do("POST", "/v1/designs?name=cedarlab", string(site), servertest.Admin(), servertest.With("Content-Type", "application/x-yaml")), http.StatusCreated)
	task := deploy(t, s, design["reference"].(string))
	// The server's list of hosts is empty, so that nobody can make one by the API.
	products := productstore.New(s.Store)
	hook := &productstore.Webhook{URL: "https://hooks.example/x", Enabled: true, Secret: []byte("sealed"), CreatedBy: "test"}
	if err := products.InTx(t.Context(), func(tx *productstore.Store) error { return tx.CreateWebhook(t.Context(), hook) }); err != nil {
		t.Fatal(err)
	}
	return []string{"{design}", design["id"].(string), "{task}", task, "{webhook}", hook.ID.String()}
}

func decoded(t *testing.T, a servertest.Answer, want int) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(a.Body, &object); err != nil || a.Status != want {
		t.Fatalf("%d %.1000s %v, want %d", a.Status, a.Body, err, want)
	}
	return object
}

// deploy prepares the nodes of a design and waits for the end.
func deploy(t *testing.T, s *servertest.Server, ref string) string {
	t.Helper()
	made := decoded(t, s.Do("POST", "/v1/tasks", `{"action":"prepare_nodes","design_ref":"`+ref+`"}`, servertest.Admin(), servertest.JSON()), http.StatusCreated)
	id := made["task_id"].(string)
	stop := s.Work()
	defer stop()
	if !await.Until(func() bool {
		return decoded(t, s.Do("GET", "/v1/tasks/"+id, "", servertest.Admin()), http.StatusOK)["status"] == "complete"
	}) {
		t.Fatalf("task %s does not end", id)
	}
	return id
}

// The lab by its pages: what is ordered by a form is a task, who may not order is not
// offered it, and a node's page has the steps that were done with it.
func TestLab_byPages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := strings.NewReplacer(labWorld(t, s)...)
	operator := pagestest.LogIn(t, s.URL, s.Token(auth.Operator))
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	if p := reader.Get("/ui/nodes"); strings.Contains(p.Body, "Queue the task") || !strings.Contains(p.Body, "cedar-n01") {
		t.Errorf("a reader is offered a task, or sees no node:\n%.2000s", p.Body)
	}
	if p := operator.Get("/ui/nodes"); !strings.Contains(p.Body, "Queue the task") || strings.Contains(p.Body, "destroy_nodes") {
		t.Errorf("an operator is not offered a task, or one that he may not order:\n%.2000s", p.Body)
	}
	if p := operator.Get("/ui/nodes/cedar-n01"); strings.Count(p.Body, "/ui/tasks/") < 2 || !strings.Contains(p.Body, "lshw") {
		t.Errorf("the page of a node has no steps or no build data:\n%.3000s", p.Body)
	}
	design := decoded(t, s.Do("GET", names.Replace("/v1/designs/{design}"), "", servertest.Admin()), http.StatusOK)
	form := url.Values{"action": {"deploy_nodes"}, "design": {design["reference"].(string)}, "node": {"cedar-n02", "cedar-n03"}}
	p := operator.Send("/ui/tasks", form)
	if p.Status != http.StatusOK || !strings.HasPrefix(p.URL.Path, "/ui/tasks/") || !strings.Contains(p.Body, "deploy_nodes") || !strings.Contains(p.Body, "Cancel the task") {
		t.Fatalf("POST /ui/tasks: %d at %s\n%.2000s", p.Status, p.URL, p.Body)
	}
	if p := reader.Get(p.URL.Path); strings.Contains(p.Body, "Cancel the task") {
		t.Error("a reader is offered to cancel")
	}
	if p := operator.Send(p.URL.Path, nil); !strings.Contains(p.Body, "cancelled") {
		t.Errorf("cancel: %d\n%.2000s", p.Status, p.Body)
	}
	form.Del("node")
	if p := operator.Send("/ui/tasks", form); p.Status != http.StatusBadRequest {
		t.Errorf("a task for no node: %d, want 400", p.Status)
	}
}

// A node whose commissioning failed has no build data, and still a page, which says so.
func TestLab_failedNode(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	site, err := os.ReadFile("../../lab/testdata/site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	failing := strings.Replace(string(site), "owner_data: {color: red}", "owner_data: {color: red, simulate_fail: configure_hardware}", 1)
	design := decoded(t, s.Do("POST", "/v1/designs?name=cedarlab", failing, servertest.Admin(), servertest.With("Content-Type", "application/x-yaml")), http.StatusCreated)
	deploy(t, s, design["reference"].(string))
	var nodes []struct {
		Hostname string
		Status   string `json:"status_name"`
	}
	if err := json.Unmarshal(s.Do("GET", "/api/v1.0/nodes", "", servertest.Admin()).Body, &nodes); err != nil {
		t.Fatal(err)
	}
	reader, failed := pagestest.LogIn(t, s.URL, s.Token(auth.Reader)), 0
	for _, n := range nodes {
		p := reader.Get("/ui/nodes/" + n.Hostname)
		if p.Status != http.StatusOK || !strings.Contains(p.Body, n.Status) {
			t.Errorf("the page of %s, %s: %d\n%.2000s", n.Hostname, n.Status, p.Status, p.Body)
		}
		if n.Status == "Failed commissioning" {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d of %d nodes failed, want 1", failed, len(nodes))
	}
}

// Tokens and webhooks by their pages: secrets are shown once, and what is revoked is.
func TestAdmin_byPages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	admin := pagestest.LogIn(t, s.URL, s.Token(auth.Admin))
	p := admin.Send("/ui/admin", url.Values{"name": {"夜 <b>ci</b>"}, "role": {"runner", "reader"}, "days": {"30"}})
	if p.Status != http.StatusOK || !strings.Contains(p.Body, `id="secret"`) || !strings.Contains(p.Body, "夜 &lt;b&gt;ci") {
		t.Fatalf("a new token: %d\n%.3000s", p.Status, p.Body)
	}
	pagestest.Check(t, "the new token", p)
	_, rest, _ := strings.Cut(p.Body, `id="secret" tabindex="0">`)
	text, _, _ := strings.Cut(rest, "<")
	if a := s.Do("GET", "/v1/runs", "", servertest.As(text)); a.Status != http.StatusOK {
		t.Errorf("the text of the new token: %d %s", a.Status, a.Body)
	}
	list := decoded(t, s.Do("GET", "/v1/access-tokens?kind=runner", "", servertest.Admin()), http.StatusOK)["access_tokens"].([]any)
	id := list[0].(map[string]any)["id"].(string)
	if p := admin.Get("/ui/admin"); strings.Contains(p.Body, text) || !strings.Contains(p.Body, id) {
		t.Error("the list shows the text of a token, or not the token")
	}
	if p := admin.Send("/ui/admin/tokens/"+id, url.Values{"do": {"rotate"}}); p.Status != http.StatusOK || !strings.Contains(p.Body, "successor") {
		t.Errorf("rotate: %d\n%.2000s", p.Status, p.Body)
	}
	if p := admin.Send("/ui/admin/tokens/"+id, url.Values{"do": {"revoke"}}); !strings.Contains(p.Body, "revoked") {
		t.Errorf("revoke: %d\n%.2000s", p.Status, p.Body)
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.As(text)); a.Status != http.StatusUnauthorized {
		t.Errorf("the revoked token: %d", a.Status)
	}
	if p := admin.Send("/ui/admin", url.Values{"name": {"none"}}); p.Status != http.StatusBadRequest {
		t.Errorf("a token without roles: %d", p.Status)
	}
	for field, bad := range map[string]string{"new_failures": "-4", "url": "https://elsewhere.example/<x>"} {
		form := url.Values{"url": {"https://hooks.example/ui"}, "description": {"<typed>"}, "events": {"comparison"}}
		form.Set(field, bad)
		if p := admin.Send("/ui/admin/webhooks", form); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, `value="&lt;typed&gt;"`) || !strings.Contains(p.Body, `value="`+html.EscapeString(bad)+`"`) || !strings.Contains(p.Body, "note err") {
			t.Errorf("%s %q: %d, and what was typed is lost:\n%.3000s", field, bad, p.Status, p.Body)
		}
	}
	p = admin.Send("/ui/admin/webhooks", url.Values{"url": {"https://hooks.example/ui"}, "events": {"comparison, run.result"}, "new_failures": {"1"}})
	if p.Status != http.StatusOK || !strings.Contains(p.Body, "whsec_") {
		t.Fatalf("a new webhook: %d\n%.3000s", p.Status, p.Body)
	}
	pagestest.Check(t, "the new webhook", p)
	p = admin.Send("/ui/admin/retention", url.Values{"do": {"set"}, "class": {"boots"}, "days": {"90"}, "job": {"夜 <b>"}, "revision": {"0"}})
	if p.Status != http.StatusOK || !strings.Contains(p.Body, "夜 &lt;b&gt;") || !strings.Contains(p.Body, "90 days") {
		t.Errorf("a rule: %d\n%.3000s", p.Status, p.Body)
	}
	if p = admin.Send("/ui/admin/retention", url.Values{"do": {"set"}, "class": {"raw"}, "revision": {"0"}}); p.Status != http.StatusConflict {
		t.Errorf("a rule over one that the form has not seen: %d, want 409", p.Status)
	}
	if p = admin.Send("/ui/admin/retention", url.Values{"do": {"dry"}}); p.Status != http.StatusOK || !strings.Contains(p.Body, "would remove nothing") {
		t.Errorf("a dry run: %d\n%.3000s", p.Status, p.Body)
	}
}

// Search by its page: an exact name leads to its page, a part lists what has it.
func TestSearch_byPage(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	for q, want := range map[string]string{"cedar-n01": "/ui/nodes/cedar-n01", names.Replace("{task}"): names.Replace("/ui/tasks/{task}"), "run:" + names.Replace("{run}"): names.Replace("/ui/runs/{run}")} {
		if p := reader.Head("/ui/search?q=" + url.QueryEscape(q)); p.Header.Get("Location") != want {
			t.Errorf("search for %s leads to %q, want %q", q, p.Header.Get("Location"), want)
		}
	}
	p := reader.Get("/ui/search?q=" + url.QueryEscape("C.t"))
	if !strings.Contains(p.Body, "a.<wbr>b.<wbr>C.<wbr>two") {
		t.Errorf("a part of a test's name finds nothing:\n%.3000s", p.Body)
	}
	if p := reader.Get("/ui/search?q=cedar&as=csv"); p.Status != http.StatusOK || !strings.Contains(p.Body, "Nodes,cedar-n02") {
		t.Errorf("as CSV: %d %.500s", p.Status, p.Body)
	}
}

// A machine is held with a reason, which others can read, and takes work again.
func TestMachines_byPages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	made := decoded(t, s.Do("POST", "/v1/machines", `{"macs":["52:54:00:ce:da:77"],"serial":"<b>A1</b>"}`, servertest.Admin(), servertest.JSON()), http.StatusCreated)
	id := made["id"].(string)
	operator, reader := pagestest.LogIn(t, s.URL, s.Token(auth.Operator)), pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	wants(t, reader, "/ui/machines", id, "52:54:00:ce:da:77", "&lt;b&gt;A1&lt;", "!Hold…")
	wants(t, operator, "/ui/machines", "Hold…")
	if p := operator.Send("/ui/machines", url.Values{"do": {"hold"}, "machine": {id}, "reason": {" "}}); p.Status != http.StatusBadRequest {
		t.Errorf("held without a reason: %d, want 400", p.Status)
	}
	if p := operator.Send("/ui/machines", url.Values{"do": {"hold"}, "machine": {id}, "reason": {"lent until Friday"}}); !strings.Contains(p.Body, "lent until Friday") || !strings.Contains(p.Body, "> held<") && !strings.Contains(p.Body, ">held<") {
		t.Errorf("held: %d\n%.4000s", p.Status, p.Body)
	}
	if p := reader.Send("/ui/machines", url.Values{"do": {"release"}, "machine": {id}}); p.Status != http.StatusForbidden {
		t.Errorf("a reader releases: %d, want 403", p.Status)
	}
	if p := operator.Send("/ui/machines", url.Values{"do": {"release"}, "machine": {id}}); !strings.Contains(p.Body, "takes work again") {
		t.Errorf("released: %d", p.Status)
	}
	if csv := reader.Get("/ui/machines?as=csv"); !strings.Contains(csv.Body, id+",") {
		t.Errorf("CSV: %s", csv.Body)
	}
}

// Who may keeps a run whatever the rules say, from its page, and lets them count again.
func TestKeeps_byPages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	run := names.Replace("/ui/runs/{run}")
	operator, reader := pagestest.LogIn(t, s.URL, s.Token(auth.Operator)), pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	wants(t, reader, run, "!Keep it whatever")
	wants(t, operator, run, "Keep it whatever")
	form := url.Values{"do": {"keep"}, "set": {names.Replace("run:{run}")}, "reason": {"shipped as <b>2.4</b>"}, "until": {"2099-12-31"}, "back": {run}}
	if p := operator.Send("/ui/keeps", form); p.URL.Path != run || !strings.Contains(p.Body, "shipped as &lt;b&gt;2.4") || !strings.Contains(p.Body, "Let the rules count again") {
		t.Errorf("kept: %d at %s\n%.3000s", p.Status, p.URL, p.Body)
	}
	if p := reader.Send("/ui/keeps", form); p.Status != http.StatusForbidden {
		t.Errorf("a reader keeps: %d, want 403", p.Status)
	}
	for _, bad := range [][2]string{{"reason", ""}, {"until", "soon"}, {"until", "2001-01-01"}, {"until", time.Now().UTC().Format(time.DateOnly)}, {"set", "run:999"}} {
		wrong := url.Values{"do": {"keep"}, "set": form["set"], "reason": {"x"}}
		wrong.Set(bad[0], bad[1])
		if p := operator.Send("/ui/keeps", wrong); p.Status != http.StatusBadRequest && p.Status != http.StatusNotFound {
			t.Errorf("%s %q: %d, want 400 or 404", bad[0], bad[1], p.Status)
		}
	}
	var keeps struct {
		Keeps []struct{ ID string }
	}
	if err := json.Unmarshal(s.Do("GET", "/v1/retention/keeps", "", servertest.Admin()).Body, &keeps); err != nil || len(keeps.Keeps) != 1 {
		t.Fatalf("keeps: %v %v", keeps, err)
	}
	if p := operator.Send("/ui/keeps", url.Values{"do": {"release"}, "keep": {keeps.Keeps[0].ID}, "back": {run}}); !strings.Contains(p.Body, "Keep it whatever") {
		t.Errorf("released: %d\n%.3000s", p.Status, p.Body)
	}
}
