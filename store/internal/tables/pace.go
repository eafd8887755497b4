package tables

import (
	"cmp"
	"sync/atomic"
	"time"
)

// sliceTime is how long the statements of one slice should take. The commit
// comes on top; it is left out because smaller slices do not make it shorter,
// and more of them would only give a slow disk more to do.
const sliceTime = 12 * time.Millisecond

const (
	minSlice   = 512
	maxSlice   = 8192
	firstSlice = 2048

	// maxDelete bounds what the commit of a removal has to write: rows that go may lie
	// on a page each, of every index. Their statements take less time than that.
	maxDelete   = 1024
	firstDelete = 64

	// deleteTime leaves room for that commit: what is removed is in no hurry.
	deleteTime = sliceTime / 2
)

// pgSlice is fixed: on PostgreSQL a slice holds nobody up but those who bring the
// same new names.
const pgSlice = 4096

// Pace finds out how many rows fit in a slice on this machine. Many uploads at
// once share one, because they share the disk.
type Pace struct {
	fixed       bool
	time        time.Duration // of a slice
	least, most int64         // of a slice
	first       int64
	size        atomic.Int64
}

// NewPace returns a Pace that nobody has told anything yet.
func NewPace(postgres bool) *Pace {
	return &Pace{fixed: postgres, time: sliceTime, least: minSlice, most: maxSlice, first: firstSlice}
}

// NewDeletePace returns a Pace for what is removed: its rows differ much in what they
// cost, and each may be the first of a page.
func NewDeletePace() *Pace {
	return &Pace{time: deleteTime, least: 1, most: maxDelete, first: firstDelete}
}

// Rows is how many rows the next slice should have.
func (p *Pace) Rows() int {
	if p.fixed {
		return pgSlice
	}
	if n := p.size.Load(); n > 0 {
		return int(n)
	}
	return int(p.first)
}

// Took notes how long a slice took. The size follows slowly, and never more
// than twofold, so that one hiccup of the disk changes little.
func (p *Pace) Took(rows int, d time.Duration) {
	if rows == 0 || d <= 0 {
		return
	}
	fitting := int64(float64(rows) * float64(p.time) / float64(d))
	old := int64(p.Rows())
	next := old + (min(max(fitting, old/2), old*2)-old)/4
	if next == old { // a quarter of little is nothing
		next += int64(cmp.Compare(fitting, old))
	}
	p.size.Store(min(max(next, p.least), p.most))
}
