package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() { registerModels(&LabNode{}, &LabBuildData{}, &LabNodeMAC{}) }

// LabNode is a node that a driver has seen.
type LabNode struct {
	Name         string `gorm:"primaryKey"`
	Driver       string
	Status       string    // in MAAS's words
	Power        string    // on, off, unknown or error
	PowerAddress string    // empty when there is none
	BootMAC      string    `gorm:"column:boot_mac"`
	BootIP       string    `gorm:"column:boot_ip"`
	Memory       int64     // MiB; 0 when not known
	CPUCount     int64     `gorm:"column:cpu_count"` // 0 when not known
	UpdatedAt    time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

// LabBuildData is something that was found out about a node.
type LabBuildData struct {
	ID          int64 `gorm:"primaryKey"`
	Node        string
	Task        string // empty when no task collected it
	Generator   string
	Format      string // media type
	Data        []byte
	CollectedAt time.Time `gorm:"serializer:micros;type:bigint"`
}

// LabNodeMAC says which node boots from a MAC address.
type LabNodeMAC struct {
	MAC  string `gorm:"column:mac;primaryKey"` // lower case, with colons
	Node string
}

// TableName names the tables whose Go names GORM would not turn into theirs.
func (LabBuildData) TableName() string { return "lab_build_data" }

// TableName names the table.
func (LabNodeMAC) TableName() string { return "lab_node_macs" }

// UpdateLabNode lets change edit the node, which is new with an unknown state
// when no driver has seen it before.
func (s *Store) UpdateLabNode(ctx context.Context, name string, change func(*LabNode)) error {
	err := s.InTx(ctx, func(tx *Store) error {
		n := LabNode{Name: name, Status: "New", Power: "unknown"}
		err := tx.db.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&n, "name = ?", name).Error
		if err = translate(err); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		change(&n)
		n.Name, n.UpdatedAt = name, tx.Now()
		return tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&n).Error
	})
	if err != nil {
		return fmt.Errorf("update node %s: %w", name, translate(err))
	}
	return nil
}

// LabNode returns the node, or ErrNotFound when no driver has seen it.
func (s *Store) LabNode(ctx context.Context, name string) (*LabNode, error) {
	var n LabNode
	if err := s.read(ctx).Take(&n, "name = ?", name).Error; err != nil {
		return nil, fmt.Errorf("node %s: %w", name, translate(err))
	}
	return &n, nil
}

// LabNodes returns the nodes that a driver has seen, by name.
func (s *Store) LabNodes(ctx context.Context) ([]LabNode, error) {
	var rows []LabNode
	if err := s.read(ctx).Order("name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("nodes: %w", translate(err))
	}
	return rows, nil
}

// SetLabNodeMACs notes which nodes boot from which MAC addresses; what other
// designs said of the same addresses no longer counts.
func (s *Store) SetLabNodeMACs(ctx context.Context, rows []LabNodeMAC) error {
	err := s.InTx(ctx, func(tx *Store) error {
		for part := range chunks(rows, labSlice) {
			if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&part).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("MAC addresses of nodes: %w", translate(err))
	}
	return nil
}

// AddLabBuildData adds build data and fills in ID and CollectedAt.
func (s *Store) AddLabBuildData(ctx context.Context, d *LabBuildData) error {
	return s.InTx(ctx, func(tx *Store) error {
		d.ID, d.CollectedAt = 0, tx.Now()
		if err := tx.db.Create(d).Error; err != nil {
			return fmt.Errorf("add build data: %w", translate(err))
		}
		return nil
	})
}

// LabBuildDataOfTasks returns what each of the given tasks collected, newest
// first.
func (s *Store) LabBuildDataOfTasks(ctx context.Context, tasks []string) (map[string][]LabBuildData, error) {
	out := map[string][]LabBuildData{}
	for part := range chunks(tasks, labSlice) {
		var rows []LabBuildData
		if err := s.read(ctx).Where("task IN ?", part).Order("task, id DESC").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("build data of tasks: %w", translate(err))
		}
		for _, r := range rows {
			out[r.Task] = append(out[r.Task], r)
		}
	}
	return out, nil
}

