package analysis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Place is where a test stands: in a file by its upload's key and its number, with an
// Upload of 0 among reports by the order in which they came, or, when that is 0 as
// well, in the result of an opportunity, by its id.
type Place struct {
	Upload, N int64
	Result    string
}

// NewPlace is the place of a test; id is that of its report or result.
func NewPlace(upload, n int64, id string) Place {
	if upload != 0 || n != 0 {
		id = ""
	}
	return Place{upload, n, id}
}

// placesAtOnce is how many tests one statement asks for.
const placesAtOnce = 500

// byUpload puts the numbers of places together by their uploads.
func byUpload(places []Place) map[int64][]int64 {
	by := map[int64][]int64{}
	for _, p := range places {
		if p.Result == "" {
			by[p.Upload] = append(by[p.Upload], p.N)
		}
	}
	return by
}

// Texts returns what failing tests say, as far as it is kept. Tests that say
// nothing are left out.
func (s *Store) Texts(ctx context.Context, places []Place) (map[Place]string, error) {
	texts := map[Place]string{}
	if err := s.resultTexts(ctx, places, texts); err != nil {
		return nil, err
	}
	for upload, numbers := range byUpload(places) {
		if upload != 0 {
			list, err := s.Results.Failures(ctx, upload, numbers)
			if err != nil {
				return nil, err
			}
			for n, text := range list {
				texts[Place{Upload: upload, N: n}] = text
			}
			continue
		}
		for some := range slices.Chunk(numbers, placesAtOnce) {
			if err := s.reportTexts(ctx, some, texts); err != nil {
				return nil, err
			}
		}
	}
	return texts, nil
}

func (s *Store) reportTexts(ctx context.Context, numbers []int64, texts map[Place]string) error {
	rows, err := s.db.Read(ctx).Raw("SELECT seq, failure FROM kernel_tests WHERE seq IN ? AND failure IS NOT NULL", numbers).Rows()
	if err != nil {
		return fmt.Errorf("failures of reports: %w", store.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var text string
		if err := rows.Scan(&n, &text); err != nil {
			return store.Translate(err)
		}
		texts[Place{N: n}] = text
	}
	return store.Translate(rows.Err())
}

// resultTexts adds what agents said of opportunities that failed.
func (s *Store) resultTexts(ctx context.Context, places []Place, texts map[Place]string) error {
	var ids []string
	for _, p := range places {
		if p.Result != "" {
			ids = append(ids, p.Result)
		}
	}
	for some := range slices.Chunk(ids, placesAtOnce) {
		var rows []struct{ ID, Failure string }
		if err := s.db.Read(ctx).Raw("SELECT id, failure FROM opportunity_results WHERE id IN ? AND failure IS NOT NULL", some).Scan(&rows).Error; err != nil {
			return fmt.Errorf("failures of opportunities: %w", store.Translate(err))
		}
		for i := range rows {
			texts[Place{Result: rows[i].ID}] = rows[i].Failure
		}
	}
	return nil
}

// Durations returns how long tests of files took, as far as it is known.
func (s *Store) Durations(ctx context.Context, places []Place) (map[Place]time.Duration, error) {
	took := map[Place]time.Duration{}
	for upload, numbers := range byUpload(places) {
		for some := range slices.Chunk(numbers, placesAtOnce) {
			if upload == 0 {
				continue
			}
			if err := s.durations(ctx, upload, some, took); err != nil {
				return nil, fmt.Errorf("durations: %w", store.Translate(err))
			}
		}
	}
	return took, nil
}

func (s *Store) durations(ctx context.Context, upload int64, numbers []int64, took map[Place]time.Duration) error {
	rows, err := s.db.Read(ctx).Raw("SELECT n, COALESCE(duration_us, stop_us - start_us) FROM tests WHERE result_key = ? AND n IN ? AND COALESCE(duration_us, stop_us - start_us) IS NOT NULL", upload, numbers).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n, us int64
		if err := rows.Scan(&n, &us); err != nil {
			return err
		}
		took[Place{Upload: upload, N: n}] = time.Duration(us) * time.Microsecond
	}
	return rows.Err()
}

// NameAt returns the name of the test at a place, or ErrNotFound when the viewer sees
// none there.
func (s *Store) NameAt(ctx context.Context, v store.Viewer, p Place) (string, error) {
	where := append(v.Seen("r.tenant"), v.Private("r.tenant", "r.private_to")...)
	where = append(where, tables.If("t.result_key = ?", p.Upload), tables.If("t.n = ?", p.N))
	from := "SELECT m.name FROM tests t JOIN test_names m ON m.id = t.name_id JOIN results r ON r.key = t.result_key"
	if p.Upload == 0 {
		from, where = "SELECT name FROM kernel_tests", append(v.Seen("tenant"), tables.If("seq = ?", p.N))
	}
	var name string
	if err := s.db.Read(ctx).Raw(from+tables.Where(where), tables.Args(where)...).Row().Scan(&name); err != nil {
		return "", fmt.Errorf("name of test %v: %w", p, store.Translate(err))
	}
	return name, nil
}
