package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"net/http"

	"github.com/slipway-lab/slipway/gen/client"
)

// piece is how much output is sent at once.
const piece = 1 << 20

// inMemory is how much output waits in memory when the disk takes no more.
const inMemory = 16 << 20

// spool is a job's output on disk. What the disk does not take waits in memory until
// the server has it; what does not fit there is counted, and the command goes on: it
// must not hang because the agent's disk is full.
type spool struct {
	mu   sync.Mutex
	f    *os.File
	size int64 // on disk, and in memory behind that
	disk int64 // on disk
	mem  []byte
	full error // of the disk
	lost int64
	more chan struct{} // has room for one note that there is more
}

func openSpool(name string) (*spool, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &spool{f: f, size: size, disk: size, more: make(chan struct{}, 1)}, nil
}

// take reads to the end of r.
func (s *spool) take(r io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := r.Read(buffer)
		s.write(buffer[:n])
		if err != nil {
			return
		}
	}
}

func (s *spool) write(b []byte) {
	if len(b) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full == nil { // later pieces must not stand before this one
		n, err := s.f.WriteAt(b, s.disk)
		s.disk += int64(n)
		s.size += int64(n)
		s.full, b = err, b[n:]
	}
	n := 0
	if s.lost == 0 { // after a gap nothing more: what follows would stand in the wrong place
		n = min(len(b), inMemory-len(s.mem))
		s.mem = append(s.mem, b[:n]...)
		s.size += int64(n)
	}
	s.lost += int64(len(b) - n)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// note adds a line of the agent's own.
func (s *spool) note(format string, args ...any) {
	s.write(fmt.Appendf(nil, "[agent] "+format+"\n", args...))
}

// trouble is how much is lost, and why the disk took no more, nil when it took all.
func (s *spool) trouble() (lost int64, full error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost, s.full
}

// at reads up to a piece from an offset, nothing at the end. The error is that of the
// disk, which does not give back what it took.
func (s *spool) at(offset int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset >= s.disk {
		begin := s.size - int64(len(s.mem))
		if offset < begin {
			return nil, nil // it was sent, and is forgotten
		}
		rest := s.mem[offset-begin:]
		return bytes.Clone(rest[:min(len(rest), piece)]), nil
	}
	b := make([]byte, min(s.disk-offset, piece))
	n, err := s.f.ReadAt(b, offset)
	if n > 0 {
		err = nil // what there is
	}
	return b[:n], err
}

// sent makes room in memory for what follows.
func (s *spool) sent(offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if begin := s.size - int64(len(s.mem)); offset > begin {
		s.mem = bytes.Clone(s.mem[offset-begin:])
	}
}

// refusedOutput tells whether the server will never take this output: it is too
// much, or the lease is gone.
func refusedOutput(err error) bool {
	var p *client.Problem
	if !errors.As(err, &p) {
		return false
	}
	return p.Status >= http.StatusBadRequest && p.Status < http.StatusInternalServerError &&
		p.Status != http.StatusTooManyRequests && p.Status != http.StatusRequestTimeout && !credentialTrouble(p) && !foreign(p)
}

// foreign tells whether a refusal is that of a proxy, which knows nothing of the lease:
// while the server is started again some answer 404. That a body is too large counts.
func foreign(p *client.Problem) bool {
	return p.ID == "" && p.Status >= http.StatusBadRequest && p.Status < http.StatusInternalServerError && p.Status != http.StatusRequestEntityTooLarge
}

// credentialTrouble is what an administrator can mend while the agent waits.
func credentialTrouble(p *client.Problem) bool {
	return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
}
