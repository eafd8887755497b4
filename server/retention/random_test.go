package retention_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestRandomRules removes by random rules of age and size, several times, as time goes on.
// A run removes what its dry run has said, nothing that must stay, and a second one
// nothing more; the counts of a run that is there are those that it had.
func TestRandomRules(t *testing.T) {
	t.Parallel()
	eachSeed(t, 2, func(t *testing.T, l *lab, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // the same each time
		counts := map[string]any{}
		for round := range 3 {
			l.random(seed*10+uint64(round), 20) //nolint:gosec // small
			for _, th := range l.things {
				if th.kind == "run" && counts[th.path] == nil && l.there(th) {
					counts[th.path] = l.countsOf(th)
				}
			}
			l.rules(randomRules(r)...)
			before := l.present()
			said, removed := l.dryRun(), l.remove()
			if delete(said, "audit"); !maps.Equal(said, withoutAudit(removed)) {
				t.Errorf("round %d: the dry run said %v\nthere went %v", round, said, removed)
			}
			l.mustStay(before)
			l.present()
			for _, th := range l.things {
				if th.kind == "run" && !th.gone && l.there(th) && fmt.Sprint(l.countsOf(th)) != fmt.Sprint(counts[th.path]) {
					t.Errorf("round %d: %s counts %v, and did %v", round, th.path, l.countsOf(th), counts[th.path])
				}
			}
			if again := withoutAudit(l.dryRun()); len(again) > 0 {
				t.Errorf("round %d: after the run there would go %v, want nothing", round, again)
			}
		}
	})
}

func randomRules(r *rand.Rand) (rules []object) {
	for _, class := range []string{"raw", "attachments", "tests", "results", "reports", "jobs", "boots", "groups", "opportunities", "output", "events", "audit", "webhooks"} {
		switch rule := (object{"class": class}); r.IntN(5) {
		case 0:
			rule["days"] = r.IntN(30)
			rules = append(rules, rule)
		case 1, 2:
			if rule["days"] = r.IntN(30); class != "events" { // to which a run adds
				rule["bytes"] = r.IntN(20_000)
			}
			if r.IntN(2) == 0 && class != "events" {
				delete(rule, "days")
			}
			rules = append(rules, rule)
		case 3:
			if class == "reports" || class == "boots" || class == "groups" {
				rule["job"], rule["days"] = "next", r.IntN(10)
				rules = append(rules, rule)
			}
		}
	}
	return rules
}

// countsOf are the counts of a run's current result.
func (l *lab) countsOf(th *thing) any {
	l.t.Helper()
	one := l.call("GET", th.path+"/results/current", nil, 200)
	return fmt.Sprint(one["counts"], one["outcome"], one["tests"], one["complete"])
}

// present are the things of sets that are there. A kernel of which nothing is left is
// forgotten: it begins anew with what comes next.
func (l *lab) present() (list []*thing) {
	l.t.Helper()
	of := map[string]bool{}
	for _, th := range l.things {
		if th.gone = th.gone || th.ref == "" || l.Do("GET", th.path, "", l.as).Status == 404; !th.gone {
			of[th.ref] = true
		}
	}
	for _, th := range l.things {
		if !of[th.ref] {
			th.ref, th.gone = "", true
			continue
		}
		here := *th
		here.complete = th.complete && !th.gone
		list = append(list, &here)
	}
	return list
}

// mustStay checks that everything is there, and whole, that stays whatever the rules say,
// of what was there before.
func (l *lab) mustStay(before []*thing) {
	l.t.Helper()
	newest := map[string]*thing{}
	for _, th := range before {
		if th.complete {
			newest[th.kind+" "+th.line] = th
		}
	}
	for _, th := range before {
		if th.gone {
			continue
		}
		protected := th.protected || newest[th.kind+" "+th.line] == th
		switch th.kind {
		case "boot":
			protected = protected && th.protected || keptByRef(before, th.ref) || th.ref == newestKernel(before, th.line)
		case "opportunity":
			protected = protected || newestImage(before) == th
		}
		if !protected {
			continue
		}
		if !l.there(th) {
			l.t.Errorf("%s %s of %s (%s, protected %v) is gone", th.kind, th.path, th.line, th.ref, th.protected)
		} else if th.kind == "run" {
			result := l.call("GET", th.path+"/results/current", nil, 200)
			id := fmt.Sprint(result["result_id"])
			for _, part := range []string{"/tests", "/raw"} {
				if a := l.Do("GET", th.path+"/results/"+id+part, "", l.as); a.Status != 200 {
					l.t.Errorf("%s%s of a run that stays is answered %d %.200s", th.path, part, a.Status, a.Body)
				}
			}
		}
	}
}
