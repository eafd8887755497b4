package refstack

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/runs"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// DumpImport takes over the database of a RefStack: what mysqldump wrote of it, or
// another dump of the tables of refstack/db/sqlalchemy/models.py. Results keep their ids,
// times, owners and notes; keys keep theirs. What is there already under an id stays.
type DumpImport struct {
	Import  imports.Import
	Limits  intake.Limits
	Scratch scratch.Options

	file   imports.File
	tables *scratch.Tables
	runs   runs.Taker
	keys   []int64 // the rows, in the order of the dump
	tests  []int64 // likewise, by their times
}

// Why tables are left out (refstack/db/sqlalchemy/models.py has what is in them).
const (
	noUsers    = "there are no users here: an owner is whoever an API token names so, here by the OpenID"
	noProducts = "vendors and their products have no place here"
)

// dumpTables are RefStack's tables. Older ones lack verification_status (migration
// 59df512e82f) and product_version_id (23843be3da52).
var dumpTables = []scratch.Table{
	{
		Name: "test", Needed: []string{"id", "created_at", "cpid"}, Indexes: []string{"id"},
		Columns: []string{"id", "created_at", "cpid", "duration_seconds", "product_version_id", "verification_status", "deleted"},
	},
	{Name: "results", Columns: []string{"test_id", "name", "uuid", "deleted"}, Needed: []string{"test_id", "name"}, Indexes: []string{"test_id"}},
	{Name: "meta", Columns: []string{"test_id", "meta_key", "value", "deleted"}, Needed: []string{"test_id", "meta_key", "value"}, Indexes: []string{"test_id"}},
	{Name: "pubkeys", Columns: []string{"id", "openid", "format", "pubkey", "comment", "created_at", "deleted"}, Needed: []string{"id", "openid", "format", "pubkey"}, Indexes: []string{"pubkey"}},
	{Name: "user", LeftOut: noUsers},
	{Name: "group", LeftOut: noProducts}, {Name: "user_to_group", LeftOut: noProducts}, {Name: "organization", LeftOut: noProducts},
	{Name: "product", LeftOut: noProducts}, {Name: "product_version", LeftOut: noProducts},
	{Name: "alembic_version", LeftOut: "says how the tables were made"},
}

// Run imports a dump and returns the report of it, also with an error: of what was done
// before it.
func (d *DumpImport) Run(ctx context.Context, f imports.File) (*imports.Report, error) {
	d.file, d.runs = f, runs.Taker{Import: &d.Import, Limits: d.Limits}
	var err error
	if d.tables, err = scratch.Open(ctx, f, dumpTables, d.Scratch); err != nil {
		return nil, err
	}
	defer d.tables.Close()
	sum := d.tables.Report
	if !d.tables.Has("test") && !d.tables.Has("pubkeys") {
		sum.Refuse(imports.Finding{File: f.Name, Kind: "dump", Says: "is no dump of a RefStack: it has neither the table test nor pubkeys"})
		return sum, nil
	}
	if err := d.survey(ctx, sum); err != nil {
		return sum, err
	}
	return imports.RunSteps(ctx, &d.Import, f, sum, imports.Steps{Digest: d.tables.Digest, Count: len(d.keys) + len(d.tests), Step: d.step})
}

