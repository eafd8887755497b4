package retention

import (
	"cmp"
	"slices"
	"strings"
)

// Rule says how long things of a class are kept, and how many bytes of them. Nil
// fields do not narrow it, and are no limit.
type Rule struct {
	Class   string  `json:"class" yaml:"class"`
	Tenant  *string `json:"tenant,omitempty" yaml:"tenant"`
	Product *string `json:"product_id,omitempty" yaml:"product_id"`
	Job     *string `json:"job,omitempty" yaml:"job"`
	Days    *int64  `json:"days,omitempty" yaml:"days"`
	Bytes   *int64  `json:"bytes,omitempty" yaml:"bytes"`
	Source  Source  `json:"source,omitempty" yaml:"-"`
}

// Source is where a rule comes from; of rules that are equally specific the one from
// the first of these sources counts.
type Source string

// The sources, in the order in which they count.
const (
	Server  Source = "server"
	Tenant  Source = "tenant"
	File    Source = "file"
	Default Source = "default"
)

var sources = []Source{Server, Tenant, File, Default}

// The classes.
const (
	Raw           = "raw"
	Attachments   = "attachments"
	Tests         = "tests"
	Results       = "results"
	Reports       = "reports" // jobs, builds, boots and groups
	Jobs          = "jobs"
	Builds        = "builds"
	Boots         = "boots"
	Groups        = "groups"
	Opportunities = "opportunities"
	Output        = "output"
	Events        = "events"
	Audit         = "audit"
	Webhooks      = "webhooks"
	Tasks         = "tasks"
	BuildData     = "builddata"
	Names         = "names"
)

// Classes are all of them, in the order in which they are shown.
var Classes = []string{Raw, Attachments, Tests, Results, Reports, Jobs, Builds, Boots, Groups, Opportunities, Output, Events, Audit, Webhooks, Tasks, BuildData, Names}

// scopes says what rules of a class may name beside it.
var scopes = map[string]struct{ tenant, product, job bool }{
	Raw: {true, true, false}, Attachments: {true, true, false}, Tests: {true, true, false}, Results: {true, false, false},
	Reports: {true, false, true}, Jobs: {true, false, true}, Builds: {true, false, true}, Boots: {true, false, true}, Groups: {true, false, true},
	Opportunities: {true, true, false}, Output: {true, true, false}, Events: {true, true, false}, Audit: {true, false, false},
	Webhooks: {true, true, false}, Tasks: {}, BuildData: {}, Names: {},
}

// Wrong is a field of a rule that its class does not allow, and why.
type Wrong struct{ Field, Says string }

// Check says what is wrong with a rule; nil for nothing.
func (r *Rule) Check() *Wrong {
	can, known := scopes[r.Class]
	allow := func(field string) *Wrong {
		var may []string
		for _, class := range Classes {
			s := scopes[class]
			if field == "tenant" && s.tenant || field == "product_id" && s.product || field == "job" && s.job {
				may = append(may, class)
			}
		}
		return &Wrong{field, "must be left out for " + r.Class + "; it is for " + strings.Join(may, ", ")}
	}
	switch {
	case !known:
		return &Wrong{"class", "must be one of " + strings.Join(Classes, ", ")}
	case r.Tenant != nil && !can.tenant:
		return allow("tenant")
	case r.Product != nil && !can.product:
		return allow("product_id")
	case r.Job != nil && !can.job:
		return allow("job")
	case r.Days != nil && (*r.Days < 0 || *r.Days > maxDays):
		return &Wrong{"days", "must be 0 to 36500, or null"}
	case r.Bytes != nil && *r.Bytes < 0:
		return &Wrong{"bytes", "must be 0 or more, or null"}
	case r.Class == Names && r.Bytes != nil:
		return &Wrong{"bytes", "must be left out for names"}
	case r.Class == Names && r.Days != nil && *r.Days != 0:
		return &Wrong{"days", "must be 0 or null for names, which have no age"}
	}
	return nil
}

const maxDays = 36500

// Same reports whether two rules are about the same things.
func (r *Rule) Same(o *Rule) bool {
	return r.Class == o.Class && equal(r.Tenant, o.Tenant) && equal(r.Product, o.Product) && equal(r.Job, o.Job)
}

func equal(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// limits reports whether anything goes by the rule.
func (r *Rule) limits() bool { return r.Days != nil || r.Bytes != nil }

// compareRules puts the rule that counts first.
func compareRules(a, b *Rule) int {
	part := func(r *Rule) int { return count(r.Product != nil, r.Job != nil) }
	return cmp.Or(
		cmp.Compare(part(b), part(a)),
		cmp.Compare(count(b.Tenant != nil), count(a.Tenant != nil)),
		cmp.Compare(count(b.Class != Reports), count(a.Class != Reports)),
		cmp.Compare(slices.Index(sources, a.Source), slices.Index(sources, b.Source)),
	)
}

func count(list ...bool) (n int) {
	for _, v := range list {
		if v {
			n++
		}
	}
	return n
}

// Sort puts rules in the order in which they count.
func Sort(rules []Rule) {
	slices.SortStableFunc(rules, func(a, b Rule) int { return compareRules(&a, &b) })
}

// Ruled reports whether somebody has made a rule for a class: what a setting says of
// it holds only where no such rule says something else.
func Ruled(rules []Rule, class string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.Class == class && r.Source != Default })
}

// NamesStay reports whether names to which nothing refers are kept.
func NamesStay(rules []Rule) bool {
	for _, source := range sources {
		for i := range rules {
			if rules[i].Class == Names && rules[i].Source == source {
				return rules[i].Days == nil
			}
		}
	}
	return false
}
