package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
)

// storeFlags say where everything is kept.
type storeFlags struct {
	Store  store.Config `embed:""`
	Secret string       `placeholder:"TEXT" help:"Secret with which tokens are hashed and keys derived, at least 16 characters, the same for servers that share a database; better set as SLIPWAY_SECRET. Default: a file in the data directory."`
}

// open opens the store. A server takes the data directory for itself; a command
// beside it does not.
func (f *storeFlags) open(ctx context.Context, exclusive bool) (*store.Store, error) {
	config := f.Store
	config.Exclusive = exclusive
	return areas.Open(ctx, config)
}

// existing opens the store for a command beside the server. A name that is misspelt
// must not make an empty database, which would look as if all were lost.
func (f *storeFlags) existing(ctx context.Context) (*store.Store, error) {
	if file := f.Store.Missing(); file != "" {
		return nil, noDatabase(file)
	}
	s, err := f.open(ctx, false)
	if err != nil {
		return nil, err
	}
	version, err := s.Version(ctx)
	if err == nil && version == 0 {
		err = noDatabase("this database") // of PostgreSQL, or a file of somebody else
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func noDatabase(place string) error {
	return terminal.NotFound("%s holds nothing of Slipway's yet: slipway serve and slipway migrate make it, --data and --database say where", place)
}

// known is existing for a command that needs the server's secret, too.
func (f *storeFlags) known(ctx context.Context) (*store.Store, []byte, error) {
	s, err := f.existing(ctx)
	if err != nil {
		return nil, nil, err
	}
	secret, err := f.prepare(ctx, s)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, secret, nil
}

// prepared opens the store for a server, makes it or brings its schema up to date, and
// checks that it belongs to this server's secret, which it returns.
func (f *storeFlags) prepared(ctx context.Context) (*store.Store, []byte, error) {
	s, err := f.open(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	secret, err := f.prepare(ctx, s)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, secret, nil
}

func (f *storeFlags) prepare(ctx context.Context, s *store.Store) ([]byte, error) {
	if err := s.Migrate(ctx); err != nil {
		return nil, err
	}
	secret, err := f.secret(func() error { return f.mayMakeSecret(ctx, s) })
	if err != nil {
		return nil, err
	}
	fingerprint := fingerprintOf(secret)
	if err := s.CheckFingerprint(ctx, fingerprint); err != nil {
		return nil, err
	}
	return secret, nil
}

// fingerprintOf is what the database keeps of the secret.
func fingerprintOf(secret []byte) []byte {
	sum := sha256.Sum256(append([]byte("slipway fingerprint\x00"), secret...))
	return sum[:]
}

// mayMakeSecret refuses a new secret for a database that belongs to another one: the
// file would look as if it were the right one from then on.
func (f *storeFlags) mayMakeSecret(ctx context.Context, s *store.Store) error {
	has, err := s.HasFingerprint(ctx)
	if err == nil && has {
		err = fmt.Errorf("%w: %s is missing and SLIPWAY_SECRET is not set; put the secret there with which the database was made",
			store.ErrSecretMismatch, f.secretFile())
	}
	return err
}

func (f *storeFlags) secretFile() string { return filepath.Join(f.Store.DataDir, "secret") }

const minSecret = 16

// secret returns the configured secret, else that of the file in the data
// directory, which is made at the first start, when mayMake agrees, and readable by its
// owner only.
func (f *storeFlags) secret(mayMake func() error) ([]byte, error) {
	if f.Secret != "" {
		if len(f.Secret) < minSecret {
			return nil, terminal.Usage("the server secret must have at least %d characters", minSecret)
		}
		return []byte(f.Secret), nil
	}
	name := f.secretFile()
	text, err := os.ReadFile(name)
	if err == nil {
		if secret := strings.TrimSpace(string(text)); len(secret) >= minSecret {
			return []byte(secret), nil
		}
		return nil, fmt.Errorf("%s contains no secret of at least %d characters", name, minSecret)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := mayMake(); err != nil {
		return nil, err
	}
	return newSecret(name)
}

// newSecret writes the file whole or not at all: two commands that start at
// once must end with one secret.
func newSecret(name string) ([]byte, error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	text := hex.EncodeToString(random[:])
	tmp, err := os.CreateTemp(filepath.Dir(name), ".secret-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), name); errors.Is(err, os.ErrExist) {
		won, err := os.ReadFile(name)
		return []byte(strings.TrimSpace(string(won))), err
	} else if err != nil {
		return nil, err
	}
	return []byte(text), nil
}

type migrateCmd struct{}

// Help is an example.
func (migrateCmd) Help() string { return "Example:\n\n    slipway migrate" }

// Run migrates the database and says to which version.
func (migrateCmd) Run(ctx context.Context, f *storeFlags) error {
	s, err := f.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	v, err := s.Version(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "the %s database is at schema version %d\n", s.Dialect(), v)
	return nil
}
