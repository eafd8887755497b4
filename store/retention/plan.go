package retention

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Plan fixes what goes. It does not change once it is made: a run that is continued by
// another server removes what it would have removed.
type Plan struct {
	AsOf   time.Time `json:"as_of"`            // ages are counted from it
	Tenant *string   `json:"tenant,omitempty"` // whose things go; nil: everybody's
	Rules  []Rule    `json:"rules"`            // in the order in which they count
	Steps  []Step    `json:"steps"`
}

// Step is what goes of one unit by one rule: what is older than Before, and what Cut
// says does not fit.
type Step struct {
	Unit   string `json:"unit"`
	Rule   int    `json:"rule"`
	Before int64  `json:"before,omitempty"` // microseconds; 0: no age
	Cut    *Cut   `json:"cut,omitempty"`
	Last   int64  `json:"last,omitempty"` // of units in order: the last key to look at
}

// Cut is the newest thing that does not fit: it goes, with all before it.
type Cut struct {
	Sort int64  `json:"sort"`
	Key  string `json:"key"`
}

// Amount is how much of a class goes.
type Amount struct {
	Class  string     `json:"class"`
	Rows   int64      `json:"rows"`
	Bytes  int64      `json:"bytes"`
	Oldest *time.Time `json:"oldest,omitempty"`
	Newest *time.Time `json:"newest,omitempty"`
}

func (a *Amount) add(rows, bytes int64, oldest, newest *time.Time) {
	a.Rows, a.Bytes = a.Rows+rows, a.Bytes+bytes
	if oldest != nil && (a.Oldest == nil || oldest.Before(*a.Oldest)) {
		a.Oldest = oldest
	}
	if newest != nil && (a.Newest == nil || newest.After(*a.Newest)) {
		a.Newest = newest
	}
}

// Amounts are those of several classes.
type Amounts map[string]*Amount

func (a Amounts) of(class string) *Amount {
	if a[class] == nil {
		a[class] = &Amount{Class: class}
	}
	return a[class]
}

// List returns those that are something, in the order of the classes.
func (a Amounts) List() []Amount {
	list := []Amount{}
	for _, class := range Classes {
		if m := a[class]; m != nil && m.Rows > 0 {
			list = append(list, *m)
		}
	}
	return list
}

// NewPlan fixes what goes by rules, of one tenant or (nil) of all.
func (s *Store) NewPlan(ctx context.Context, rules []Rule, tenant *string) (*Plan, error) {
	p := &Plan{AsOf: s.Now(), Tenant: tenant, Rules: slices.Clone(rules)}
	Sort(p.Rules)
	err := s.Snapshot(ctx, func(view *store.Store) error { return New(view).fill(ctx, p) })
	if err != nil {
		return nil, fmt.Errorf("plan of retention: %w", err)
	}
	return p, nil
}

// fill adds the steps.
func (s *Store) fill(ctx context.Context, p *Plan) error {
	units := s.units()
	for n := range units {
		u := &units[n]
		if p.Tenant != nil && u.tenant == "" {
			continue
		}
		for i := range p.Rules {
			if !p.Rules[i].limits() {
				continue
			}
			step, err := s.step(ctx, p, u, i)
			if err != nil {
				return err
			}
			if step != nil {
				p.Steps = append(p.Steps, *step)
			}
		}
	}
	return nil
}

func (s *Store) step(ctx context.Context, p *Plan, u *unit, rule int) (*Step, error) {
	domain, ok := u.domain(p, rule)
	if !ok {
		return nil, nil
	}
	r := &p.Rules[rule]
	step := &Step{Unit: u.name, Rule: rule}
	if r.Days != nil {
		step.Before = store.Micros(p.AsOf.AddDate(0, 0, -int(*r.Days)))
	}
	var err error
	if r.Bytes != nil {
		if step.Cut, err = s.cut(ctx, p, u, domain, *r.Bytes); err != nil {
			return nil, err
		}
	}
	if step.Before == 0 && step.Cut == nil {
		return nil, nil
	}
	if u.inOrder {
		if step.Last, err = s.lastBefore(ctx, u, step.Before); err != nil {
			return nil, err
		}
		if step.Cut != nil {
			step.Last = max(step.Last, step.Cut.Sort)
		}
	}
	return step, nil
}

