package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginToSync asks the system to write a part of a file to the disk, and waits for
// nothing. What comes of it Sync tells.
func beginToSync(f *os.File, from, size int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, size, unix.SYNC_FILE_RANGE_WRITE)
}
