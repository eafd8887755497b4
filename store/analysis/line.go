package analysis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Previous returns the newest complete set of the line of a set before it, or
// ErrNotFound.
func (s *Store) Previous(ctx context.Context, set *Set) (*Set, error) {
	list, err := s.Before(ctx, set, 1)
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// lineAtOnce is how many candidates the first query asks for. Each further one asks
// for twice as many, so that passing over what earlier ones have shown does not
// outweigh the rest.
const lineAtOnce = 64

// Before returns at most limit complete sets of the line of a set, the newest
// first, all before it.
func (s *Store) Before(ctx context.Context, set *Set, limit int) ([]*Set, error) {
	query, args := s.lineQuery(set)
	if query == "" {
		return nil, nil
	}
	viewer := store.Viewer{Scope: store.Scope{Tenant: set.Tenant, All: set.viewer.All}}
	around, err := s.around(ctx, set)
	if err != nil {
		return nil, err
	}
	var list []*Set
	first := lineAtOnce
	if set.Kind == RunSet { // its candidates are known to be complete
		first = min(limit, first)
	}
	for offset, atOnce := 0, first; ; offset, atOnce = offset+atOnce, 2*atOnce {
		found, err := s.lineParts(ctx, query+fmt.Sprintf(" LIMIT %d OFFSET %d", atOnce, offset), args)
		if err != nil {
			return nil, fmt.Errorf("line of %s %q: %w", set.Kind, set.Parts, err)
		}
		if set.Kind == RunSet {
			runs, err := s.comparableRuns(ctx, found)
			if err != nil {
				return nil, fmt.Errorf("line of %s %q: %w", set.Kind, set.Parts, err)
			}
			list = append(list, runs...)
			if len(list) >= limit || len(found) < atOnce {
				return list[:min(limit, len(list))], nil
			}
			continue
		}
		for _, parts := range found {
			before, err := s.Find(ctx, viewer, set.Kind, parts, 0)
			if err != nil {
				continue
			}
			complete, err := s.isComplete(ctx, before)
			if err == nil && complete {
				complete, err = s.isAround(ctx, before, around)
			}
			if err != nil {
				return nil, err
			}
			if complete && !before.Private {
				if list = append(list, before); len(list) == limit {
					return list, nil
				}
			}
		}
		if len(found) < atOnce {
			return list, nil
		}
	}
}

// comparableRuns returns runs of a line with their current results, in the order of
// their ids in the list. What is gone meanwhile is left out.
func (s *Store) comparableRuns(ctx context.Context, list [][]string) ([]*Set, error) {
	ids := make([]string, len(list))
	for i, parts := range list {
		ids[i] = parts[0]
	}
	where := append(in("runs.id", numbersOf(ids)), tables.If("r.key = runs.result_key"), tables.If("r.state = 1"))
	rows, err := s.db.Read(ctx).Raw(runSets+tables.Where(where), tables.Args(where)...).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	byID, byKey := map[string]*Set{}, map[int64]*Set{}
	var keys []int64
	for rows.Next() {
		set, key, err := scanRun(rows)
		if err != nil {
			return nil, store.Translate(err)
		}
		keys, byKey[key], byID[set.Parts[0]] = append(keys, key), set, set
	}
	if err := rows.Err(); err != nil {
		return nil, store.Translate(err)
	}
	var current []results.Result
	if err := s.db.Read(ctx).Where("key IN ? AND state = 1", keys).Find(&current).Error; err != nil {
		return nil, store.Translate(err)
	}
	for i := range current {
		set := byKey[current[i].Key]
		set.Attempt = current[i].Attempt
		set.ofFile(&current[i], RunSet)
	}
	var sets []*Set
	for _, id := range ids {
		if set := byID[id]; set != nil && set.Complete && !set.Private {
			sets = append(sets, set)
		}
	}
	return sets, nil
}

func (s *Store) lineParts(ctx context.Context, query string, args []any) ([][]string, error) {
	rows, err := s.db.Read(ctx).Raw(query, args...).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, store.Translate(err)
	}
	var list [][]string
	for rows.Next() {
		parts := make([]string, len(columns))
		dest := make([]any, len(columns))
		for i := range parts {
			dest[i] = &parts[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, store.Translate(err)
		}
		list = append(list, parts)
	}
	return list, store.Translate(rows.Err())
}

func (s *Store) isComplete(ctx context.Context, set *Set) (bool, error) {
	if !set.Counted {
		return set.Complete, nil
	}
	if set.Kind == ImageSet {
		for _, u := range set.uploads {
			if r := u.Result; r != nil && r.Counts.Success+r.Counts.XFail+r.Counts.Fail+r.Counts.UXSuccess > 0 ||
				u.hasOwnTest() && !u.Synthetic && (strings.EqualFold(u.Status, "PASSED") || strings.EqualFold(u.Status, "FAILED")) {
				return true, nil
			}
		}
		return false, nil
	}
	where := append(s.reportWhere(set), tables.If("UPPER(status) IN ('PASS', 'FAIL')"))
	query, args := "SELECT COUNT(*) FROM (SELECT 1 FROM kernel_tests"+tables.Where(where)+" LIMIT 1) AS one", tables.Args(where)
	if set.Kind == GroupSet {
		query, args = groupsBelow+query, append([]any{set.Parts[0]}, args...)
	}
	var n int
	err := s.db.Read(ctx).Raw(query, args...).Row().Scan(&n)
	return n > 0, store.Translate(err)
}

// around are the names of the groups around a test group, the outermost last; of
// other sets there are none.
func (s *Store) around(ctx context.Context, set *Set) ([]string, error) {
	if set.Kind != GroupSet {
		return nil, nil
	}
	var names []string
	err := s.db.Read(ctx).Raw(`WITH RECURSIVE above(id, depth) AS (SELECT parent_id, 1 FROM test_groups WHERE "_id" = ?`+
		` UNION ALL SELECT g.parent_id, above.depth + 1 FROM above JOIN test_groups g ON g."_id" = above.id WHERE above.depth < `+fmt.Sprint(maxGroupDepth)+`)`+
		` SELECT COALESCE(g."name", '') FROM above JOIN test_groups g ON g."_id" = above.id ORDER BY above.depth`, set.Parts[0]).Scan(&names).Error
	if err != nil {
		return nil, fmt.Errorf("groups around %q: %w", set.Parts, store.Translate(err))
	}
	return names, nil
}

// isAround reports whether a set stands inside groups of these names.
func (s *Store) isAround(ctx context.Context, set *Set, names []string) (bool, error) {
	own, err := s.around(ctx, set)
	return slices.Equal(own, names), err
}

// lineQuery finds the sets of a line before a set, the newest first, by the parts
// of their references; it is empty when the set has no line.
func (s *Store) lineQuery(set *Set) (string, []any) {
	at := store.Micros(set.Time)
	optional := func(column string, v *string) tables.Condition {
		if v == nil {
			return tables.If(column + " IS NULL")
		}
		return tables.If(column+" = ?", *v)
	}
	var where []tables.Condition
	order := ""
	columns := ""
	switch set.Kind {
	case RunSet:
		if set.CloudID == nil && set.RunName == "" {
			return "", nil
		}
		id, _ := strconv.ParseInt(set.Parts[0], 10, 64)
		cloud := tables.If("cloud_id IS NULL")
		if set.CloudID != nil {
			cloud = tables.If("cloud_id = ?", *set.CloudID)
		}
		where = []tables.Condition{s.flag("comparable", true), cloud, tables.If("name = ?", set.RunName), tables.If("tenant = ?", set.Tenant),
			tables.If("(created_at, id) < (?, ?)", at, id)}
		columns, order = "id FROM runs", "created_at DESC, id DESC"
	case PublishedSet:
		where = []tables.Condition{s.flag("public", true), tables.If("tenant = ?", set.Tenant), tables.If("cpid = ?", set.CPID), tables.If("(created_at, id) < (?, ?)", at, set.Parts[0])}
		columns, order = "id FROM published_results", "created_at DESC, id DESC"
	case KernelSet:
		where = []tables.Condition{tables.If("tenant = ?", set.Tenant), tables.If("job = ?", set.Parts[0]), tables.If("git_branch = ?", set.Parts[1]), tables.If("(first_at, kernel) < (?, ?)", at, set.Parts[2])}
		columns, order = "job, git_branch, kernel FROM kernel_sets", "first_at DESC, kernel DESC"
	case GroupSet:
		where = []tables.Condition{tables.If("tenant = ?", set.Tenant), optional("job", set.Job), optional("git_branch", set.Branch), tables.If("(created_on, \"_id\") < (?, ?)", at, set.Parts[0])}
		if set.Kernel != nil {
			where = append(where, tables.If("kernel IS DISTINCT FROM ?", *set.Kernel))
		}
		for _, f := range []string{"name", "arch", "board", "build_environment", "defconfig_full", "device_type", "lab_name"} {
			where = append(where, tables.If(f+" IS NOT DISTINCT FROM (SELECT h."+f+` FROM test_groups h WHERE h."_id" = ?)`, set.Parts[0]))
		}
		// groups of one name inside different groups are different ones, and so are
		// the names of their tests
		where = append(where, tables.If(`(SELECT p."name" FROM test_groups p WHERE p."_id" = test_groups.parent_id) IS NOT DISTINCT FROM`+
			` (SELECT p."name" FROM test_groups h JOIN test_groups p ON p."_id" = h.parent_id WHERE h."_id" = ?)`, set.Parts[0]))
		columns, order = `"_id" FROM test_groups`, `created_on DESC, "_id" DESC`
	case OpportunitySet:
		u := set.uploads[0]
		where = []tables.Condition{tables.If("o.product_id = ?", u.ProductID), tables.If("o.spec_name = ?", set.SpecName), tables.If("opp.release = ?", set.Release),
			optional("v.platform", u.Platform), optional("o.primary_snap_name", u.PrimarySnap), tables.If("(o.created_at, o.id) < (?, ?)", at, u.ID)}
		columns = "o.opportunity_id FROM opportunity_results o JOIN opportunities opp ON opp.id = o.opportunity_id JOIN spec_versions v ON v.id = opp.version_id"
		order = "o.created_at DESC, o.id DESC"
	case ImageSet:
		where = []tables.Condition{tables.If("product_id = ?", set.Parts[0]), tables.If("advertised_at > 0"),
			tables.If("release = (SELECT h.release FROM images h WHERE h.product_id = ? AND h.image_unique_id = ?)", set.Parts[0], set.Parts[1]),
			tables.If("(advertised_at, image_unique_id) < (?, ?)", at, set.Parts[1])}
		columns, order = "product_id, image_unique_id FROM images", "advertised_at DESC, image_unique_id DESC"
	}
	return "SELECT " + columns + tables.Where(where) + " ORDER BY " + order, tables.Args(where)
}

// NewestGroup reports whether a test group is complete and no later one of its line
// is. False for what does not exist.
func (s *Store) NewestGroup(ctx context.Context, id string) (bool, error) {
	head, err := s.Find(ctx, store.Viewer{Scope: store.Everything}, GroupSet, []string{id}, 0)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	complete, err := s.isComplete(ctx, head)
	if err != nil || !complete {
		return false, err
	}
	around, err := s.around(ctx, head)
	if err != nil {
		return false, err
	}
	query, args := s.lineQuery(head)
	query = strings.Replace(query, `(created_on, "_id") < `, `(created_on, "_id") > `, 1)
	for offset := 0; ; offset += lineAtOnce {
		later, err := s.lineParts(ctx, query+fmt.Sprintf(" LIMIT %d OFFSET %d", lineAtOnce, offset), args)
		if err != nil {
			return false, fmt.Errorf("line of group %q: %w", id, err)
		}
		for _, parts := range later {
			set, err := s.Find(ctx, store.Viewer{Scope: store.Everything}, GroupSet, parts, 0)
			if err != nil {
				continue
			}
			if complete, err = s.isComplete(ctx, set); err == nil && complete {
				complete, err = s.isAround(ctx, set, around)
			}
			if err != nil || complete {
				return false, err
			}
		}
		if len(later) < lineAtOnce {
			return true, nil
		}
	}
}