// LabBuildDataFilter says of which node or task; one of them is set. Latest
// narrows a node's to the newest of each generator, by generator; otherwise
// records come newest first.
type LabBuildDataFilter struct {
	Node   string
	Task   string
	Latest bool
}

// LabBuildDataPlace says where a record is and how long its data are.
type LabBuildDataPlace struct {
	ID   int64
	Size int64
}

// LabBuildDataPlaces lists the records that the filter selects.
func (s *Store) LabBuildDataPlaces(ctx context.Context, f LabBuildDataFilter) ([]LabBuildDataPlace, error) {
	q := s.read(ctx).Model(&LabBuildData{}).Select("id", "length(data) AS size")
	switch {
	case f.Latest:
		newest := s.read(ctx).Model(&LabBuildData{}).Select("max(id)").Where("node = ?", f.Node).Group("generator")
		q = q.Where("id IN (?)", newest).Order("generator")
	case f.Node != "":
		q = q.Where("node = ?", f.Node).Order("id DESC")
	default:
		q = q.Where("task = ?", f.Task).Order("id DESC")
	}
	var places []LabBuildDataPlace
	if err := q.Find(&places).Error; err != nil {
		return nil, fmt.Errorf("build data: %w", translate(err))
	}
	return places, nil
}

// buildDataBatch is how many bytes of build data are read at once.
const buildDataBatch = 4 << 20

// EachLabBuildData visits the records in that order and reads a few at a time,
// since one may be large and a node may have many. Those that were deleted in the
// meantime are left out.
func (s *Store) EachLabBuildData(ctx context.Context, places []LabBuildDataPlace, visit func(*LabBuildData) error) error {
	for len(places) > 0 {
		n, size := 0, int64(0)
		for n < min(len(places), labSlice) && (n == 0 || size+places[n].Size <= buildDataBatch) {
			size += places[n].Size
			n++
		}
		if err := s.someLabBuildData(ctx, places[:n], visit); err != nil {
			return err
		}
		places = places[n:]
	}
	return nil
}

func (s *Store) someLabBuildData(ctx context.Context, places []LabBuildDataPlace, visit func(*LabBuildData) error) error {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	var rows []LabBuildData
	if err := s.read(ctx).Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return fmt.Errorf("build data: %w", translate(err))
	}
	byID := make(map[int64]*LabBuildData, len(rows))
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

// PruneLabBuildData deletes build data that are older than the time, except the
// newest of each node and generator.
func (s *Store) PruneLabBuildData(ctx context.Context, before time.Time) error {
	// What is not the newest now never will be.
	newest := s.read(ctx).Model(&LabBuildData{}).Select("max(id)").Group("node, generator")
	var old []int64
	err := s.read(ctx).Model(&LabBuildData{}).Where("collected_at < ? AND id NOT IN (?)", before.UnixMicro(), newest).Pluck("id", &old).Error
	for part := range chunks(old, labSlice) {
		if err != nil {
			break
		}
		err = s.InTx(ctx, func(tx *Store) error { return tx.db.Delete(&LabBuildData{}, "id IN ?", part).Error })
	}
	if err != nil {
		return fmt.Errorf("prune build data: %w", translate(err))
	}
	return nil
}

// KnowsLabNode reports whether a driver has seen the node, or a task has named
// it with its MAC address.
func (s *Store) KnowsLabNode(ctx context.Context, name string) (bool, error) {
	var n int64
	err := s.read(ctx).Raw("SELECT (SELECT count(*) FROM lab_nodes WHERE name = ?) + (SELECT count(*) FROM lab_node_macs WHERE node = ?)", name, name).Scan(&n).Error
	if err != nil {
		return false, fmt.Errorf("node %s: %w", name, translate(err))
	}
	return n > 0, nil
}
