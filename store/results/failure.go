package results

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store"
)

// FailureBytes is how much is kept of what a failing test says.
const FailureBytes = 4 << 10

// MayFail reports whether a test of the status has a failure to tell of: it failed,
// or gave no verdict.
func (s TestStatus) MayFail() bool {
	switch s {
	case TestFail, TestUXSuccess, TestInProgress, TestUnknown:
		return true
	}
	return false
}

// failureNames are the attachments in which readers put what a failure says, in the
// order in which they are kept. Further ones of a name have a number behind it.
var failureNames = []string{"message", "traceback", "reason"}

// FailureText returns the first FailureBytes of what a test says of its failure: its
// message, traceback and reason, one after the other. content is what spans are
// parts of. Bytes that are no UTF-8 are left out; a content that is shorter than
// its spans ends the text.
func FailureText(content io.ReaderAt, attachments []Attachment) string {
	var text []byte
	for _, name := range failureNames {
		for i := range attachments {
			a := &attachments[i]
			if a.Name != name && !strings.HasPrefix(a.Name, name+"-") {
				continue
			}
			if len(text) > 0 && text[len(text)-1] != '\n' {
				text = append(text, '\n')
			}
			text = a.appendTo(text, content)
			if len(text) >= FailureBytes {
				return validText(text[:FailureBytes])
			}
		}
	}
	return validText(text)
}

// appendTo adds the bytes of an attachment, up to FailureBytes in all.
func (a *Attachment) appendTo(text []byte, content io.ReaderAt) []byte {
	text = append(text, a.Inline[:min(len(a.Inline), FailureBytes-len(text))]...)
	for _, s := range a.Spans {
		room := min(int64(FailureBytes-len(text)), s.Length)
		if room <= 0 {
			break
		}
		at := len(text)
		text = slices.Grow(text, int(room))[:at+int(room)]
		n, err := content.ReadAt(text[at:], s.Offset)
		text = text[:at+n]
		if err != nil {
			break
		}
	}
	return text
}

// validText is text as either database keeps it.
func validText(text []byte) string {
	return strings.ToValidUTF8(string(bytes.ReplaceAll(text, []byte{0}, nil)), "")
}

// failureShapes writes many failures at a time.
var failureShapes = newShapes("INSERT INTO test_failures (result_key, n, text) VALUES ", "(?1,?,?)",
	" ON CONFLICT (result_key, n) DO UPDATE SET text = EXCLUDED.text")

// putFailures writes the texts of those rows that have one.
func (s *Store) putFailures(key int64, rows []testRow) error {
	var some []testRow
	for i := range rows {
		if rows[i].failure != "" {
			some = append(some, rows[i])
		}
	}
	if len(some) == 0 {
		return nil
	}
	if s.db.Postgres {
		c := &columns{}
		for i := range some {
			c.n = append(c.n, some[i].n)
			c.name = append(c.name, some[i].failure)
		}
		_, err := s.db.Exec(`INSERT INTO test_failures (result_key, n, text) SELECT $1, u.n, u.text
			FROM unnest($2::bigint[], $3::text[]) AS u (n, text) ON CONFLICT (result_key, n) DO UPDATE SET text = EXCLUDED.text`, key, c.n, c.name)
		return err
	}
	args := make([]any, 0, 1+2*64)
	return eachPart(failureShapes, some, func(sql string, part []testRow) error {
		args = append(args[:0], key)
		for i := range part {
			args = append(args, part[i].n, part[i].failure)
		}
		_, err := s.db.Exec(sql, args...)
		return err
	})
}

// failuresAtOnce is how many tests one statement asks for.
const failuresAtOnce = 500

// Failures returns the texts of those of the result's tests that have one.
func (s *Store) Failures(ctx context.Context, key int64, tests []int64) (map[int64]string, error) {
	texts := make(map[int64]string, len(tests))
	for some := range slices.Chunk(tests, failuresAtOnce) {
		if err := s.failures(ctx, key, some, texts); err != nil {
			return nil, fmt.Errorf("failures of result %d: %w", key, store.Translate(err))
		}
	}
	return texts, nil
}

func (s *Store) failures(ctx context.Context, key int64, tests []int64, texts map[int64]string) error {
	rows, err := s.db.Read(ctx).Raw("SELECT n, text FROM test_failures WHERE result_key = ? AND n IN ?", key, tests).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var text string
		if err := rows.Scan(&n, &text); err != nil {
			return err
		}
		texts[n] = text
	}
	return rows.Err()
}

// keepOldFailures writes the texts of tests of a result that was stored before they
// were kept. A content that is gone leaves none.
func (s *Store) keepOldFailures(ctx context.Context, r *Result, tests []int64) error {
	if len(tests) == 0 {
		return nil
	}
	content, err := s.Blobs.Open(ctx, r.ContentSHA256)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer content.Close()
	for some := range slices.Chunk(tests, failuresAtOnce) {
		rows, err := s.failureRows(ctx, r, content, some)
		if err != nil {
			return err
		}
		err = s.InTx(ctx, func(tx *Store) error {
			if err := tx.stillVisible(r.Key); err != nil {
				return err
			}
			return store.Translate(tx.putFailures(r.Key, rows))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) failureRows(ctx context.Context, r *Result, content io.ReaderAt, tests []int64) ([]testRow, error) {
	found, err := s.db.Read(ctx).Raw("SELECT n, attachments FROM tests WHERE result_key = ? AND n IN ?", r.Key, tests).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer found.Close()
	var rows []testRow
	for found.Next() {
		var row testRow
		var packed []byte
		if err := found.Scan(&row.n, &packed); err != nil {
			return nil, store.Translate(err)
		}
		attachments, err := decodeAttachments(packed)
		if err != nil {
			return nil, err
		}
		if row.failure = FailureText(content, attachments); row.failure != "" {
			rows = append(rows, row)
		}
	}
	return rows, store.Translate(found.Err())
}
