package server_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest"
)

// TestTenants walks every operation of the document with two tenants that have an
// object of every kind, under the same keys. Neither sees, changes, counts or guesses
// what is the other's: its lists are as they were before the other came, and with the
// other's ids every answer is the one for ids that nobody has.
func TestTenants(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		b := newWorld(t, s, "bison")
		alone := b.readOut()
		a := newWorld(t, s, "zebra")
		compare(t, "what the first tenant reads, before and after the second came", alone, b.readOut())
		before := a.readOut()
		b.checkWorld(a)
		for _, op := range operations(t) {
			b.visit(a, op)
		}
		compare(t, "what a tenant reads, before and after another one tried everything", before, a.readOut())

		for _, c := range callers(s, b.tenant) {
			for _, op := range operations(t) {
				c.tell(t, a, op)
			}
		}
		compare(t, "what a tenant reads, before and after others tried everything in every role", before, a.readOut())
	}, ownHooks)
}

// TestTenants_None: what belongs to no tenant is read by all, and changed by nobody
// who has one; it takes nothing from the tenants that have the same keys.
func TestTenants_None(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		b := newWorld(t, s, "bison")
		before := b.readOut()
		none := newWorld(t, s, "")
		after := b.readOut()
		for id, v := range visits {
			if v.more { // it has no keys, so both are shown
				delete(after, id)
				delete(before, id)
			}
		}
		compare(t, "what a tenant reads, before and after the same keys came for no tenant", before, after)
		read := none.readOut()
		for _, op := range operations(t) {
			b.visitNone(none, op)
		}
		compare(t, "what belongs to no tenant, before and after a tenant tried to change it", read, none.readOut())
	}, ownHooks)
}

// ownHooks lets webhooks be made; they are never called, because they are disabled.
func ownHooks(c *server.Config) { c.Products.WebhookHosts = []string{"ci.example.com"} }

// operation is one of the document.
type operation struct {
	id, area, method, path string
	permission             auth.Permission
}

// operations are those of the document, in an order in which what reads comes first
// and what deletes last. Each has a row in visits: one that is new fails the test.
func operations(t testing.TB) []operation {
	t.Helper()
	doc, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	var list []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if _, ok := visits[op.OperationID]; !ok {
				t.Errorf("%s has no row in the table of this test: what does a tenant see of another's there?", op.OperationID)
				continue
			}
			list = append(list, operation{op.OperationID, text(op, "x-area"), method, path, auth.Permission(text(op, "x-permission"))})
		}
	}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	slices.SortFunc(list, func(a, b operation) int {
		if n := slices.Index(methods, a.method) - slices.Index(methods, b.method); n != 0 {
			return n
		}
		return strings.Compare(a.id, b.id)
	})
	return list
}

func text(op *openapi3.Operation, extension string) string {
	s, _ := op.Extensions[extension].(string)
	return s
}

// call sends the request of an operation with the ids of a world.
func (op operation) call(w *world, options ...servertest.Option) servertest.Answer {
	w.t.Helper()
	v := visits[op.id]
	path := w.fill(op.id, op.path)
	if v.query != "" {
		path += "?" + w.fill(op.id, v.query)
	}
	media := v.media
	if media == "" {
		media = "application/json"
	}
	if v.body != "" {
		options = append(options, servertest.With("Content-Type", media))
	}
	if v.lease {
		options = append(options, servertest.With("Lease-Token", w.fill(op.id, "{lease}")))
	}
	return w.s.Do(op.method, path, w.fill(op.id, v.body), options...)
}

// read is what the world's own tenant reads, without what every look changes.
func (w *world) read(op operation) string {
	w.t.Helper()
	a := op.call(w, w.as)
	body := emptyHour.ReplaceAllString(string(a.Body), "")
	return string(rune('0'+a.Status/100)) + "xx " + volatile.ReplaceAllString(body, "$1:…")
}

// emptyHour is an hour of the activity in which nothing happened: which ones are told
// changes while the test runs.
var emptyHour = regexp.MustCompile(`,?\{"hour":"[^"]*","results":0,"tests":0,"counts":\{[^1-9]*\},"damaged":0,"comparisons":0,"new_failures":0\}`)