// domain are the conditions of the rows for which a rule counts: it fits them, and
// none does that counts before it. ok is false when there are none.
func (u *unit) domain(p *Plan, rule int) (list []tables.Condition, ok bool) {
	if !slices.Contains(u.classes, p.Rules[rule].Class) {
		return nil, false
	}
	if list, ok = u.matches(&p.Rules[rule]); !ok {
		return nil, false
	}
	for i := range rule {
		if !slices.Contains(u.classes, p.Rules[i].Class) {
			continue
		}
		others, ok := u.matches(&p.Rules[i])
		switch {
		case !ok:
		case len(others) == 0:
			return nil, false
		default:
			all := tables.Where(others)[len(" WHERE "):]
			list = append(list, tables.If("NOT ("+all+")", tables.Args(others)...))
		}
	}
	return list, true
}

func (u *unit) order() string {
	switch {
	case u.inOrder:
		return u.key
	case u.sort != "":
		return u.sort
	}
	return u.time
}

// cut finds the newest row that does not fit into so many bytes; nil: all fit.
func (s *Store) cut(ctx context.Context, p *Plan, u *unit, domain []tables.Condition, limit int64) (*Cut, error) {
	where := append(slices.Clone(domain), tables.If(u.where))
	query := s.spelled("SELECT at, id FROM (SELECT "+u.order()+" AS at, "+u.key+" AS id, SUM("+alone(u.bytes)+") OVER (ORDER BY "+u.order()+" DESC, "+u.key+
		" DESC ROWS UNBOUNDED PRECEDING) AS total FROM "+u.from+tables.Where(where)+") AS sizes WHERE total > ? ORDER BY at DESC, id DESC LIMIT 1", p)
	rows, err := s.db.Read(ctx).Raw(query, append(tables.Args(where), limit)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", u.name, store.Translate(err))
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, store.Translate(rows.Err())
	}
	var c Cut
	if err := rows.Scan(&c.Sort, &c.Key); err != nil {
		return nil, store.Translate(err)
	}
	return &c, nil
}

// lastBefore finds the last key of rows that are older: times rise with the keys, but
// for those that came at the same moment.
func (s *Store) lastBefore(ctx context.Context, u *unit, before int64) (int64, error) {
	var ends struct{ Low, High int64 }
	err := s.db.Read(ctx).Raw("SELECT COALESCE(MIN(" + u.key + "), 0) AS low, COALESCE(MAX(" + u.key + "), 0) AS high FROM " + u.from).Scan(&ends).Error
	low, high := ends.Low, ends.High
	for err == nil && low < high {
		middle := low + (high-low)/2 + 1
		var at []int64
		err = s.db.Read(ctx).Raw("SELECT "+u.time+" FROM "+u.from+" WHERE "+u.key+" >= ? ORDER BY "+u.key+" LIMIT 1", middle).Scan(&at).Error
		if len(at) == 1 && at[0] < before {
			low = middle
		} else {
			high = middle - 1
		}
	}
	if err != nil {
		return 0, fmt.Errorf("old %s: %w", u.name, store.Translate(err))
	}
	return high, nil
}

// conditions are those of the rows that go in a step.
func (s *Store) conditions(p *Plan, u *unit, step *Step) []tables.Condition {
	domain, _ := u.domain(p, step.Rule) // the step was made of it
	list := append(domain, scopeOf(u, p.Tenant)...)
	list = append(list, tables.If(s.spelled(u.where, p)))
	var old []string
	var args []any
	if step.Before != 0 {
		old, args = append(old, u.time+" < ?"), append(args, step.Before)
		if step.Cut == nil && u.sort != "" {
			list = append(list, tables.If(u.sort+" < ?", step.Before)) // for its index
		}
	}
	if step.Cut != nil {
		old, args = append(old, "("+u.order()+", "+u.key+") <= (?, ?)"), append(args, step.Cut.Sort, u.keyOf(step.Cut.Key))
	}
	sql := old[0]
	if len(old) > 1 {
		sql = "(" + old[0] + " OR " + old[1] + ")"
	}
	list = append(list, tables.If(sql, args...))
	if u.inOrder {
		list = append(list, tables.If(u.key+" <= ?", step.Last))
	}
	if u.stays != "" {
		list = append(list, tables.If(s.spelled("NOT ("+u.stays+")", p)))
	}
	return list
}

// keyOf is a key as the database has it.
func (u *unit) keyOf(key string) any {
	if u.text {
		return key
	}
	n, _ := strconv.ParseInt(key, 10, 64) // it came from there
	return n
}

// candidate is a row that goes.
type candidate struct {
	key         string
	sort, at    int64
	rows, bytes int64
	parts       int // groups of a tree, with the outermost; 0: it is in one piece
}

// candidatesAtOnce is how many rows one look finds.
const candidatesAtOnce = 1000

