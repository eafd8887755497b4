package intake

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
)

const (
	// mostRatio is how much larger than what was sent an upload without a
	// credential may become, beyond freeBytes.
	mostRatio = 100
	freeBytes = 1 << 20

	// totalEvery is how long the sum of what the store keeps is good; what this
	// server takes meanwhile is added to it. What other servers take is not, so it is short.
	totalEvery = time.Second

	// spentFor is how long the bytes of an upload that failed lie on the disk, until
	// the sweep of the blobs.
	spentFor = 25
)

// Strangers bounds what uploads without a credential cost, each and all together.
// It is shared by the areas that take them.
type Strangers struct {
	limits Limits
	kept   func(context.Context) (int64, error)
	now    func() time.Time

	mu       sync.Mutex
	total    int64           // what the store kept at the time read
	since    int64           // what came to it since then
	underWay int64           // what may come of the uploads that have begun
	failed   map[int64]int64 // by hour
	read     time.Time
}

// NewStrangers returns the bounds; kept tells how many bytes the store keeps of such
// uploads.
func NewStrangers(l Limits, kept func(context.Context) (int64, error), now func() time.Time) *Strangers {
	return &Strangers{limits: l, kept: kept, now: now, failed: map[int64]int64{}}
}

// stranger is one such upload.
type stranger struct {
	most  int64
	spent int64 // bytes that it has put on the disk
}

type strangerKey struct{}

func strangerOf(ctx context.Context) *stranger {
	s, _ := ctx.Value(strangerKey{}).(*stranger)
	return s
}

// Stranger reports whether the upload of a context has come without a credential.
func Stranger(ctx context.Context) bool { return strangerOf(ctx) != nil }

// Admit counts an upload in before its body is read; that of a stranger is held to
// limits in the context that comes back, by Receive and Take. done must be called
// with whether the upload was kept. The error is a fault: 507 when there is no room
// for more uploads of strangers.
func (in *Intake) Admit(ctx context.Context, raw *upload.Raw, isStranger bool) (_ context.Context, done func(kept bool), err error) {
	if !isStranger || in.Strangers == nil {
		return ctx, func(bool) {}, nil
	}
	s := in.Strangers
	u := &stranger{most: s.limits.Anonymous}
	expected := u.most
	if raw.ContentLength >= 0 {
		expected = min(expected, raw.ContentLength)
	}
	if err := s.begin(ctx, expected); err != nil {
		return ctx, nil, err
	}
	return context.WithValue(ctx, strangerKey{}, u), func(kept bool) { s.end(expected, u.spent, kept) }, nil
}

func (s *Strangers) begin(ctx context.Context, expected int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits.AnonymousTotal > 0 {
		if now := s.now(); s.read.IsZero() || now.Sub(s.read) >= totalEvery {
			total, err := s.kept(ctx)
			if err != nil {
				return err
			}
			s.total, s.since, s.read = total, 0, now
		}
		if s.total+s.since+s.wasted()+s.underWay+expected > s.limits.AnonymousTotal {
			return fault.Full(3600, "uploads without a credential have reached their total of %d bytes (--max-anonymous-total); send a credential, or wait until old ones are removed", s.limits.AnonymousTotal)
		}
	}
	s.underWay += expected
	return nil
}

func (s *Strangers) end(expected, spent int64, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay -= expected
	if kept {
		s.since += spent
		return
	}
	s.failed[s.now().Unix()/3600] += spent
}

// wasted is what uploads that failed have left on the disk.
func (s *Strangers) wasted() (sum int64) {
	oldest := s.now().Unix()/3600 - spentFor
	for hour, bytes := range s.failed {
		if hour < oldest {
			delete(s.failed, hour)
			continue
		}
		sum += bytes
	}
	return sum
}

// spend counts bytes that an upload has put on the disk.
func spend(ctx context.Context, bytes int64) {
	if u := strangerOf(ctx); u != nil {
		u.spent += bytes
	}
}

// bodyOf is the body of a stranger's upload, held to the ratio when it came
// compressed.
func (u *stranger) bodyOf(ctx context.Context, body io.Reader) io.Reader {
	sent := upload.SentBytes(ctx)
	if sent == nil {
		return body
	}
	return &ratioReader{r: body, sent: sent}
}

// ratioReader fails when too much comes out of what was sent.
type ratioReader struct {
	r    io.Reader
	sent func() int64
	n    int64
}

func (r *ratioReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.n += int64(n); r.n > freeBytes && r.n > mostRatio*r.sent() {
		return n, tooDense()
	}
	return n, err
}

func tooDense() error {
	return fault.TooLarge("without a credential an upload may not become more than %d times as large when it is decompressed", mostRatio)
}

// unzipped is where the content of a stranger's gzip file of the size goes.
func (u *stranger) unzipped(ctx context.Context, w io.Writer, size int64) (io.Writer, error) {
	if upload.SentBytes(ctx) != nil {
		return nil, fault.Unsupported("without a credential an upload may be compressed once: gzip the file, or use Content-Encoding")
	}
	return &strangerWriter{w: w, most: u.most, dense: max(freeBytes, mostRatio*size)}, nil
}

// strangerWriter fails beyond its limits.
type strangerWriter struct {
	w              io.Writer
	n, most, dense int64
}

func (w *strangerWriter) Write(p []byte) (int, error) {
	switch w.n += int64(len(p)); {
	case w.n > w.dense:
		return 0, tooDense()
	case w.n > w.most:
		return 0, fault.TooLarge("without a credential an upload may have %d bytes when it is decompressed (--max-anonymous-upload)", w.most)
	}
	return w.w.Write(p)
}
