package results

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/compact"
)

// encodeRecords returns nil for none.
func encodeRecords(list []TestRecord) []byte {
	if len(list) == 0 {
		return nil
	}
	b := binary.AppendUvarint([]byte{compactVersion}, uint64(len(list)))
	for i := range list {
		r := &list[i]
		b = binary.AppendUvarint(b, uint64(r.Record))
		b = append(b, byte(r.Status))
		b = appendTime(b, r.Start)
		b = appendTime(b, r.Stop)
		b = appendLength(b, r.Length)
		b = binary.AppendUvarint(b, uint64(r.File))
		b = compact.AppendText(b, string(r.encodeDetails()))
		b = compact.AppendText(b, string(encodeTags(r.Tags)))
		b = compact.AppendText(b, string(encodeAttachments(r.Attachments)))
	}
	return b
}

// appendTime writes whether there is a time, and which.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), store.Micros(t))
}

// appendLength writes whether there is a length, and which.
func appendLength(b []byte, l Length) []byte {
	if !l.HasDuration {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), l.Duration.Microseconds())
}

func readLength(r *compact.Reader) Length {
	if r.Byte() == 0 {
		return Length{}
	}
	return Length{Duration: time.Duration(r.Varint()) * time.Microsecond, HasDuration: true}
}

func readTime(r *compact.Reader) time.Time {
	if r.Byte() == 0 {
		return time.Time{}
	}
	return store.FromMicros(r.Varint())
}

// decodeRecords reads the records of test n.
func decodeRecords(data []byte, n int64) ([]TestRecord, error) {
	if data == nil {
		return nil, nil
	}
	r := compact.NewReader(data)
	if r.Byte() != compactVersion {
		return nil, errCompact
	}
	var list []TestRecord
	for range r.Count() {
		rec := TestRecord{N: n, Record: r.Size(), Status: TestStatus(r.Byte()), Start: readTime(r), Stop: readTime(r), Length: readLength(r)}
		rec.File = r.Size()
		details, tags, attachments := r.Bytes(), r.Bytes(), r.Bytes()
		if r.Failed() {
			return nil, errCompact
		}
		err := rec.decodeDetails(details)
		if err != nil {
			return nil, err
		}
		if len(tags) > 0 {
			if rec.Tags, err = decodeTags(tags); err != nil {
				return nil, err
			}
		}
		if len(attachments) > 0 {
			if rec.Attachments, err = decodeAttachments(attachments); err != nil {
				return nil, err
			}
		}
		list = append(list, rec)
	}
	if r.Failed() || !r.Empty() {
		return nil, errCompact
	}
	return list, nil
}

// The numbered form of parameters is the one that both databases read.
const (
	recordColumns = "n, record, status, start_us, stop_us, duration_us, file, tags, attachments, details"
	addRecord     = "INSERT INTO test_records (result_key, " + recordColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
	keepRecord    = "INSERT INTO test_records (result_key, " + recordColumns + ")" +
		" SELECT result_key, " + recordColumns + " FROM tests WHERE result_key = $1 AND n = $2"
	recordsOf = "SELECT " + recordColumns + " FROM test_records WHERE result_key = ? AND n IN ? AND record < ?"
)

// How many records of a test are read beside the one that decided, the first ones. A
// file may repeat one name a million times, and each page would bring them all.
const (
	listedRecords = 100    // in lists, of each test
	shownRecords  = 10_000 // of a test by itself
)

// AddTestRecords adds records that did not decide the status of their tests,
// whose rows may still be to come. ErrConflict: the result is not being uploaded
// (any more), or a test has a record of that number.
func (s *Store) AddTestRecords(ctx context.Context, key int64, records []TestRecord) error {
	for len(records) > 0 {
		slice := records[:min(len(records), s.db.Pace.Rows())]
		err := s.InTx(store.Patient(ctx), func(tx *Store) error {
			if err := tx.renewLease(key); err != nil {
				return err
			}
			return store.Translate(tx.addRecords(key, slice))
		})
		if err != nil {
			return fmt.Errorf("add records of tests of result %d: %w", key, err)
		}
		records = records[len(slice):]
	}
	return nil
}

func (s *Store) addRecords(key int64, records []TestRecord) error {
	for i := range records {
		r := &records[i]
		var row testRow
		row.fillRecord(*r)
		if _, err := s.db.Exec(addRecord, key, r.N, r.Record, int64(r.Status), row.start, row.stop, row.length, row.file, row.tags, row.attachments, row.details); err != nil {
			return err
		}
	}
	return nil
}

// keepRecords puts aside what the rows show that are about to show other records.
func (s *Store) keepRecords(key int64, rows []testRow) error {
	for i := range rows {
		if _, err := s.db.Exec(keepRecord, key, rows[i].n); err != nil {
			return err
		}
	}
	return nil
}

// readRecords adds to tests of a result the records that did not come with their
// rows, and leaves out those from number limit on.
func (s *Store) readRecords(ctx context.Context, r *Result, list []Test, limit int64) error {
	at := map[int64]int{}
	var missing []int64
	for i := range list {
		if t := &list[i]; t.Records > limit {
			t.Others = slices.DeleteFunc(t.Others, func(r TestRecord) bool { return r.Record >= limit })
		}
		if t := &list[i]; t.Records > int64(1+len(t.Others)) {
			at[t.N] = i
			missing = append(missing, t.N)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := s.db.Read(ctx).Raw(recordsOf, r.Key, missing, limit).Rows()
	if err != nil {
		return store.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var rec TestRecord
		var start, stop, length sql.NullInt64
		var tags, attachments, details sql.RawBytes
		err := rows.Scan(&rec.N, &rec.Record, &rec.Status, &start, &stop, &length, &rec.File, &tags, &attachments, &details)
		if err != nil {
			return store.Translate(err)
		}
		rec.Start, rec.Stop, rec.Length = timeOrZero(start), timeOrZero(stop), lengthOf(length)
		if err := rec.decodeDetails(details); err != nil {
			return err
		}
		if rec.Tags, err = decodeTags(tags); err != nil {
			return err
		}
		if rec.Attachments, err = decodeAttachments(attachments); err != nil {
			return err
		}
		t := &list[at[rec.N]]
		t.Others = append(t.Others, rec)
	}
	return store.Translate(rows.Err())
}
