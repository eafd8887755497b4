package retention_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// each runs a test on every database, with a lab that has begun.
func each(t *testing.T, test func(t *testing.T, l *lab), change ...func(*server.Config)) {
	t.Helper()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		l := open(t, cfg, change...)
		l.begin()
		test(t, l)
	})
}

// TestExpired: what has gone is said, in every place where it would be read, and
// never shown as nothing.
func TestExpired(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		first, second := l.run("tempest", true, 3), l.run("tempest", true, 3)
		last := l.run("tempest", true, 3)
		l.clock.forward(100 * day)
		l.rules(object{"class": "tests", "days": 30}, object{"class": "raw", "days": 30}, object{"class": "attachments", "days": 30})
		got := l.remove()
		if got["tests"].Rows != 10 || got["raw"].Rows != 2 || got["names"].Rows != 6 {
			t.Errorf("there went %v, want 10 tests of 2 runs, 6 names", got)
		}
		result := l.call("GET", first.path+"/results/current", nil, 200)
		if counts := result["counts"].(object); counts["success"] != 4.0 || counts["fail"] != 1.0 || fmt.Sprint(result["expired"]) != "[raw attachments tests]" {
			t.Errorf("the result says %v, want its counts and what has expired", result)
		}
		if there := l.call("GET", last.path+"/results/current", nil, 200); there["expired"] != nil {
			t.Errorf("the newest result says that %v has expired", there["expired"])
		}
		for _, path := range []string{
			first.path + "/results/current/tests", first.path + "/results/current/tests/1", first.path + "/results/current/raw", first.path + "/results/current/files/0",
			"/v1/compare?base=none&head=" + first.ref, "/v1/compare?head=" + last.ref, "/v1/compare?head=" + second.ref, "/v1/compare?as=csv&base=none&head=" + first.ref,
		} {
			if problem := l.call("GET", path, nil, 410); problem["id"] != "expired" {
				t.Errorf("GET %s: %v", path, problem)
			}
		}
		l.call("GET", "/v1/compare?base=none&head="+last.ref, nil, 200)
		history := l.call("GET", "/v1/test-history?name=b", nil, 200)
		if n := len(history["entries"].([]any)); n != 1 || history["expired_until"] == nil {
			t.Errorf("the history has %d entries, expired_until %v, want one entry and a time", n, history["expired_until"])
		}
		flaky := l.call("GET", fmt.Sprintf("/v1/flaky-tests?verdict=too_few&cloud_id=%v", l.cloud), nil, 200)
		if flaky["expired_until"] == nil {
			t.Errorf("flaky tests: %v, want expired_until", flaky)
		}
		tests := l.call("GET", last.path+"/results/current/tests?history=17", nil, 200)["tests"].([]any)
		if strip := tests[len(tests)-1].(object)["history"]; strip != "f" {
			t.Errorf("the strip is %v, want only what is known", strip)
		}
		// What is added would be taken for all there was.
		more := fmt.Sprintf("/v1/post-result?add=true&test_id=%s", strings.TrimPrefix(first.ref, "run:"))
		l.call("POST", more, "test: d\nsuccess: d\n", 409)
		l.call("POST", strings.Replace(more, "add=true&", "", 1), "test: d\nsuccess: d\n", 201)
		l.call("GET", first.path+"/results/current/tests", nil, 200)
		l.call("GET", first.path+"/results/1/tests", nil, 410)
	})
}

// TestExpired_Kernels: a kernel of which some tests have gone is not compared, one
// of which nothing is left is no set.
func TestExpired_Kernels(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		boot := l.boot("mainline", "v1", "FAIL")
		group := l.group("mainline", "v1", "PASS")
		old := l.boot("mainline", "v2", "PASS")
		l.boot("mainline", "v3", "PASS")
		l.clock.forward(100 * day)
		l.rules(object{"class": "boots", "days": 30})
		if got := l.remove(); got["boots"].Rows != 2 {
			t.Errorf("there went %v, want 2 boots", got)
		}
		if l.there(boot) || l.there(old) || !l.there(group) {
			t.Error("the boots are there, or the group is not")
		}
		l.call("GET", "/v1/compare?base=none&head="+boot.ref, nil, 410)
		l.call("GET", "/v1/compare?base=none&head="+old.ref, nil, 404)
		l.rules(object{"class": "groups", "days": 30}, object{"class": "boots", "days": 30})
		if got := l.remove(); got["groups"].Rows != 0 {
			t.Errorf("there went %v, want the newest complete group of its line to stay", got)
		}
		newer := l.group("mainline", "v4", "FAIL")
		if got := l.remove(); got["groups"].Rows != 1 {
			t.Errorf("there went %v, want the old group", got)
		}
		if n := rows(t, l, "test_cases"); n != 2 || !l.there(newer) || l.there(group) {
			t.Errorf("%d cases are left, want those of the newer group", n)
		}
		l.call("GET", "/v1/compare?base=none&head="+group.ref, nil, 404)
	})
}