// candidates returns rows that go in a step: those after one, or of some keys.
func (s *Store) candidates(ctx context.Context, p *Plan, u *unit, step *Step, after *candidate, keys []any) ([]candidate, error) {
	where := s.conditions(p, u, step)
	if after != nil {
		where = append(where, tables.If("("+u.order()+", "+u.key+") > (?, ?)", after.sort, u.keyOf(after.key)))
	}
	if keys != nil {
		where = append(where, tables.If(tables.InList(u.key, len(keys)), keys...))
	}
	bytes, args := s.countedOnce(p, u.bytes)
	query := "SELECT " + u.key + ", " + u.order() + ", " + u.time + ", " + u.rows + ", " + bytes + " FROM " + u.from + tables.Where(where) +
		" ORDER BY " + u.order() + ", " + u.key + fmt.Sprintf(" LIMIT %d", candidatesAtOnce)
	rows, err := s.db.Read(ctx).Raw(query, append(args, tables.Args(where)...)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("old %s: %w", u.name, store.Translate(err))
	}
	defer rows.Close()
	var list []candidate
	for rows.Next() {
		var c candidate
		if err := rows.Scan(&c.key, &c.sort, &c.at, &c.rows, &c.bytes); err != nil {
			return nil, fmt.Errorf("old %s: %w", u.name, store.Translate(err))
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("old %s: %w", u.name, store.Translate(err))
	}
	return list, nil
}

// parts are the units that are counted on their own when they go, and with what they
// are part of when they do not. Each mark stands once in a text.
var parts = []string{"uploads", "attachments", "tests", "output"}

// alone is a size of something none of whose parts goes on its own.
func alone(sql string) string {
	for _, name := range parts {
		sql = strings.ReplaceAll(sql, "$"+name, "1 = 0")
	}
	return sql
}

// countedOnce is a size without the parts that go by a plan on their own.
func (s *Store) countedOnce(p *Plan, sql string) (string, []any) {
	var args []any
	for _, name := range parts {
		if !strings.Contains(sql, "$"+name) {
			continue
		}
		u := s.unitNamed(name)
		var any []string
		for i := range p.Steps {
			if p.Steps[i].Unit != name {
				continue
			}
			where := s.conditions(p, u, &p.Steps[i])
			any = append(any, tables.Where(where)[len(" WHERE "):])
			args = append(args, tables.Args(where)...)
		}
		if any == nil {
			any = []string{"1 = 0"}
		}
		sql = strings.Replace(sql, "$"+name, "("+strings.Join(any, ") OR (")+")", 1)
	}
	return sql, args
}

// going leaves out of candidates those that stay for a reason that is no SQL.
func (s *Store) going(ctx context.Context, u *unit, list []candidate) ([]candidate, error) {
	if u.keeps == nil || len(list) == 0 {
		return list, nil
	}
	stay, err := u.keeps(ctx, s, list)
	if err != nil {
		return nil, fmt.Errorf("old %s: %w", u.name, err)
	}
	return slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return stay[c.key] }), nil
}

func (s *Store) unitNamed(name string) *unit {
	units := s.units()
	i := slices.IndexFunc(units, func(u unit) bool { return u.name == name })
	return &units[i]
}

// Measure says how much goes by a plan.
func (s *Store) Measure(ctx context.Context, p *Plan) (Amounts, error) {
	all := Amounts{}
	err := s.Snapshot(ctx, func(view *store.Store) error {
		v := New(view)
		for i := range p.Steps {
			if err := v.measure(ctx, p, &p.Steps[i], all); err != nil {
				return err
			}
		}
		return v.measureNames(ctx, p, all)
	})
	return all, err
}

func (s *Store) measure(ctx context.Context, p *Plan, step *Step, all Amounts) error {
	u := s.unitNamed(step.Unit)
	return s.each(ctx, p, u, step, func(list []candidate) error {
		for i := range list {
			c := &list[i]
			at := store.FromMicros(c.at)
			all.of(u.class()).add(c.rows, c.bytes, &at, &at)
		}
		return nil
	})
}

// each calls visit with what goes in a step, some at a time.
func (s *Store) each(ctx context.Context, p *Plan, u *unit, step *Step, visit func(list []candidate) error) error {
	var after *candidate
	for {
		list, err := s.candidates(ctx, p, u, step, after, nil)
		if err != nil || len(list) == 0 {
			return err
		}
		after = &list[len(list)-1]
		going, err := s.going(ctx, u, list)
		if err == nil && len(going) > 0 {
			err = visit(going)
		}
		if err != nil {
			return err
		}
	}
}
