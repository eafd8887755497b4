package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// starts measures how soon a server is ready and how much memory it has to itself
// when nobody asks anything: on no data, and on a database of a gigabyte.
func starts(ctx context.Context, b *bench, s *subject) error {
	size := int64(1 << 30)
	if b.short {
		size = 128 << 20
	}
	v, err := b.fresh(ctx, s)
	if err != nil {
		return err
	}
	defer v.remove()
	b.report.add("ready, no data", "ms", milliseconds(v.took))
	time.Sleep(2 * time.Second)
	b.report.add("memory, no data", "MiB", float64(v.private())/mib)
	b.report.add("pages of the program in memory", "MiB", float64(v.clean())/mib)
	name, err := b.stream(largeTests, 42)
	if err != nil {
		return err
	}
	for v.databaseSize() < size {
		if err := v.post(name, subunitType); err != nil {
			return err
		}
		if b.database != "" {
			break // its size is not ours to see
		}
	}
	dir := v.dir
	v.stop()
	var more []string
	if s.ours && b.database != "" {
		more = []string{"--database", b.database}
	}
	for range 3 {
		again, err := s.start(ctx, dir, more...)
		if err != nil {
			return err
		}
		b.report.add("ready, much data", "ms", milliseconds(again.took))
		time.Sleep(2 * time.Second)
		b.report.add("memory, much data", "MiB", float64(again.private())/mib)
		again.stop()
	}
	return nil
}

// databaseSize is that of the embedded database and its log.
func (v *server) databaseSize() (sum int64) {
	for _, name := range []string{"slipway.db", "slipway.db-wal"} {
		if info, err := os.Stat(filepath.Join(v.dir, name)); err == nil {
			sum += info.Size()
		}
	}
	return sum
}