func rows(t *testing.T, l *lab, table string) int64 {
	t.Helper()
	counts, err := l.Store.CountRows(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return counts[table]
}

// TestRules: of the rules that fit, the most specific one counts, and of equally
// specific ones that of the API before that of the file.
func TestRules(t *testing.T) {
	t.Parallel()
	days := func(n int64) *int64 { return &n }
	job := "mainline"
	file := func(c *server.Config) {
		c.Retention.Rules = []retentionstore.Rule{{Class: "boots", Days: days(1)}, {Class: "boots", Job: &job, Days: days(1)}}
	}
	each(t, func(t *testing.T, l *lab) {
		for _, job := range []string{"mainline", "next", "stable"} {
			for i := range 3 {
				l.boot(job, fmt.Sprint("v", i), "PASS")
			}
		}
		l.clock.forward(50 * day)
		count := func() int64 { return l.dryRun()["boots"].Rows }
		if n := count(); n != 6 {
			t.Errorf("by the file %d boots go, want 6: the newest of each job stays", n)
		}
		l.rules(object{"class": "boots", "days": 1000})
		if n := count(); n != 2 {
			t.Errorf("with a rule of the API for all boots %d go, want 2: the file's for a job is more specific", n)
		}
		l.rules(object{"class": "reports", "job": "mainline"}, object{"class": "boots", "days": 1000})
		if n := count(); n != 2 {
			t.Errorf("with a rule for all reports of the job %d go, want 2: one for boots of it counts before", n)
		}
		l.rules(object{"class": "boots", "job": "mainline"}, object{"class": "reports", "days": 10})
		if n := count(); n != 4 {
			t.Errorf("with a rule without limits for the job %d go, want 4 of the other jobs, by the file", n)
		}
		l.rules(object{"class": "boots", "bytes": 0, "job": "next"}, object{"class": "boots", "bytes": 5000}, object{"class": "boots", "job": "mainline"})
		if n := count(); n != 3 {
			t.Errorf("by size %d go, want 2 of next and 1 of stable", n)
		}
		list := l.call("GET", "/v1/retention", nil, 200)["rules"].([]any)
		if first := list[0].(object); first["source"] != "server" || first["job"] == nil || len(list) != 9 {
			t.Errorf("the rules are %v, want those that count first in front", list)
		}
	}, file)
}

// TestRules_BadInput names the field and what is allowed.
func TestRules_BadInput(t *testing.T) {
	t.Parallel()
	l := open(t, store.Config{DataDir: t.TempDir()})
	for _, test := range []struct {
		body    string
		status  int
		pointer string
	}{
		{`{"rules":[{"class":"test"}]}`, 400, "/rules/0/class"},
		{`{"rules":[{"class":"tasks","tenant":"x"}]}`, 400, "/rules/0/tenant"},
		{`{"rules":[{"class":"tests","job":"x"}]}`, 400, "/rules/0/job"},
		{`{"rules":[{"class":"boots","product_id":"1f0c3a52-7d4e-4b39-9c06-0b6a3c1d2e4f"}]}`, 400, "/rules/0/product_id"},
		{`{"rules":[{"class":"boots","days":-1}]}`, 400, "/rules/0/days"},
		{`{"rules":[{"class":"names","days":3}]}`, 400, "/rules/0/days"},
		{`{"rules":[{"class":"names","bytes":3}]}`, 400, "/rules/0/bytes"},
		{`{"rules":[{"class":"boots"},{"class":"boots","days":1}]}`, 400, "/rules/1/class"},
		{`{"rules":[{"class":"boots","dayz":1}]}`, 400, "/rules/0/dayz"},
		{`{"rules":[],"revision":7}`, 409, ""},
	} {
		a := l.Do("PUT", "/v1/retention", test.body, l.as, servertest.JSON())
		if a.Status != test.status || !strings.Contains(string(a.Body), test.pointer) {
			t.Errorf("%s: %d %s, want %d at %s", test.body, a.Status, a.Body, test.status, test.pointer)
		}
	}
	for _, set := range []string{"run:x", "run:1/2", "published:1", "kernel:a/b", "image:a", "run:999", "kernel:a/b/c", "image:1f0c3a52-7d4e-4b39-9c06-0b6a3c1d2e4f/I"} {
		a := l.Do("POST", "/v1/retention/keeps", `{"set":"`+set+`","reason":"x"}`, l.as, servertest.JSON())
		if a.Status != 400 && a.Status != 404 {
			t.Errorf("keep %s: %d %s", set, a.Status, a.Body)
		}
	}
	l.call("GET", "/v1/retention/runs/x", nil, 404)
	l.call("GET", "/v1/retention/keeps/x", nil, 404)
}

// TestRules_AtOnce: of two that replace one revision one wins.
func TestRules_AtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		var all sync.WaitGroup
		statuses := make([]int, 8)
		for i := range statuses {
			all.Go(func() {
				body := fmt.Sprintf(`{"revision":0,"rules":[{"class":"tests","days":%d}]}`, i)
				statuses[i] = l.Do("PUT", "/v1/retention", body, l.as, servertest.JSON()).Status
			})
		}
		all.Wait()
		won := 0
		for _, s := range statuses {
			if s == 200 {
				won++
			} else if s != 409 {
				t.Errorf("a PUT answers %d", s)
			}
		}
		if revision := l.call("GET", "/v1/retention", nil, 200)["revision"]; won != 1 || revision != 1.0 {
			t.Errorf("%d of them won, revision %v, want one", won, revision)
		}
	})
}

