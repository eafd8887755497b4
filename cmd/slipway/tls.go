package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// tlsFlags say with which certificate the server answers.
type tlsFlags struct {
	Cert string `type:"path" placeholder:"FILE" help:"File with the certificate and its chain in PEM; read again when it changes."`
	Key  string `type:"path" placeholder:"FILE" help:"File with the certificate's private key in PEM."`
}

func (f *tlsFlags) config() (*tls.Config, error) {
	c := &certificate{flags: f, now: time.Now}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// certificate is read again when its files change, so that a renewal needs no
// restart. While what is there cannot be used, the old one stays.
type certificate struct {
	flags *tlsFlags
	now   func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	state   [2]fileState
	looked  time.Time
}

// fileState tells whether a file is still the one that was read.
type fileState struct {
	changed time.Time
	size    int64
}

// lookEvery bounds how often the files are looked at.
const lookEvery = time.Second

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if state, err := c.look(); err == nil && state != c.state {
			if err := c.read(state); err != nil {
				slog.Error("the new certificate cannot be used; the old one stays", "error", err)
			} else {
				slog.Info("certificate read again", "file", c.flags.Cert)
			}
		}
	}
	return c.current, nil
}

func (c *certificate) load() error {
	state, err := c.look()
	if err != nil {
		return err
	}
	return c.read(state)
}

// look asks for the state before the files are read: what changes in between is
// read once more.
func (c *certificate) look() (state [2]fileState, err error) {
	for i, name := range []string{c.flags.Cert, c.flags.Key} {
		info, err := os.Stat(name)
		if err != nil {
			return state, fmt.Errorf("TLS: %w", err)
		}
		state[i] = fileState{info.ModTime(), info.Size()}
	}
	return state, nil
}

func (c *certificate) read(state [2]fileState) error {
	c.state = state
	pair, err := tls.LoadX509KeyPair(c.flags.Cert, c.flags.Key)
	if err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	c.current = &pair
	return nil
}