var volatile = regexp.MustCompile(`("request_id"|"last_used_at"|"last_used_from"|"x_request_id"): *("[^"]*"|null)`)

// readOut is everything that the world's own tenant reads.
func (w *world) readOut() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, op := range operations(w.t) {
		if v := visits[op.id]; op.method == "GET" && (v.kind == hidden || v.kind == own) {
			all[op.id] = w.read(op)
		}
	}
	return all
}

func compare(t *testing.T, what string, before, after map[string]string) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if before[id] != after[id] {
			t.Errorf("%s: %s:\n%.2000s\nand\n%.2000s", what, id, before[id], after[id])
		}
	}
}

// checkWorld keeps the test from being about nothing: whoever has an object reads it,
// and so does an administrator of no tenant, except what is SPI's.
func (w *world) checkWorld(other *world) {
	w.t.Helper()
	for _, op := range operations(w.t) {
		v := visits[op.id]
		if op.method != "GET" || v.kind != hidden || v.nothing {
			continue
		}
		for _, owner := range []*world{w, other} {
			if a := op.call(owner, owner.as); a.Status != 200 {
				w.t.Errorf("%s %s of %s by its tenant: %d %.300s", op.id, op.path, owner.tenant, a.Status, a.Body)
			}
			if a := op.call(owner, servertest.Admin()); a.Status != 200 && op.area != "products" {
				w.t.Errorf("%s %s of %s by an administrator of no tenant: %d %.300s", op.id, op.path, owner.tenant, a.Status, a.Body)
			}
		}
	}
}

// visit calls an operation as the tenant w, with what is other's.
func (w *world) visit(other *world, op operation) {
	w.t.Helper()
	v := visits[op.id]
	switch v.kind {
	case hidden:
		a := w.compareWithNobody(other, op, w.as)
		want := v.status
		if want == 0 {
			want = 404
		}
		if a.Status != want {
			w.t.Errorf("%s with another tenant's ids: %d, want %d\n%.500s", op.id, a.Status, want, a.Body)
		}
	case own:
		a := op.call(w, w.as)
		if a.Status >= 500 && a.Status != 501 || v.status != 0 && a.Status != v.status {
			w.t.Errorf("%s: %d, want %d\n%.500s", op.id, a.Status, v.status, a.Body)
		}
		other.checkUnsaid(op, a, op.method+" "+w.fill(op.id, op.path+v.query+v.body))
	case metal:
		a := op.call(w, w.as)
		if a.Status != 403 || !strings.Contains(string(a.Body), "--lab-tenants") {
			w.t.Errorf("%s for a tenant that is not one of the lab: %d %.300s", op.id, a.Status, a.Body)
		}
	case keyed:
		other.checkUnsaid(op, op.call(w, w.as), "")
	case logged:
		w.checkAudit(op)
	}
}

// checkAudit looks for callers of other tenants in the audit log. What the own ones
// did may hold ids of another tenant, because they asked for them.
func (w *world) checkAudit(op operation) {
	w.t.Helper()
	var page struct {
		Entries []struct{ Actor struct{ Tenant string } }
	}
	a := op.call(w, w.as)
	if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 || len(page.Entries) == 0 {
		w.t.Errorf("%s: %d, %v, %d entries", op.id, a.Status, err, len(page.Entries))
	}
	for _, e := range page.Entries {
		if e.Actor.Tenant != w.tenant {
			w.t.Errorf("%s for %s tells of a caller of %q", op.id, w.tenant, e.Actor.Tenant)
			return
		}
	}
}

// compareWithNobody calls an operation with what is other's and once more with ids
// that nobody has, and wants the same answer.
func (w *world) compareWithNobody(other *world, op operation, as ...servertest.Option) servertest.Answer {
	w.t.Helper()
	nobody := other.nobody()
	a, missing := op.call(other, as...), op.call(nobody, as...)
	if got, want := withoutIDs(a.Body, nobody, other), withoutIDs(missing.Body, nobody, other); a.Status != missing.Status || got != want {
		w.t.Errorf("%s with another tenant's ids: %d %s\nbut with ids that nobody has: %d %s", op.id, a.Status, got, missing.Status, want)
	}
	other.checkUnsaid(op, a, op.method+" "+other.fill(op.id, op.path+visits[op.id].query+visits[op.id].body))
	return a
}