// TestTenants_Runs: a tenant's run removes what is the tenant's, by its rules.
func TestTenants_Runs(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		l := open(t, cfg)
		others := map[string]*lab{}
		for _, tenant := range []string{"bison", "zebra"} {
			o := *l
			o.as = servertest.As(l.TokenOf(tenant, auth.Admin))
			o.things = nil
			o.begin()
			for range 3 {
				o.run("tempest", true, 1)
			}
			others[tenant] = &o
		}
		l.clock.forward(50 * day)
		bison, zebra := others["bison"], others["zebra"]
		bison.rules(object{"class": "results", "days": 10})
		if said := zebra.dryRun(); said["results"].Rows != 0 {
			t.Errorf("by another tenant's rule there would go %v", said)
		}
		if list := zebra.call("GET", "/v1/retention", nil, 200)["rules"].([]any); len(list) != 4 {
			t.Errorf("a tenant sees the rules %v, want those of settings", list)
		}
		said, removed := bison.dryRun(), bison.remove()
		if said["results"].Rows != 2 || !maps.Equal(said, removed) {
			t.Errorf("the dry run said %v, there went %v", said, removed)
		}
		for i, th := range bison.things {
			if there := bison.there(th); there != (i == 2) {
				t.Errorf("run %d of the tenant is there: %v", i, there)
			}
		}
		for i, th := range zebra.things {
			if !zebra.there(th) {
				t.Errorf("run %d of the other tenant went", i)
			}
		}
		if n := len(zebra.call("GET", "/v1/retention/runs", nil, 200)["runs"].([]any)); n != 0 {
			t.Errorf("the other tenant sees %d runs", n)
		}
		l.rules(object{"class": "results", "tenant": "zebra", "days": 10}, object{"class": "results", "tenant": "bison"})
		bison.run("tempest", true, 1)
		if removed := l.remove(); removed["results"].Rows != 2 {
			t.Errorf("by the server's rules there went %v, want 2 of zebra, and bison's exempt", removed)
		}
	})
}

// TestRules_Products: the server's rules for a product are read by the tenant that has
// it, and by no other.
func TestRules_Products(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		of := func(tenant string) *lab {
			o := *l
			o.as = servertest.As(l.TokenOf(tenant, auth.Admin))
			return &o
		}
		bison, zebra := of("bison"), of("zebra")
		p := bison.call("POST", "/v1/products", object{"name": "board", "release": "24-core", "snaps": []string{}}, 201)
		l.rules(object{"class": "opportunities", "product_id": p["id"], "days": 10}, object{"class": "boots", "days": 20})
		for o, want := range map[*lab]int{l: 6, bison: 6, zebra: 5} {
			if list := o.call("GET", "/v1/retention", nil, 200)["rules"].([]any); len(list) != want {
				t.Errorf("there are the rules %v, want %d", list, want)
			}
		}
		zebra.rules(object{"class": "opportunities", "product_id": p["id"], "days": 10})
		if list := zebra.call("GET", "/v1/retention", nil, 200)["rules"].([]any); len(list) != 6 {
			t.Errorf("there are the rules %v, want the tenant's own with them", list)
		}
	})
}

