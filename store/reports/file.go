package reports

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// File is a file that somebody uploaded beside their reports. Its path is
// a name, not a place on disk; the bytes are the blob.
type File struct {
	Path       string `gorm:"primaryKey"`
	Tenant     string `gorm:"primaryKey"` // set by SaveFile
	SHA256     string `gorm:"column:sha256"`
	Bytes      int64
	UploadedAt time.Time `gorm:"serializer:micros;type:bigint"`
	Uploader   string    // the public id of the token

	// Expired is 1 when the bytes have gone; uploading the file again brings them back.
	Expired int64
}

// TableName tells GORM the table.
func (File) TableName() string { return "report_files" }

// SaveFile writes or replaces the tenant's file at its path and sets Tenant and
// UploadedAt. It reports whether the tenant had none before.
func (s *Store) SaveFile(ctx context.Context, f *File) (created bool, err error) {
	isNew, err := s.SaveFiles(ctx, []*File{f})
	return err == nil && isNew[0], err
}

// filesAtOnce is how many files one statement asks for or writes.
const filesAtOnce = 500

// fileLocks is how many locks the files of a tenant share. A build comes with more
// than a thousand files, and PostgreSQL has no room for a lock for each.
const fileLocks = 64

// SaveFiles does what SaveFile does with the files of one upload, all or none, and
// reports for each whether the tenant had none at its path before. Of several with
// one path the last stays.
func (s *Store) SaveFiles(ctx context.Context, files []*File) (created []bool, err error) {
	now := s.Now()
	last := make(map[string]*File, len(files))
	for _, f := range files {
		f.Tenant, f.UploadedAt = s.scope.Tenant, now
		last[f.Path] = f
	}
	paths := slices.Sorted(maps.Keys(last))
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.lockFiles(ctx, paths); err != nil {
			return err
		}
		known := map[string]bool{}
		for some := range slices.Chunk(paths, filesAtOnce) {
			var found []string
			err := tx.db.Tx.Model(&File{}).Where("tenant = ? AND path IN ?", s.scope.Tenant, some).Pluck("path", &found).Error
			if err != nil {
				return fmt.Errorf("look for %d files: %w", len(some), store.Translate(err))
			}
			rows := make([]*File, 0, len(some))
			for _, path := range some {
				rows = append(rows, last[path])
			}
			if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(rows).Error; err != nil {
				return fmt.Errorf("save file %.80q: %w", some[0], store.Translate(err))
			}
			for _, path := range found {
				known[path] = true
			}
		}
		created = created[:0]
		for _, f := range files {
			created = append(created, !known[f.Path])
			known[f.Path] = true
		}
		return nil
	})
	return created, err
}

// lockFiles takes the locks of the paths, always in one order, so that uploads with
// the same paths wait for each other instead of locking each other out.
func (s *Store) lockFiles(ctx context.Context, paths []string) error {
	var wanted [fileLocks]bool
	for _, path := range paths {
		h := fnv.New32a()
		_, _ = h.Write([]byte(path))
		wanted[h.Sum32()%fileLocks] = true
	}
	for i, want := range wanted {
		if !want {
			continue
		}
		if err := s.Lock(ctx, fmt.Sprintf("report_files/%s/%02d", s.scope.Tenant, i)); err != nil {
			return err
		}
	}
	return nil
}

// File returns the file of the scope's own tenant at a path, else that of no tenant,
// else, for who sees everything, that of the first tenant by name; or ErrNotFound.
func (s *Store) File(ctx context.Context, path string) (*File, error) {
	var f File
	where := append(s.scope.Seen("tenant"), tables.If("path = ?", path))
	err := s.db.Read(ctx).Raw("SELECT * FROM report_files"+tables.Where(where)+" ORDER BY tenant <> ?, tenant LIMIT 1",
		append(tables.Args(where), s.scope.Tenant)...).Take(&f).Error
	if err != nil {
		return nil, fmt.Errorf("file %.80q: %w", path, store.Translate(err))
	}
	return &f, nil
}