// survey finds what there is to do, and what refers to something that is missing.
func (d *DumpImport) survey(ctx context.Context, sum *imports.Report) (err error) {
	if d.keys, err = d.tables.Numbers(ctx, "SELECT seq FROM pubkeys ORDER BY seq"); err != nil {
		return err
	}
	if d.tests, err = d.tables.Numbers(ctx, "SELECT seq FROM test ORDER BY created_at, seq"); err != nil {
		return err
	}
	for _, kind := range []string{"results", "meta"} {
		err := d.tables.Each(ctx, "SELECT line, test_id FROM "+kind+" WHERE test_id IS NULL OR test_id NOT IN (SELECT id FROM test WHERE id IS NOT NULL) ORDER BY seq", nil, func(scan scratch.Scan) error {
			f := imports.Finding{File: d.file.Name, Kind: kind, Says: "its test is not in the dump"}
			var id sql.NullString
			err := scan(&f.Line, &id)
			f.ID = id.String
			sum.Refuse(f)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *DumpImport) step(ctx context.Context, n int, r *imports.Report, commit imports.Commit) error {
	if n < len(d.keys) {
		return d.key(ctx, d.keys[n], r, commit)
	}
	return d.test(ctx, d.tests[n-len(d.keys)], r, commit)
}

// isDeleted tells whether a row was deleted and kept: oslo.db writes its own id there
// (oslo_db/sqlalchemy/models.py, SoftDeleteMixin).
func isDeleted(mark sql.NullString) bool {
	return mark.Valid && mark.String != "" && mark.String != "0"
}

// key takes over a public key.
func (d *DumpImport) key(ctx context.Context, seq int64, r *imports.Report, commit imports.Commit) error {
	var id, openid, format, text, comment, created, deleted sql.NullString
	f := imports.Finding{File: d.file.Name, Kind: "pubkeys"}
	row := d.tables.QueryRowContext(ctx, "SELECT line, id, openid, format, pubkey, comment, created_at, deleted FROM pubkeys WHERE seq = ?", seq)
	if err := row.Scan(&f.Line, &id, &openid, &format, &text, &comment, &created, &deleted); err != nil {
		return err
	}
	f.ID = id.String
	if isDeleted(deleted) {
		f.Says = "is deleted"
		r.LeaveOut(f)
		return commit(nil)
	}
	k, err := d.keyOf(id.String, openid.String, format.String+" "+text.String, comment.String, created.String)
	var there bool
	if err == nil {
		there, err = d.findKey(ctx, k, r, f)
	}
	var refused *runs.RefusedError
	switch {
	case errors.As(err, &refused):
		f.Says = refused.Says
		r.Refuse(f)
		return commit(nil)
	case err != nil:
		return err
	case there:
		r.There(f.Kind)
		return commit(nil)
	}
	r.Taken(f.Kind)
	return commit(func(tx *store.Store) error {
		row := *k // a copy, in case this runs again
		return refstackstore.New(tx).AdoptPublicKey(ctx, &row)
	})
}

func (d *DumpImport) keyOf(id, openid, line, comment, created string) (*refstackstore.PublicKey, error) {
	key, err := parseKey(line)
	at, bad := runs.Time(created)
	public, odd := uuid.Parse(id)
	switch {
	case err != nil:
		return nil, &runs.RefusedError{Says: "its pubkey is none: it " + keyWanted}
	case openid == "":
		return nil, &runs.RefusedError{Says: "it belongs to nobody"}
	case strings.ContainsRune(openid+comment, 0):
		return nil, &runs.RefusedError{Says: "its openid or comment has the character U+0000"}
	case bad != nil:
		return nil, &runs.RefusedError{Says: "its created_at: " + bad.Error()}
	case odd != nil:
		return nil, &runs.RefusedError{Says: "its id is no UUID"}
	}
	return &refstackstore.PublicKey{
		ID: hex.EncodeToString(public[:]), Tenant: d.Import.Tenant, Owner: valid(openid), Format: key.format, Key: key.base64,
		Comment: valid(comment), Fingerprint: key.sum[:], CreatedAt: at,
	}, nil
}

// findKey reports whether a key is there. It gives it another id when somebody of another
// tenant has it.
func (d *DumpImport) findKey(ctx context.Context, k *refstackstore.PublicKey, r *imports.Report, f imports.Finding) (there bool, err error) {
	s := refstackstore.New(d.Import.Store)
	same, err := s.PublicKeysByFingerprint(ctx, k.Fingerprint)
	if err != nil {
		return false, err
	}
	for _, old := range same {
		switch {
		case old.Tenant != k.Tenant:
		case old.Owner == k.Owner:
			return true, nil
		default:
			return false, &runs.RefusedError{Says: "somebody else has registered this key"}
		}
	}
	_, err = s.PublicKey(ctx, k.ID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	other := runs.ID("pubkeys", k.Tenant, k.ID)
	k.ID = hex.EncodeToString(other[:])
	f.Says = "its id is taken; it has another one here"
	r.Note(f)
	return false, nil
}

func valid(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

// gapRows is how far from a gap results may stand and belong to what was in it: RefStack
// adds those of one test one after the other, and several clients upload at once.
const gapRows = 10_000

// noOwner says why it is not known whose a test is that was signed, or not; empty when it
// is.
func (d *DumpImport) noOwner(signed bool) string {
	switch {
	case !d.tables.Has("meta"):
		return "the dump has no table meta, which says whose a test is, and this one may be somebody's"
	case !d.tables.Whole("meta"):
		return "the dump has lost notes, and this test may be somebody's"
	case signed && !d.tables.Whole("pubkeys"):
		return "the dump has lost keys, and the one that signed this test may be somebody's"
	}
	return ""
}

// doubts say why a list may not be what it was.
func (d *DumpImport) doubts(first, last, rows int64) (says []string) {
	if rows == 0 {
		return []string{"none of its results is in the dump"}
	}
	if gap := d.tables.GapNear("results", first, last, gapRows); gap != nil {
		says = append(says, fmt.Sprintf("the dump has lost results at line %d, and some may be of this test", gap.Line))
	}
	return says
}
