package refstack

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/runs"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// dumpedTest is a row of the table test with what belongs to it.
type dumpedTest struct {
	d     *DumpImport
	where imports.Finding

	id                                           string
	cpid, duration, version, status, at, deleted sql.NullString
	first                                        sql.NullInt64 // the first row of this id
	meta                                         refstackstore.Published
	signed                                       bool // by a key; whose, says the key
	damage                                       []string
}

// test takes over a test: what a client has uploaded, which is a list of passes.
func (d *DumpImport) test(ctx context.Context, seq int64, r *imports.Report, commit imports.Commit) error {
	t := &dumpedTest{d: d, where: imports.Finding{File: d.file.Name, Kind: "test"}}
	var id sql.NullString
	err := d.tables.QueryRowContext(ctx, `SELECT line, id, created_at, cpid, duration_seconds, product_version_id, verification_status, deleted,
		(SELECT min(seq) FROM test AS other WHERE other.id = test.id) FROM test WHERE seq = ?`, seq).
		Scan(&t.where.Line, &id, &t.at, &t.cpid, &t.duration, &t.version, &t.status, &t.deleted, &t.first)
	if err != nil {
		return err
	}
	t.id, t.where.ID = id.String, id.String
	public, odd := uuid.Parse(t.id)
	at, bad := runs.Time(t.at.String)
	f := t.where
	switch {
	case isDeleted(t.deleted):
		f.Says = "is deleted"
		r.LeaveOut(f)
		return commit(nil)
	case odd != nil || !strings.EqualFold(public.String(), t.id):
		f.Says = "its id is no UUID"
	case bad != nil:
		f.Says = "its created_at: " + bad.Error()
	case t.first.Int64 != seq:
		f.Says = "another test has this id; that one stays"
	}
	if f.Says != "" {
		r.Refuse(f)
		return commit(nil)
	}
	if err := t.notes(ctx, r); err != nil {
		return err
	}
	if f.Says = d.noOwner(t.signed); t.meta.Owner == "" && f.Says != "" { // it must not be shown to everybody
		r.Refuse(f)
		return commit(nil)
	}
	if err := t.check(ctx, r); err != nil {
		return err
	}
	return d.runs.Take(ctx, t.run(ctx, public, at), r, commit)
}

// note tells what of a test is not as it was.
func (t *dumpedTest) note(r *imports.Report, format string, args ...any) {
	f := t.where
	f.Says = fmt.Sprintf(format, args...)
	r.Note(f)
}

// notes reads the table meta.
func (t *dumpedTest) notes(ctx context.Context, r *imports.Report) error {
	var signed string
	err := t.d.tables.Each(ctx, "SELECT meta_key, value, deleted FROM meta WHERE test_id = ? ORDER BY seq", []any{t.id}, func(scan scratch.Scan) error {
		var key, value, deleted sql.NullString
		if err := scan(&key, &value, &deleted); err != nil || isDeleted(deleted) || !value.Valid {
			return err
		}
		text := valid(strings.ReplaceAll(value.String, "\x00", "\ufffd"))
		switch place := metaOf(&t.meta, key.String); {
		case place != nil && *place == nil:
			*place = &text
		case place != nil:
			t.note(r, "the note %s is there twice; the first stays", key.String)
		case key.String == userKey && t.meta.Owner == "":
			t.meta.Owner = text
		case key.String == "public_key":
			signed = value.String
		default:
			t.note(r, "the note %.64s has no place here", key.String)
		}
		return nil
	})
	if t.signed = signed != ""; err != nil || !t.signed || t.meta.Owner != "" {
		return err
	}
	return t.signer(ctx, signed, r)
}

// signer finds whose key has signed a test, which RefStack noted before its migration
// 428e5aef5534 made owners of the keys.
func (t *dumpedTest) signer(ctx context.Context, key string, r *imports.Report) error {
	parts := strings.Fields(key)
	if len(parts) >= 2 {
		var owner sql.NullString
		err := t.d.tables.QueryRowContext(ctx, "SELECT max(openid) FROM pubkeys WHERE format = ? AND pubkey = ?", parts[0], parts[1]).Scan(&owner)
		if err != nil || owner.String != "" {
			t.meta.Owner = valid(owner.String)
			return err
		}
	}
	t.note(r, "the key that signed it is not in the dump: it belongs to nobody, as in RefStack")
	return nil
}