// checkUnsaid looks for what is the world's in an answer; sent is what the caller
// said himself.
func (w *world) checkUnsaid(op operation, a servertest.Answer, sent string) {
	w.t.Helper()
	for name, value := range w.names {
		telling := (len(value) > 10 || name == "tenant" && value != "") && !strings.Contains(sent, value)
		if telling && strings.Contains(string(a.Body), value) {
			w.t.Errorf("%s tells %s of %s, %s: %d\n%.2000s", op.id, name, w.tenant, value, a.Status, a.Body)
		}
	}
}

// caller is somebody who has no right to see what is another tenant's.
type caller struct {
	name string
	as   []servertest.Option
	anon bool
}

// callers are those of a tenant in every role, those of no tenant in the roles that
// do not see all, and nobody.
func callers(s *servertest.Server, tenant string) []caller {
	var list []caller
	roles := auth.Roles()
	if storetest.Race {
		roles = []auth.Role{auth.Lab, auth.Admin} // which is slow enough
	}
	for _, role := range roles {
		list = append(list, caller{name: string(role) + " of " + tenant, as: []servertest.Option{servertest.As(s.TokenOf(tenant, role))}})
		if role != auth.Operator && role != auth.Admin {
			list = append(list, caller{name: string(role) + " of no tenant", as: []servertest.Option{servertest.As(s.Token(role))}})
		}
	}
	return append(list, caller{name: "nobody", anon: true})
}

// tell is what the caller learns of a world by an operation: nothing. A runner
// without a credential is asked for a run's secret, when there is such a run.
func (c caller) tell(t *testing.T, w *world, op operation) {
	if visits[op.id].kind != hidden {
		return
	}
	t.Run(op.id+" "+c.name, func(t *testing.T) {
		of := *w
		of.t = t
		if runs := op.permission == auth.CallAsRunner || op.id == "createSubunit"; c.anon && runs {
			if a := op.call(&of); a.Status != 401 {
				t.Errorf("with another tenant's ids: %d %.300s, want 401", a.Status, a.Body)
			}
			return
		}
		of.compareWithNobody(&of, op, c.as...)
	})
}

// visitNone calls an operation as the tenant w, with what belongs to no tenant. The
// answer says why it is refused, except where KernelCI's words for every 403 stand.
func (w *world) visitNone(none *world, op operation) {
	w.t.Helper()
	v := visits[op.id]
	if v.kind != hidden || v.nothing || op.area == "access" || op.area == "products" || op.id == "createRun" {
		return // tokens, products and agents are their tenant's alone; a run may be of anybody's cloud
	}
	a := op.call(none, w.as)
	switch {
	case op.method == "GET":
		if a.Status != 200 && !v.private {
			w.t.Errorf("%s of what belongs to no tenant: %d %.300s", op.id, a.Status, a.Body)
		}
	case a.Status == 200 && op.id == "runBatch": // it reads
	case a.Status != 403 && !v.elsewhere || a.Status < 400:
		w.t.Errorf("%s of what belongs to no tenant: %d %.300s, want 403", op.id, a.Status, a.Body)
	case op.area != "reports" && !v.private && !v.elsewhere && !strings.Contains(string(a.Body), "no tenant"):
		w.t.Errorf("%s of what belongs to no tenant does not say so: %s", op.id, a.Body)
	}
}

// withoutIDs is an answer without what differs from call to call, and with names in
// the place of the ids of both worlds.
func withoutIDs(body []byte, worlds ...*world) string {
	var object map[string]any
	text := string(body)
	if json.Unmarshal(body, &object) == nil {
		for _, name := range []string{"request_id", "instance"} {
			delete(object, name)
		}
		plain, _ := json.Marshal(object) // it was JSON
		text = string(plain)
	}
	var ids []string
	for _, w := range worlds {
		for name, value := range w.names {
			if value != "" && !placeInside[name] {
				ids = append(ids, regexp.QuoteMeta(value))
			}
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return len(b) - len(a) }) // an id may hold another one
	return regexp.MustCompile(`\b(`+strings.Join(ids, "|")+`)\b`).ReplaceAllString(text, "{id}")
}
