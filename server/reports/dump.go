package reports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// TokenKeeper is what an import of tokens needs of the one who checks them.
type TokenKeeper interface {
	// Hashes returns under what the store may have a token.
	Hashes(text string) [][]byte
	// Adopt fills in what is kept of a token whose text was made elsewhere.
	Adopt(t *store.Token, text string) error
}

// DumpImport takes over the dump of a kernelci-backend. Documents keep their ids and
// times. Two documents of one identity both stay, as two reports (document.IDTwin). What
// is there already under an id stays as it is.
type DumpImport struct {
	Import imports.Import
	Tokens TokenKeeper

	tokens map[string]string // ids of our tokens by those of the dump
	groups map[string]*dumpedGroup
	seen   map[string]bool // ids of a dry run
}

// dumpedGroup is a group that cases are tied to.
type dumpedGroup struct {
	group *document.Document // nil: there is none
	above []string
}

var dumpResources = map[string]*resource{"lab": labs, "job": jobs, "build": builds, "boot": boots, "test_group": groups, "test_case": cases}

// Run imports the files and returns the report of all, also with an error: of what was
// done before it.
func (d *DumpImport) Run(ctx context.Context, dump *Dump) (*imports.Report, error) {
	d.groups, d.seen = map[string]*dumpedGroup{}, map[string]bool{}
	sum := &imports.Report{}
	for _, f := range dump.LeftOut {
		sum.Note(f)
	}
	for _, f := range dump.Refused {
		sum.Refuse(f)
	}
	for _, f := range dump.Files {
		report, err := d.file(ctx, f)
		if report != nil {
			sum.Add(report)
		}
		if err != nil {
			return sum, err
		}
	}
	return sum, d.Import.Forget(ctx, dump.Files...)
}

func (d *DumpImport) file(ctx context.Context, f imports.File) (*imports.Report, error) {
	if f.Kind == tokenCollection {
		report, err := imports.Run(ctx, &d.Import, f, d.takeTokens(f))
		if err != nil {
			return report, err
		}
		return report, d.nameTokens(ctx, f)
	}
	return imports.Run(ctx, &d.Import, f, d.takeReports(dumpResources[f.Kind], f))
}

// dumpedToken is a token of the collection api-token (app/models/token.py).
type dumpedToken struct {
	id      string
	created time.Time
	OldToken
}

