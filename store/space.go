package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Space is the room of a file system in bytes.
type Space struct {
	Free  int64 // for whoever is not root
	Total int64
}

// Space is the room there is for what is to be stored: that of the data directory, or
// of the embedded database or the directory of the blobs where one of these lies
// elsewhere and has less.
func (s *Store) Space() (Space, error) {
	room, err := spaceAt(s.core.config.DataDir)
	dirs := []string{s.core.blobs.blobDir()}
	if s.core.database != "" {
		dirs = append(dirs, filepath.Dir(s.core.database))
	}
	for _, dir := range dirs {
		if dir == "" || err != nil {
			continue
		}
		var other Space
		if other, err = spaceAt(dir); err == nil && other.Free < room.Free {
			room = other
		}
	}
	return room, err
}

// DatabaseBytes is how much room the database takes: the embedded one with its log, or
// that of PostgreSQL with its indexes.
func (s *Store) DatabaseBytes(ctx context.Context) (int64, error) {
	var sum int64
	if s.db.Postgres {
		err := s.db.Read(ctx).Raw("SELECT pg_database_size(current_database())").Row().Scan(&sum)
		return sum, Translate(err)
	}
	for _, end := range []string{"", "-wal"} {
		info, err := os.Stat(s.core.database + end)
		if errors.Is(err, os.ErrNotExist) && end != "" {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("size of the database: %w", err)
		}
		sum += info.Size()
	}
	return sum, nil
}

func spaceAt(dir string) (Space, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return Space{}, fmt.Errorf("free space of %s: %w", dir, err)
	}
	if fs.Files > 0 && fs.Ffree == 0 { // no file can be made, however many bytes are free
		return Space{Total: int64(fs.Blocks) * fs.Bsize}, nil
	}
	return Space{Free: int64(fs.Bavail) * fs.Bsize, Total: int64(fs.Blocks) * fs.Bsize}, nil
}

// diskError is what an error of the file system means to callers.
func diskError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return ErrFull
	}
	return ErrUnavailable
}

// BlobBytes sums up how many bytes of blobs the rows of each kind name. It reads
// all of them. Blobs that several rows name count several times, and those that
// wait for the sweep not at all.
func (s *Store) BlobBytes(ctx context.Context) (map[string]int64, error) {
	sums := map[string]int64{}
	for _, area := range s.core.config.Areas {
		for _, k := range area.BlobKinds {
			q := s.db.Read(ctx).Table(k.Table).Select("COALESCE(SUM(" + k.Bytes + "), 0)")
			if k.Where != "" {
				q = q.Where(k.Where)
			}
			var sum int64
			if err := q.Scan(&sum).Error; err != nil {
				return nil, fmt.Errorf("bytes of %s: %w", k.Kind, Translate(err))
			}
			sums[k.Kind] += sum
		}
	}
	return sums, nil
}