// TestKeeps: a keep that is over keeps nothing, one that is taken back neither.
func TestKeeps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		for range 4 {
			l.run("tempest", true, 1)
		}
		for _, passed := range []time.Duration{0, -day} {
			body := object{"set": l.things[0].ref, "reason": "late", "until": l.clock.now().Add(passed).UTC().Format(time.RFC3339)}
			if said := fmt.Sprint(l.call("POST", "/v1/retention/keeps", body, 400)); !strings.Contains(said, "/until") {
				t.Errorf("a keep that is over: %s", said)
			}
		}
		over := l.clock.now().Add(day).UTC().Format(time.RFC3339)
		l.keep(l.things[0], over)
		l.keep(l.things[1], nil)
		again := l.call("POST", "/v1/retention/keeps", object{"set": l.things[1].ref, "reason": "again"}, 200)
		if again["reason"] != "again" || again["until"] != nil {
			t.Errorf("kept again: %v", again)
		}
		listed := l.call("GET", "/v1/retention/keeps?set="+url.QueryEscape(l.things[1].ref), nil, 200)["keeps"].([]any)
		if len(listed) != 1 || listed[0].(object)["id"] != again["id"] {
			t.Errorf("the keeps of the run are %v", listed)
		}
		runPath := "/v1/runs/" + strings.TrimPrefix(l.things[1].ref, "run:")
		if said := fmt.Sprint(l.call("DELETE", runPath, nil, 409)["detail"]); !strings.Contains(said, "is kept: again; take the keep "+again["id"].(string)) {
			t.Errorf("DELETE of a run that is kept: %s", said)
		}
		l.clock.forward(50 * day)
		l.rules(object{"class": "results", "days": 10})
		if got := l.remove(); got["results"].Rows != 2 || l.there(l.things[0]) || !l.there(l.things[1]) || l.there(l.things[2]) {
			t.Errorf("there went %v, want the first, whose keep is over, and the third", got)
		}
		l.call("DELETE", "/v1/retention/keeps/"+again["id"].(string), nil, 204)
		l.call("DELETE", "/v1/retention/keeps/"+again["id"].(string), nil, 404)
		if got := l.remove(); got["results"].Rows != 1 {
			t.Errorf("there went %v, want the one that is kept no more", got)
		}
	})
}

// TestKeeps_AtOnce: what was answered to be kept is not removed by a run that goes on
// at the same time.
func TestKeeps_AtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		for range 30 {
			l.run("tempest", true, 0)
		}
		l.clock.forward(90 * day)
		l.rules(object{"class": "results", "days": 10})
		run := l.call("POST", "/v1/retention/runs", nil, 202)["id"].(string)
		kept := make([]bool, len(l.things))
		var all sync.WaitGroup
		for i, th := range l.things {
			if i%3 != 0 {
				continue
			}
			all.Go(func() {
				a := l.Do("POST", "/v1/retention/keeps", `{"set":"`+th.ref+`","reason":"x"}`, l.as, servertest.JSON())
				if kept[i] = a.Status == 201; !kept[i] && a.Status != 404 {
					t.Errorf("keep: %d %s", a.Status, a.Body)
				}
			})
		}
		all.Wait()
		l.await(run)
		for i, th := range l.things[:29] {
			if there := l.there(th); there != kept[i] {
				t.Errorf("run %d is there: %v, kept: %v", i, there, kept[i])
			}
		}
	})
}

// TestRuns_Servers: of several servers of one database one does a run, and the
// schedule makes one.
func TestRuns_Servers(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		l := open(t, cfg)
		l.begin()
		for range 20 {
			l.run("tempest", true, 5)
		}
		l.clock.forward(50 * day)
		l.rules(object{"class": "results", "days": 10})
		said := l.dryRun()
		for range 3 {
			s := l.Store
			if cfg.Database != "" { // the embedded one has one server
				other := cfg
				other.Now = l.clock.now // they share the directory of blobs
				s = storetest.Open(t, other)
			}
			servertest.On(t, s, func(c *server.Config) {
				c.Now, c.Retention.Every, c.Products.EventRetentionDays = l.clock.now, 24*time.Hour, 0
			})
		}
		var list []any
		await.That(t, "a run of the schedule ends", func() bool {
			list = l.call("GET", "/v1/retention/runs", nil, 200)["runs"].([]any)
			return len(list) > 0 && list[len(list)-1].(object)["ended_on"] != nil
		})
		run := list[0].(object)
		got := amounts(run)
		if got["names"].Rows > said["names"].Rows || len(got) > len(said) {
			t.Errorf("more names went than %v: %v", said, got)
		}
		delete(got, "names") // the tidying of another server may have found them first
		delete(said, "names")
		if len(list) != 1 || run["origin"] != "schedule" || !maps.Equal(got, said) {
			t.Errorf("the runs are %v, want one that removed %v", list, said)
		}
		events := l.call("GET", "/v1/events?event_type=retention.finished", nil, 200)["events"].([]any)
		if len(events) != 1 {
			t.Errorf("it was told %d times", len(events))
		}
		audit := l.call("GET", "/v1/audit?event=retention", nil, 200)["entries"].([]any)
		if len(audit) != 1 || !strings.Contains(audit[0].(object)["reason"].(string), "results 19") {
			t.Errorf("the audit log says %v", audit)
		}
	})
}