func readDumpedToken(text []byte) (*dumpedToken, error) {
	var about struct {
		ID      json.RawMessage `json:"_id"`
		Created mongoTime       `json:"created_on"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, errors.New("is no JSON, or its created_on is no time") // never its text
	}
	old, err := readOldToken(text)
	if err != nil || old == nil {
		return nil, err
	}
	var oid struct {
		OID string `json:"$oid"`
	}
	_ = json.Unmarshal(about.ID, &oid) // no id: no lab can name it
	return &dumpedToken{id: oid.OID, created: time.Time(about.Created), OldToken: *old}, nil
}

func (d *DumpImport) takeTokens(f imports.File) imports.Take[*dumpedToken] {
	read := func(rec imports.Record, r *imports.Report) (*dumpedToken, bool) {
		t, err := readDumpedToken(rec.Text)
		finding := imports.Finding{File: f.Name, Line: rec.Line, Kind: f.Kind, Says: "has expired"}
		switch {
		case err != nil:
			finding.Says = err.Error()
			r.Refuse(finding)
		case t == nil:
			r.LeaveOut(finding)
		}
		return t, err == nil && t != nil
	}
	write := func(ctx context.Context, tx *store.Store, items []imports.Item[*dumpedToken], r *imports.Report) error {
		for _, item := range items {
			taken, err := d.putToken(ctx, tx, item.Value)
			switch {
			case err != nil:
				return err
			case taken:
				r.Taken(f.Kind)
			default:
				r.There(f.Kind)
			}
		}
		return nil
	}
	return imports.Take[*dumpedToken]{Read: read, Write: write}
}

func (d *DumpImport) putToken(ctx context.Context, tx *store.Store, old *dumpedToken) (taken bool, err error) {
	id, err := d.tokenID(ctx, tx, old.Text)
	if err != nil || id != "" || d.Import.DryRun {
		return id == "", err
	}
	t := *old.Token
	t.Tenant = d.Import.Tenant
	if err := d.Tokens.Adopt(&t, old.Text); err != nil {
		return false, err
	}
	if err := tx.CreateToken(ctx, &t); err != nil || old.created.IsZero() {
		return true, err
	}
	return true, tx.UpdateToken(ctx, t.ID, func(t *store.Token) error {
		t.CreatedAt = old.created
		return nil
	})
}

// tokenID is the id of the token with a text, empty for none.
func (d *DumpImport) tokenID(ctx context.Context, s *store.Store, text string) (string, error) {
	for _, hash := range d.Tokens.Hashes(text) {
		t, err := s.TokenByHash(ctx, hash)
		if err == nil {
			return t.ID, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	return "", nil
}

// nameTokens notes under which ids of the dump tokens are known to its labs.
func (d *DumpImport) nameTokens(ctx context.Context, f imports.File) error {
	d.tokens = map[string]string{}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	for r := imports.NewReader(in, 0); ; {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Err != nil {
			continue
		}
		t, err := readDumpedToken(rec.Text)
		if err != nil || t == nil || t.id == "" {
			continue // the import has said so
		}
		if d.tokens[t.id], err = d.tokenID(ctx, d.Import.Store, t.Text); err != nil {
			return err
		}
	}
}

func (d *DumpImport) takeReports(of *resource, f imports.File) imports.Take[*document.Document] {
	read := func(rec imports.Record, r *imports.Report) (*document.Document, bool) {
		doc, left, err := of.schema.FromDump(rec.Text)
		finding := imports.Finding{File: f.Name, Line: rec.Line, Kind: f.Kind}
		if err != nil {
			finding.Says = err.Error()
			r.Refuse(finding)
			return nil, false
		}
		finding.ID = doc.Text("_id")
		for _, field := range left {
			finding.Says = fmt.Sprintf("the field %s %s", field.Pointer[1:], field.Message)
			r.Note(finding)
		}
		return doc, true
	}
	write := func(ctx context.Context, tx *store.Store, items []imports.Item[*document.Document], r *imports.Report) error {
		w := &dumpWrite{
			d: d, of: of, file: f, report: r,
			all: reportstore.New(tx).For(store.Everything),
			own: reportstore.New(tx).For(store.Scope{Tenant: d.Import.Tenant}),
		}
		return w.write(ctx, items)
	}
	return imports.Take[*document.Document]{Read: read, Write: write}
}

// dumpWrite is one part of a collection on its way into the store.
type dumpWrite struct {
	d      *DumpImport
	of     *resource
	file   imports.File
	report *imports.Report

	all, own *reportstore.Store
	rows     []*reportstore.Report
	tests    []reportstore.KernelTest
}

func (w *dumpWrite) write(ctx context.Context, items []imports.Item[*document.Document]) error {
	there, err := w.there(ctx, items)
	if err != nil {
		return err
	}
	for _, item := range items {
		doc := item.Value.Clone()
		finding := imports.Finding{File: w.file.Name, Line: item.Line, Kind: w.file.Kind, ID: doc.Text("_id")}
		if err := w.complete(ctx, doc, finding); err != nil {
			return err
		}
		row := w.of.row(doc)
		row.Tenant = w.d.Import.Tenant
		if old, known := there[finding.ID]; known {
			w.repeated(old, row, finding)
			continue
		}
		there[finding.ID] = row
		taken, err := w.put(ctx, doc, row, finding)
		if err != nil {
			return fmt.Errorf("line %d: %w", item.Line, err)
		}
		if taken {
			w.report.Taken(w.file.Kind)
		}
	}
	if w.d.Import.DryRun {
		return nil
	}
	if err := w.own.InsertReports(ctx, w.of.table, w.rows...); err != nil {
		return err
	}
	return w.own.KeepTests(ctx, w.tests...)
}

// there returns the reports that have ids of the items already, whoever they belong to.
func (w *dumpWrite) there(ctx context.Context, items []imports.Item[*document.Document]) (map[string]*reportstore.Report, error) {
	there := map[string]*reportstore.Report{}
	if len(items) == 0 {
		return there, nil
	}
	ids := reportstore.Condition{Field: "_id", Op: reportstore.In}
	for _, item := range items {
		ids.Values = append(ids.Values, item.Value.Get("_id"))
	}
	_, err := w.all.FindReports(ctx, w.of.table, reportstore.Query{Where: []reportstore.Condition{ids}}, func(r *reportstore.Report) error {
		there[r.Get(w.of.table, "_id").(string)] = r
		return nil
	})
	return there, err
}

// ownColumns are those in which what the store has may differ from what a dump says.
var ownColumns = []string{"root_id", "token"}

// repeated counts a document whose id is there. One that says something else is refused:
// it may be a failure where a pass is shown.
func (w *dumpWrite) repeated(old, row *reportstore.Report, finding imports.Finding) {
	same := old.Rest == row.Rest && old.Tenant == row.Tenant
	for i, c := range w.of.table.Columns {
		same = same && (slices.Contains(ownColumns, c.Name) || old.Values[i] == row.Values[i])
	}
	if same {
		w.report.There(w.file.Kind)
		return
	}
	finding.Says = "another document has this id; that one stays"
	w.report.Refuse(finding)
}

// complete fills in what a document has from others, and notes which of those are
// missing.
func (w *dumpWrite) complete(ctx context.Context, doc *document.Document, finding imports.Finding) error {
	if w.of == cases {
		g, err := w.group(ctx, doc.Text("test_group_id"))
		if err != nil {
			return err
		}
		if g.group != nil {
			document.FillCase(doc, g.group, g.above...)
		} else if !w.d.seen[doc.Text("test_group_id")] {
			finding.Says = "its test group is missing: it is in no list of one"
			w.report.Note(finding)
		}
		return nil
	}
	for _, to := range []struct {
		field string
		of    *resource
	}{{"job_id", jobs}, {"build_id", builds}, {"boot_id", boots}} {
		if _, has := w.of.schema.Field(to.field); !has || doc.Text(to.field) == "" || w.d.seen[doc.Text(to.field)] {
			continue
		}
		_, err := w.own.ReportByID(ctx, to.of.table, doc.Text(to.field))
		if errors.Is(err, store.ErrNotFound) {
			finding.Says = "its " + to.of.schema.Name + " is missing; " + to.field + " stays"
			w.report.Note(finding)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxDumpedGroups is how many groups an import remembers. Cases of one follow each other.
const maxDumpedGroups = 1000

// group returns what cases of a group need of it.
func (w *dumpWrite) group(ctx context.Context, id string) (*dumpedGroup, error) {
	if g, known := w.d.groups[id]; known {
		return g, nil
	}
	g := &dumpedGroup{}
	row, err := w.own.ReportByID(ctx, groups.table, id)
	if err == nil {
		if g.group, err = groups.document(row); err == nil {
			g.above, err = groupsAbove(ctx, w.own, g.group)
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if len(w.d.groups) >= maxDumpedGroups {
		clear(w.d.groups)
	}
	w.d.groups[id] = g
	return g, nil
}

// put adds a document that is not there yet. False: the report says why not.
func (w *dumpWrite) put(ctx context.Context, doc *document.Document, row *reportstore.Report, finding imports.Finding) (bool, error) {
	if w.d.Import.DryRun {
		w.d.seen[finding.ID] = true
		if w.of != labs {
			return true, nil
		}
	}
	taken, err := w.identify(ctx, doc, row)
	switch {
	case err != nil:
		return false, err
	case !taken && w.of == labs:
		finding.Says = "a lab of this name is there already, with another id"
		w.report.Refuse(finding)
		return false, nil
	case w.d.Import.DryRun:
		return true, nil
	case !taken:
		row.Identity = doc.Twin(doc.IDTwin())
	}
	switch w.of {
	case labs:
		return true, w.putLab(ctx, doc, row.Identity, finding)
	case groups:
		return true, w.putGroup(ctx, doc, row.Identity)
	case boots:
		w.keep(bootTest(doc))
	case cases:
		g, err := w.group(ctx, doc.Text("test_group_id"))
		if err != nil {
			return false, err
		}
		w.keep(dumpedCaseTest(doc, g))
	}
	w.rows = append(w.rows, row)
	return true, nil
}

// identify reports whether the identity of a row is free for it.
func (w *dumpWrite) identify(ctx context.Context, doc *document.Document, row *reportstore.Report) (free bool, err error) {
	if row.Identity == nil {
		return true, nil
	}
	for _, other := range w.rows {
		if bytes.Equal(other.Identity, row.Identity) {
			return false, nil
		}
	}
	if !w.d.Import.DryRun {
		if err := w.own.LockIdentity(ctx, w.of.table, row.Identity); err != nil {
			return false, err
		}
	}
	_, err = w.own.ReportByIdentity(ctx, w.of.table, row.Identity)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// keep notes a report as a test that came when the report was made.
func (w *dumpWrite) keep(t reportstore.KernelTest) {
	t.Stored = time.UnixMilli(t.Created).UTC()
	w.tests = append(w.tests, t)
}

// dumpedCaseTest is a case as a test. One whose group is missing has the name that its
// path is, so that its failure is not lost.
func dumpedCaseTest(c *document.Document, g *dumpedGroup) reportstore.KernelTest {
	if g.group != nil {
		return caseTest(c, g.group, g.above)
	}
	t := testOf(reportstore.CaseTest, c)
	t.GroupID = textOf(c, "test_group_id")
	if t.Name = c.Text("test_case_path"); t.Name == "" {
		t.Name = c.Text("name")
	}
	return t
}

// putLab adds a lab with its token. Here a lab holds the id that the API shows of a
// token, which is ours.
func (w *dumpWrite) putLab(ctx context.Context, lab *document.Document, identity []byte, finding imports.Finding) error {
	old := lab.Text("token")
	lab.Set("token", nil)
	if id := w.d.tokens[old]; id != "" {
		lab.Set("token", tokenOID(id))
		if err := bindToken(ctx, w.own, id, lab.Text("name")); err != nil {
			return err
		}
	} else {
		finding.Says = "its token is not in the dump, or was not taken: the lab has none"
		w.report.Note(finding)
	}
	row := labs.row(lab)
	row.Identity = identity
	return w.own.InsertReports(ctx, labs.table, row)
}

// putGroup adds a group at its place in its tree. The groups inside it may be there.
func (w *dumpWrite) putGroup(ctx context.Context, g *document.Document, identity []byte) error {
	id := g.Text("_id")
	root, err := rootAround(ctx, w.own, g.Text("parent_id"))
	if err != nil {
		return err
	}
	if root == "" {
		root = id
	}
	g.Set("root_id", root)
	row := groups.row(g)
	row.Identity = identity
	if err := w.own.InsertReports(ctx, groups.table, row); err != nil {
		return err
	}
	inside, err := idsWhere(ctx, w.own, groups, "parent_id", id)
	if err != nil {
		return err
	}
	held, err := idsWhere(ctx, w.own, cases, "test_group_id", id)
	if err != nil || len(inside)+len(held) == 0 {
		return err
	}
	if err := w.own.MoveGroup(ctx, id, root); err != nil {
		return err
	}
	above, err := groupsAbove(ctx, w.own, g)
	if err != nil {
		return err
	}
	return renameTests(ctx, w.own, id, append(above, g.Text("name")))
}
