package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// BuildData is something that was found out about a node.
type BuildData struct {
	ID          int64 `gorm:"primaryKey"`
	Node        string
	Task        string // empty when no task collected it
	Generator   string
	Format      string // media type
	Data        []byte
	CollectedAt time.Time `gorm:"serializer:micros;type:bigint"`
}

// AddBuildData adds build data and fills in ID and CollectedAt.
func (s *Store) AddBuildData(ctx context.Context, d *BuildData) error {
	return s.InTx(ctx, func(tx *Store) error {
		d.ID, d.CollectedAt = 0, tx.Now()
		if err := tx.db.Tx.Create(d).Error; err != nil {
			return fmt.Errorf("add build data: %w", store.Translate(err))
		}
		return nil
	})
}

// BuildDataOfTasks returns what each of the given tasks collected, newest
// first.
func (s *Store) BuildDataOfTasks(ctx context.Context, tasks []string) (map[string][]BuildData, error) {
	out := map[string][]BuildData{}
	for part := range chunks(tasks, batchRows) {
		var rows []BuildData
		if err := s.db.Read(ctx).Where("task IN ?", part).Order("task, id DESC").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("build data of tasks: %w", store.Translate(err))
		}
		for _, r := range rows {
			out[r.Task] = append(out[r.Task], r)
		}
	}
	return out, nil
}

// BuildDataFilter says of which node or task; one of them is set. Latest
// narrows a node's to the newest of each generator, by generator; otherwise
// records come newest first.
type BuildDataFilter struct {
	Node   string
	Task   string
	Latest bool
	Page   store.Page // without a limit: all of them
}

// BuildDataPlace says where a record is and how long its data are.
type BuildDataPlace struct {
	ID        int64
	Generator string
	Size      int64
}

var buildDataOrder = store.Order[BuildDataPlace]{
	Name: "build data",
	Keys: []store.SortKey{{Column: "id", Desc: true}},
	At:   func(p *BuildDataPlace) []any { return []any{p.ID} },
}

var latestBuildData = store.Order[BuildDataPlace]{
	Name: "latest build data",
	Keys: []store.SortKey{{Column: "generator", Text: true}},
	At:   func(p *BuildDataPlace) []any { return []any{p.Generator} },
}

// BuildDataPlaces lists the records that the filter selects.
func (s *Store) BuildDataPlaces(ctx context.Context, f BuildDataFilter) (store.List[BuildDataPlace], error) {
	q := s.db.Read(ctx).Model(&BuildData{}).Select("id", "generator", "length(data) AS size")
	order := buildDataOrder
	switch {
	case f.Latest:
		newest := s.db.Read(ctx).Model(&BuildData{}).Select("max(id)").Where("node = ?", f.Node).Group("generator")
		q, order = q.Where("id IN (?)", newest), latestBuildData
	case f.Node != "":
		q = q.Where("node = ?", f.Node)
	default:
		q = q.Where("task = ?", f.Task)
	}
	list, err := order.Page(q, f.Page.Whole())
	if err != nil {
		return list, fmt.Errorf("build data: %w", err)
	}
	return list, nil
}

// buildDataBatch is how many bytes of build data are read at once.
const buildDataBatch = 4 << 20

// EachBuildData visits the records in that order and reads a few at a time,
// since one may be large and a node may have many. Those that were deleted in the
// meantime are left out.
func (s *Store) EachBuildData(ctx context.Context, places []BuildDataPlace, visit func(*BuildData) error) error {
	for len(places) > 0 {
		n, size := 0, int64(0)
		for n < min(len(places), batchRows) && (n == 0 || size+places[n].Size <= buildDataBatch) {
			size += places[n].Size
			n++
		}
		if err := s.someBuildData(ctx, places[:n], visit); err != nil {
			return err
		}
		places = places[n:]
	}
	return nil
}

func (s *Store) someBuildData(ctx context.Context, places []BuildDataPlace, visit func(*BuildData) error) error {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	var rows []BuildData
	if err := s.db.Read(ctx).Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return fmt.Errorf("build data: %w", store.Translate(err))
	}
	byID := make(map[int64]*BuildData, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	for _, id := range ids {
		if row := byID[id]; row != nil {
			if err := visit(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// PruneBuildData deletes build data that are older than the time, except the
// newest of each node and generator.
func (s *Store) PruneBuildData(ctx context.Context, before time.Time) error {
	// What is not the newest now never will be.
	newest := s.db.Read(ctx).Model(&BuildData{}).Select("max(id)").Group("node, generator")
	var old []int64
	err := s.db.Read(ctx).Model(&BuildData{}).Where("collected_at < ? AND id NOT IN (?)", before.UnixMicro(), newest).Pluck("id", &old).Error
	for part := range chunks(old, batchRows) {
		if err != nil {
			break
		}
		err = s.InTx(ctx, func(tx *Store) error { return tx.db.Tx.Delete(&BuildData{}, "id IN ?", part).Error })
	}
	if err != nil {
		return fmt.Errorf("prune build data: %w", store.Translate(err))
	}
	return nil
}
