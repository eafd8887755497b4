package reports

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// maxGroupDepth is as deep as a body can be nested: deeper groups were never
// posted, whatever parent_id says.
const maxGroupDepth = 64

// saveGroup writes the whole tree in one transaction and returns warnings. The
// outermost group gets its id set. An upload that is whole says all that the group
// holds: what it does not name goes. Otherwise what it does not name stays.
func (h *Handler) saveGroup(ctx context.Context, s *reportstore.Store, tree *document.GroupTree, whole bool) (warnings []string, err error) {
	err = s.InTx(ctx, func(tx *reportstore.Store) error {
		warnings = nil
		job, build, err := h.groupBuild(ctx, tx, tree.Group, &warnings)
		if err != nil {
			return err
		}
		if err := lockNewTree(ctx, tx, tree.Group); err != nil {
			return err
		}
		above, err := groupsAbove(ctx, tx, tree.Group)
		if err != nil {
			return err
		}
		root, err := rootAround(ctx, tx, tree.Group.Text("parent_id"))
		if err != nil {
			return err
		}
		w := treeWrite{h: h, tx: tx, root: root, job: job, build: build, whole: whole}
		id, err := w.save(ctx, tree, nil, above, 0)
		tree.Group.Set("_id", id)
		if err != nil {
			return err
		}
		return tell(tx, groupStoredEvent, w.outer, w.known, countCases(tree, map[string]int64{}))
	})
	return warnings, err
}

// lockNewTree is lockTree for a group that may not be there yet. Everybody locks
// the identity before the tree.
func lockNewTree(ctx context.Context, tx *reportstore.Store, g *document.Document) error {
	if tx.Alone() {
		return nil // what to lock need not be found out
	}
	if err := tx.LockIdentity(ctx, groups.table, g.Identity()); err != nil {
		return err
	}
	old, err := tx.ReportByIdentity(ctx, groups.table, g.Identity())
	switch {
	case err == nil:
		return lockTree(ctx, tx, old.Get(groups.table, "_id").(string))
	case !errors.Is(err, store.ErrNotFound):
		return err
	case g.Get("parent_id") != nil:
		return lockTree(ctx, tx, g.Text("parent_id"))
	}
	return nil // nobody else can know it before this transaction ends
}

// lockTree keeps other writers away from the whole tree that a group belongs to
// until the transaction ends: groups hold lists of what is inside them, and a tree
// is replaced as one. The name of the lock is the id of the outermost group.
func lockTree(ctx context.Context, tx *reportstore.Store, id string) error {
	for range maxGroupDepth {
		row, err := tx.ReportByID(ctx, groups.table, id)
		if errors.Is(err, store.ErrNotFound) {
			break // a parent that never came, or is gone
		}
		if err != nil {
			return err
		}
		parent, inside := row.Get(groups.table, "parent_id").(string)
		if !inside {
			break
		}
		id = parent
	}
	return tx.Lock(ctx, "test_groups/tree/"+id)
}

// groupsAbove returns the names of the groups around one, the outermost first.
func groupsAbove(ctx context.Context, tx *reportstore.Store, g *document.Document) (names []string, err error) {
	for parent := g.Text("parent_id"); parent != "" && len(names) < maxGroupDepth; {
		row, err := tx.ReportByID(ctx, groups.table, parent)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		name, _ := row.Get(groups.table, "name").(string)
		names = append(names, name)
		parent, _ = row.Get(groups.table, "parent_id").(string)
	}
	slices.Reverse(names)
	return names, nil
}

// rootAround returns the outermost group of the tenant that a group inside another
// belongs to, empty when there is none.
func rootAround(ctx context.Context, tx *reportstore.Store, parent string) (string, error) {
	if parent == "" {
		return "", nil
	}
	row, err := tx.ReportByID(ctx, groups.table, parent)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && row.Tenant != tx.Tenant():
		return "", nil
	case err != nil:
		return "", err
	}
	root, _ := row.Get(groups.table, "root_id").(string)
	return root, nil
}