// TestRuns_OneAtATime: a second run about the same is refused while one is open.
func TestRuns_OneAtATime(t *testing.T) {
	t.Parallel()
	l := open(t, store.Config{DataDir: t.TempDir()})
	s := retentionstore.New(l.Store)
	plan, err := s.NewPlan(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var made, refused int
	var mu sync.Mutex
	for range 6 {
		all.Go(func() {
			_, err := s.QueueRun(context.Background(), plan, "", "x", retentionstore.Asked)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else {
				refused++
			}
		})
	}
	all.Wait()
	if made < 1 || made+refused != 6 {
		t.Errorf("%d runs were made, %d refused", made, refused)
	}
}

// TestTidy: what somebody deletes leaves no names behind, without any rule.
func TestTidy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		th := l.run("tempest", true, 50)
		l.run("tempest", true, 1)
		l.call("DELETE", th.path, nil, 204)
		results := resultstore.New(l.Store)
		if noted, err := results.HasUnusedNames(context.Background()); err != nil || !noted {
			t.Fatalf("after a removal names are noted: %v, %v", noted, err)
		}
		servertest.On(t, l.Store, func(c *server.Config) { c.Now = l.clock.now }) // it tidies when it starts
		await.That(t, "the names are gone", func() bool { return rows(t, l, "test_names") == 3 })
	})
}

// Who asks for a dry run in the body, where every other operation has its members, gets
// one: nothing is removed.
func TestRuns_DryBody(t *testing.T) {
	t.Parallel()

	each(t, func(t *testing.T, l *lab) {
		said := l.call("POST", "/v1/retention/runs", object{"dry_run": true}, 200)
		if said["state"] != "planned" || said["dry_run"] != true {
			t.Errorf("a dry run asked for in the body: %v", said)
		}
		if runs := l.call("GET", "/v1/retention/runs", nil, 200)["runs"].([]any); len(runs) != 0 {
			t.Errorf("%d runs were made", len(runs))
		}
		l.call("POST", "/v1/retention/runs", object{"dryrun": true}, 400)
		l.call("POST", "/v1/retention/runs", `{"dry_run": true}`, 415, servertest.With("Content-Type", "application/x-www-form-urlencoded"))
		if made := l.call("POST", "/v1/retention/runs", object{"dry_run": false}, 202); made["dry_run"] != false {
			t.Errorf("a run that is none: %v", made)
		}
	})
}

// TestFilesOfKernels removes uploaded files of all ages. Those of a kernel that is kept stay
// with everything of it, those of the newest complete kernel of a line as well, and no
// others.
func TestFilesOfKernels(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		l := open(t, cfg)
		l.begin()
		kept := l.boot("mainline", "v1", "FAIL")
		l.boot("mainline", "v2", "PASS")
		l.boot("mainline", "v3", "PASS")
		l.boot("mainline", "v4", "OFFLINE") // not complete
		l.keep(kept, nil)
		files := map[string]bool{
			"mainline/m/v1/x86/defconfig/build.log": true, "mainline/v1/x86/old.log": true, "mainline/m/v2/x86/build.log": false, "mainline/m/v3/lab/boot.txt": true,
			"mainline/m/v4/lab/boot.txt": false, "mainline/m/v11/x86/build.log": false, "mainline/m/v1": false, "other/m/v1/build.log": false, "mainline/v3/build.log": true, "plain.txt": false,
		}
		for path := range files {
			l.call("PUT", "/v1/upload/"+path, "bytes of all of them", 201)
		}
		l.clock.forward(30 * day)
		l.rules(object{"class": "raw", "days": 1})
		said, removed := l.dryRun(), l.remove()
		if !maps.Equal(said, removed) || removed["raw"].Rows != 6 {
			t.Errorf("it said %v, and removed %v", said, removed)
		}
		for path, stays := range files {
			a := l.Do("GET", "/v1/files/"+path, "", l.as)
			if stays && (a.Status != 200 || string(a.Body) != "bytes of all of them") || !stays && a.Status != 410 {
				t.Errorf("%s, which stays: %v, is answered %d %.200s", path, stays, a.Status, a.Body)
			}
		}
	})
}