// check reads what the columns say beside the list.
func (t *dumpedTest) check(ctx context.Context, r *imports.Report) error {
	if t.version.String != "" {
		t.note(r, "the version of a product that it belongs to has no place here")
	}
	switch t.status.String {
	case "1":
		t.meta.Verification = 1
	case "", "0":
	default:
		t.note(r, "the verification_status %.20s is unknown: it is not verified here", t.status.String)
	}
	if !utf8.ValidString(t.cpid.String) || strings.ContainsRune(t.cpid.String, 0) {
		t.damage = append(t.damage, "its cpid is no text in UTF-8")
	}
	t.meta.CPID = valid(strings.ReplaceAll(t.cpid.String, "\x00", "\ufffd"))
	if seconds, err := strconv.ParseInt(t.duration.String, 10, 64); err == nil {
		t.meta.DurationSeconds = seconds
	} else {
		t.note(r, "its duration_seconds is no number")
	}
	var first, last sql.NullInt64
	var rows, odd int64
	err := t.d.tables.QueryRowContext(ctx, `SELECT min(seq), max(seq), count(*),
		count(*) FILTER (WHERE name IS NULL OR name = '' OR typeof(name) = 'blob' OR instr(name, char(0)) > 0) FROM results WHERE test_id = ? AND `+kept, t.id).
		Scan(&first, &last, &rows, &odd)
	t.damage = append(t.damage, t.d.doubts(first.Int64, last.Int64, rows)...)
	if odd > 0 {
		t.damage = append(t.damage, fmt.Sprintf("%d of its results have a name that is none or no text in UTF-8", odd))
		f := t.where
		f.Kind, f.Says = "results", fmt.Sprintf("%d results of the test have a name that is none or no text in UTF-8", odd)
		r.Refuse(f)
	}
	return err
}

// kept are the rows that nobody has deleted.
const kept = "(deleted IS NULL OR deleted IN ('', '0'))"

func (t *dumpedTest) run(ctx context.Context, id uuid.UUID, at time.Time) *runs.Run {
	run := &runs.Run{
		Imported: resultstore.Imported{ID: id, At: at},
		Where:    t.where, Damage: t.damage, Format: "json",
		Files: []runs.File{{Write: func(w io.Writer) error { return t.write(ctx, w) }}},
		Publish: func(ctx context.Context, tx *store.Store, final *resultstore.Result) error {
			p := t.meta // a copy, in case this runs again
			return refstackstore.New(tx).PublishImported(ctx, &p, final, resultstore.Imported{ID: id, At: at})
		},
	}
	if s := t.meta.DurationSeconds; s > 0 && s <= math.MaxInt64/int64(time.Second) {
		took := time.Duration(s) * time.Second
		run.Took = &took
	}
	return run
}

// write writes the list as refstack-client uploads it.
func (t *dumpedTest) write(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(w)
	cpid, err := json.Marshal(t.meta.CPID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `{"cpid":%s,"duration_seconds":%d,"results":[`, cpid, t.meta.DurationSeconds)
	separator := "\n"
	err = t.d.tables.Each(ctx, "SELECT name, uuid FROM results WHERE test_id = ? AND name <> '' AND "+kept+" ORDER BY seq", []any{t.id}, func(scan scratch.Scan) error {
		var name string
		var item struct {
			Name string `json:"name"`
			UUID string `json:"uuid,omitempty"`
		}
		var id sql.NullString
		if err := scan(&name, &id); err != nil {
			return err
		}
		item.Name, item.UUID = valid(strings.ReplaceAll(name, "\x00", "\ufffd")), valid(id.String)
		text, err := json.Marshal(item)
		if err != nil {
			return err
		}
		_, _ = out.WriteString(separator) // Flush tells
		_, err = out.Write(text)
		separator = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	_, _ = out.WriteString("\n]}\n")
	return out.Flush()
}