// moveGroup gives a group that has another parent now, and what is inside it, the
// outermost group around that one.
func moveGroup(ctx context.Context, tx *reportstore.Store, g *document.Document) error {
	root, err := rootAround(ctx, tx, g.Text("parent_id"))
	if err != nil {
		return err
	}
	g.Set("root_id", cmp.Or(root, g.Text("_id")))
	return tx.MoveGroup(ctx, g.Text("_id"), g.Text("root_id"))
}

// treeWrite is one upload of a tree on its way into the store. Its transaction
// has the tree's lock.
type treeWrite struct {
	h          *Handler
	tx         *reportstore.Store
	root       string // the outermost group; of a new tree known with its first id
	job, build *document.Document
	whole      bool

	outer *document.Document // the outermost group as it was stored, once it is
	known bool               // and whether it was there before
}

// save writes a group after what it holds, and returns its id. above names the
// groups around it; number tells it from others of its identity in the upload.
func (w *treeWrite) save(ctx context.Context, tree *document.GroupTree, parent *document.Document, above []string, number int) (id string, err error) {
	g := tree.Group.Clone()
	if parent != nil {
		g.Set("parent_id", parent.Get("_id"))
	}
	err = w.tx.PutReport(ctx, groups.table, g.Twin(number), func(_ *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		was, err := groups.document(old)
		if err != nil {
			return nil, err
		}
		w.h.place(g, was)
		w.root = cmp.Or(w.root, g.Text("_id"))
		g.Set("root_id", w.root)
		completeGroup(g, w.job, w.build)
		if err := w.saveCases(ctx, tree.Cases, was, g, above); err != nil {
			return nil, err
		}
		if err := w.saveGroups(ctx, tree.Sub, was, g, above); err != nil {
			return nil, err
		}
		if parent == nil {
			w.outer, w.known = g, was != nil
		}
		return groups.row(g), nil
	})
	return g.Text("_id"), err
}

// saveCases writes the cases of a group. Those that the group was already known
// to have go when the upload names them too, or is whole.
func (w *treeWrite) saveCases(ctx context.Context, list []*document.Document, was, g *document.Document, above []string) error {
	var ids []string
	switch {
	case was == nil:
	case w.whole:
		if err := w.tx.ReplaceReports(ctx, cases.table, conditionsOf("test_group_id", g.Get("_id"))); err != nil {
			return err
		}
	case len(list) == 0:
		g.Set("test_cases", was.Get("test_cases"))
		return nil
	default:
		var err error
		if ids, err = w.dropCases(ctx, g.Get("_id"), list); err != nil {
			return err
		}
	}
	rows, tests := make([]*reportstore.Report, 0, len(list)), make([]reportstore.KernelTest, 0, len(list))
	for _, c := range list {
		c = c.Clone()
		w.h.place(c, nil)
		document.CompleteCase(c, g, above...)
		rows, tests = append(rows, cases.row(c)), append(tests, caseTest(c, g, above))
		ids = append(ids, c.Text("_id"))
	}
	if ids != nil {
		g.Set("test_cases", ids)
	}
	if err := w.tx.PutReports(cases.table, rows...); err != nil {
		return err
	}
	return w.tx.KeepTests(ctx, tests...)
}

// nameSlice is how many names one statement asks for.
const nameSlice = 500

// dropCases removes the cases of a group that have the names of new ones, and
// returns the ids of the others.
func (w *treeWrite) dropCases(ctx context.Context, group any, list []*document.Document) (others []string, err error) {
	for slice := range slices.Chunk(list, nameSlice) {
		names := reportstore.Condition{Field: "name", Op: reportstore.In}
		for _, c := range slice {
			names.Values = append(names.Values, c.Get("name"))
		}
		if err := w.tx.ReplaceReports(ctx, cases.table, append(conditionsOf("test_group_id", group), names)); err != nil {
			return nil, err
		}
	}
	return idsWhere(ctx, w.tx, cases, "test_group_id", group)
}

