package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress shows how far an upload is, on a terminal only.
type Progress struct {
	out   *Out
	what  string
	total int64 // 0: nobody knows
	began time.Time

	mu   sync.Mutex
	done int64
	last time.Time
	line bool
}

// Progress begins; total is in bytes, 0 when nobody knows.
func (o *Out) Progress(what string, total int64) *Progress {
	return &Progress{out: o, what: what, total: total, began: time.Now()}
}

// Reader counts what is read of r.
func (p *Progress) Reader(r io.Reader) io.Reader { return counted{r, p} }

type counted struct {
	io.Reader
	p *Progress
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.add(int64(n))
	return n, err
}

func (p *Progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	const often = 200 * time.Millisecond
	if p.out.Quiet || !p.out.ErrTTY || time.Since(p.last) < often || time.Since(p.began) < often {
		return
	}
	p.last, p.line = time.Now(), true
	fmt.Fprintf(p.out.Err, "\r\x1b[K%s", p.text(time.Since(p.began)))
}

// text is the line: how much, how fast, how long yet.
func (p *Progress) text(passed time.Duration) string {
	rate := float64(p.done) / max(passed.Seconds(), 0.001)
	text := fmt.Sprintf("%s: %s", p.what, Bytes(p.done))
	if p.total > 0 {
		text += fmt.Sprintf(" of %s (%d %%)", Bytes(p.total), p.done*100/p.total)
	}
	text += fmt.Sprintf(", %s/s", Bytes(int64(rate)))
	if p.total > p.done && rate > 0 {
		left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

// End takes the line away.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line {
		fmt.Fprint(p.out.Err, "\r\x1b[K")
	}
}

// Bytes is a number of bytes for people.
func Bytes(n int64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/step, 0
	for value >= step && unit < 3 {
		value, unit = value/step, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGT"[unit])
}
