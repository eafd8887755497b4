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

// LabBuildDataOfNode returns what is known of a node: everything, newest first,
// or the newest of each generator, by generator.
func (s *Store) LabBuildDataOfNode(ctx context.Context, node string, latest bool) ([]LabBuildData, error) {
	q := s.read(ctx).Where("node = ?", node).Order("id DESC")
	if latest {
		newest := s.read(ctx).Model(&LabBuildData{}).Select("max(id)").Where("node = ?", node).Group("generator")
		q = s.read(ctx).Where("id IN (?)", newest).Order("generator")
	}
	var rows []LabBuildData
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("build data of %s: %w", node, translate(err))
	}
	return rows, nil
}

// PruneLabBuildData deletes build data that are older than the time, except the
// newest of each node and generator.
func (s *Store) PruneLabBuildData(ctx context.Context, before time.Time) error {
	return s.InTx(ctx, func(tx *Store) error {
		newest := tx.db.Model(&LabBuildData{}).Select("max(id)").Group("node, generator")
		err := tx.db.Delete(&LabBuildData{}, "collected_at < ? AND id NOT IN (?)", before.UnixMicro(), newest).Error
		if err != nil {
			return fmt.Errorf("prune build data: %w", translate(err))
		}
		return nil
	})
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