// saveGroups writes the groups inside one, as saveCases does its cases. Of groups
// with one name the upload names all.
func (w *treeWrite) saveGroups(ctx context.Context, list []document.GroupTree, was, g *document.Document, above []string) error {
	above = append(slices.Clone(above), g.Text("name"))
	var ids []string
	named, numbers := map[string]bool{}, map[string]int{}
	for i := range list {
		sub := &list[i]
		same := string(sub.Group.Identity())
		id, err := w.save(ctx, sub, g, above, numbers[same])
		if err != nil {
			return err
		}
		numbers[same]++
		named[sub.Group.Text("name")] = true
		ids = append(ids, id)
	}
	others, err := w.dropGroups(ctx, was, g, named, ids)
	if err != nil {
		return err
	}
	if ids = append(others, ids...); len(ids) > 0 {
		g.Set("sub_groups", ids)
	}
	return nil
}

// dropGroups removes the groups inside one that an upload takes the place of, but
// not those that it saved, and returns the ids of the others.
func (w *treeWrite) dropGroups(ctx context.Context, was, g *document.Document, named map[string]bool, saved []string) (others []string, err error) {
	if was == nil {
		return nil, nil
	}
	known, fresh := idsOf(was, "sub_groups"), map[string]bool{}
	for _, id := range saved {
		fresh[id] = true
	}
	switch {
	case !w.whole && len(named) == 0:
		return known, nil
	case w.whole:
		if known, err = idsWhere(ctx, w.tx, groups, "parent_id", g.Get("_id")); err != nil {
			return nil, err
		}
	}
	for _, id := range known {
		if fresh[id] {
			continue
		}
		row, err := w.tx.ReportByID(ctx, groups.table, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		}
		name, _ := row.Get(groups.table, "name").(string)
		if !w.whole && !named[name] {
			others = append(others, id)
		} else if err := removeTree(ctx, w.tx, w.tx.ReplaceReports, id, maxGroupDepth); err != nil {
			return nil, err
		}
	}
	return others, nil
}

// drop removes the reports that meet the conditions.
type drop func(ctx context.Context, c *reportstore.Collection, where []reportstore.Condition) error

// removed is to drop what somebody has asked to be removed.
func removed(tx *reportstore.Store) drop {
	return func(ctx context.Context, c *reportstore.Collection, where []reportstore.Condition) error {
		_, err := tx.DeleteReports(ctx, c, where)
		return err
	}
}

// removeTree drops a group with its cases and the groups inside it.
func removeTree(ctx context.Context, tx *reportstore.Store, drop drop, id string, depth int) error {
	if err := drop(ctx, cases.table, conditionsOf("test_group_id", id)); err != nil {
		return err
	}
	if err := drop(ctx, groups.table, conditionsOf("_id", id)); err != nil || depth == 0 {
		return err
	}
	inner, err := idsWhere(ctx, tx, groups, "parent_id", id)
	if err != nil {
		return err
	}
	for _, sub := range inner {
		if err := removeTree(ctx, tx, drop, sub, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// unlist takes an id out of a list that a group holds; a group that is gone holds
// none.
func unlist(ctx context.Context, tx *reportstore.Store, group, list, id string) error {
	if group == "" {
		return nil
	}
	err := tx.UpdateReport(ctx, groups.table, group, func(_ *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		g, err := groups.document(old)
		if err != nil {
			return nil, err
		}
		ids := idsOf(g, list)
		if !slices.Contains(ids, id) {
			return nil, nil
		}
		g.Set(list, slices.DeleteFunc(ids, func(other string) bool { return other == id }))
		return groups.sameRow(g), nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// idsWhere returns the ids of the documents that have a value in a field, in the
// order in which they came.
func idsWhere(ctx context.Context, s *reportstore.Store, r *resource, field string, value any) (ids []string, err error) {
	_, err = s.FindReports(ctx, r.table, reportstore.Query{Where: conditionsOf(field, value)}, func(row *reportstore.Report) error {
		ids = append(ids, row.Get(r.table, "_id").(string))
		return nil
	})
	return ids, err
}

func idsOf(d *document.Document, field string) []string {
	ids, _ := d.Get(field).([]string)
	return slices.Clone(ids)
}
