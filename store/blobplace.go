package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store/internal/bucket"
)

// A place is a directory or a bucket with the blobs of one database. The database
// names it and its id, and the place holds the id as well: a server that was
// started with another directory would not find what others have stored, and would
// sweep what it does not know.
type place struct {
	ID      string `json:"id"`
	Address string `json:"address"` // file:, file:/directory or s3://…

	// Settled says that the id is in the place as well. Until then Claim is the
	// process that is about to write it.
	Settled bool   `json:"settled"`
	Claim   string `json:"claim,omitempty"`

	// Former is where the blobs were when a move has not ended yet.
	Former *place `json:"former,omitempty"`

	// Known are the ids of all places that the blobs were ever in.
	Known []string `json:"known,omitempty"`
}

// placeSetting is the row that every server follows.
const placeSetting = "blob_place"

// PlaceName is the file or object that says whose blobs are in a place. It holds an id.
const PlaceName = "slipway-store"

// maxID is more than an id has.
const maxID = 1 << 10

// openPlace is a place with its blobs.
type openPlace struct {
	place
	blobs  Blobs
	former *openPlace // nil when nothing is moving
}

// placedBlobs are the blobs where the database says that they are. Where that is, is
// asked when a blob is begun and again when it is committed: what was committed
// before the row of a move is there when its last pass looks, and what comes later
// is stored in the new place as well. Who does not find a blob asks, too.
type placedBlobs struct {
	store *Store

	dir atomic.Pointer[string] // of now, if that is a directory

	mu    sync.Mutex
	now   *openPlace
	cache *blobCache
}

func (p *placedBlobs) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cache.close()
}

// current returns the place that the database names now.
func (p *placedBlobs) current(ctx context.Context) (*openPlace, error) {
	row, err := p.store.place(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil && row != nil && row.same(&p.now.place) {
		return p.now, nil
	}
	opened, err := p.settle(ctx, row)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	p.now = opened
	p.dir.Store(nil)
	if f, ok := opened.blobs.(*fileBlobs); ok {
		p.dir.Store(&f.dir)
	}
	return opened, nil
}

func (a *place) same(b *place) bool {
	return a.Settled == b.Settled && a.ID == b.ID && (a.Former == nil) == (b.Former == nil)
}

// last is the place as it was known last, without asking.
func (p *placedBlobs) last(ctx context.Context) (*openPlace, error) {
	p.mu.Lock()
	now := p.now
	p.mu.Unlock()
	if now != nil {
		return now, nil
	}
	return p.current(ctx)
}

// place reads the row; nil when there is none yet.
func (s *Store) place(ctx context.Context) (*place, error) {
	text, err := s.Setting(ctx, placeSetting)
	if errors.Is(err, ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	var row place
	if err := json.Unmarshal(text, &row); err != nil {
		return nil, fmt.Errorf("blobs: setting %s: %w", placeSetting, err)
	}
	return &row, nil
}

// keepPlace writes the row.
func (s *Store) keepPlace(row *place) error {
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return s.KeepSetting(placeSetting, text)
}

// CheckBlobs opens the blobs, so that a server that was started with the wrong
// directory or bucket says so at once: ErrBlobsElsewhere. ErrUnavailable is an
// object store that cannot be reached; everything but blobs works meanwhile.
func (s *Store) CheckBlobs(ctx context.Context) error {
	_, err := s.core.blobs.current(ctx)
	return err
}

// PingBlobs asks the blobs for a sign of life. A directory must also take files.
func (s *Store) PingBlobs(ctx context.Context) error {
	at, err := s.core.blobs.last(ctx)
	if err != nil {
		return err
	}
	if _, err = at.readID(ctx); err != nil {
		return err
	}
	if f, ok := at.blobs.(*fileBlobs); ok {
		for _, dir := range []string{f.dir, f.tmp()} {
			if err := takesChanges(dir); err != nil {
				return fmt.Errorf("blobs in %s: %w: %w", dir, ErrUnavailable, err)
			}
		}
	}
	return nil
}

// blobDir is the directory where the blobs are, as far as that is known; empty when they
// are in no directory. It waits for nobody who opens another place.
func (p *placedBlobs) blobDir() string {
	if dir := p.dir.Load(); dir != nil {
		return *dir
	}
	return ""
}

// BlobsAt is the address of the place where the blobs are, and of the one that they
// are just leaving; empty when there is none.
func (s *Store) BlobsAt(ctx context.Context) (address, leaving string, err error) {
	at, err := s.core.blobs.current(ctx)
	if err != nil {
		return "", "", err
	}
	if at.Former != nil {
		leaving = at.Former.Address
	}
	return at.Address, leaving, nil
}

// settle opens the place of the row, and makes the row when there is none.
func (p *placedBlobs) settle(ctx context.Context, row *place) (*openPlace, error) {
	var err error
	for row == nil || !row.Settled {
		if row, err = p.claim(ctx); err != nil {
			return nil, err
		}
	}
	opened, err := p.openSettled(ctx, row)
	if err != nil {
		return nil, err
	}
	if row.Former != nil {
		former, err := p.open(row.Former)
		if err != nil {
			return nil, err
		}
		if err := former.mustBe(ctx, row.Former.ID); err != nil {
			return nil, err
		}
		opened.former = former
	}
	return opened, nil
}

// openSettled opens the place that the row names. A setting may name the same place
// in another way, such as another name of the endpoint.
func (p *placedBlobs) openSettled(ctx context.Context, row *place) (*openPlace, error) {
	named := *row
	if wanted := p.store.core.config.Blobs; wanted != "" {
		address, err := cleanPlace(wanted)
		if err != nil {
			return nil, err
		}
		named.Address = address
	}
	opened, err := p.open(&named)
	if err != nil {
		return nil, err
	}
	id, err := opened.readID(ctx)
	if err != nil {
		return nil, err
	}
	if id == row.ID {
		return opened, nil
	}
	if named.Address != row.Address && p.now != nil {
		// The blobs have moved away from what this server was started with.
		if opened, err = p.open(row); err != nil {
			return nil, err
		}
		return opened, opened.mustBe(ctx, row.ID)
	}
	return nil, elsewhere(row, opened, id)
}

// elsewhere says what to do about a place that is not the one of the row.
func elsewhere(row *place, opened *openPlace, id string) error {
	what := "holds no blobs of any database"
	if id != "" {
		what = "holds the blobs of another database or of an earlier place (id " + id + ")"
	}
	return fmt.Errorf("%w: the database keeps them in %s (id %s), but %s %s; start with the directory or bucket that has them "+
		"(--data, --blobs), mount it, or move them with \"slipway blobs move --to\"", ErrBlobsElsewhere, row.Address, row.ID, opened.where(), what)
}

func (o *openPlace) mustBe(ctx context.Context, want string) error {
	id, err := o.readID(ctx)
	if err == nil && id != want {
		err = elsewhere(&place{ID: want, Address: o.Address}, o, id)
	}
	return err
}

// claimTime is how long another process may take from its claim to the id in its
// place.
const claimTime = 5 * time.Second

// claim makes the row of a new database and writes its id into the place. When
// another process is doing the same it waits for that, and takes over from one that
// was killed.
func (p *placedBlobs) claim(ctx context.Context) (*place, error) {
	deadline := time.Now().Add(claimTime)
	for {
		row, mine, err := p.claimed(ctx, time.Now().After(deadline))
		if err != nil || row.Settled {
			return row, err
		}
		if mine {
			return p.mark(ctx, row)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *placedBlobs) claimed(ctx context.Context, force bool) (row *place, mine bool, err error) {
	s := p.store
	address, err := cleanPlace(s.core.config.Blobs)
	if err != nil {
		return nil, false, err
	}
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, placeSetting); err != nil {
			return err
		}
		var err error
		if row, err = tx.place(ctx); err != nil {
			return err
		}
		if row == nil {
			row = &place{ID: uuid.NewString(), Address: address}
		}
		if row.Settled {
			return nil
		}
		if mine = row.Claim == s.core.id || row.Claim == "" || force; !mine {
			return nil
		}
		row.Claim, row.Address = s.core.id, address
		return tx.keepPlace(row)
	})
	return row, mine, err
}

// mark writes the id into the place, and settles the row.
func (p *placedBlobs) mark(ctx context.Context, row *place) (*place, error) {
	opened, err := p.open(row)
	if err != nil {
		return nil, err
	}
	if err := opened.writeID(ctx, row); err != nil {
		return nil, err
	}
	settled := *row
	settled.Settled, settled.Claim = true, ""
	err = p.store.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, placeSetting); err != nil {
			return err
		}
		there, err := tx.place(ctx)
		if err != nil {
			return err
		}
		if there == nil || there.Claim != row.Claim {
			return fmt.Errorf("%w: another server settles where they are", ErrUnavailable)
		}
		return tx.keepPlace(&settled)
	})
	return &settled, err
}

// cleanPlace checks an address and spells it in one way.
func cleanPlace(address string) (string, error) {
	if address == "" {
		return "file:", nil
	}
	if dir, isFile := strings.CutPrefix(address, "file:"); isFile {
		dir = strings.TrimPrefix(dir, "//")
		if dir != "" && !filepath.IsAbs(dir) {
			return "", fmt.Errorf("blobs %q: a directory must be given from the root: file:/directory", address)
		}
		return "file:" + dir, nil
	}
	if strings.HasPrefix(address, "s3:") {
		a, err := bucket.ParseAddress(address)
		if err != nil {
			return "", fmt.Errorf("blobs %.200q %w", withoutUser(address), err)
		}
		return a.String(), nil
	}
	return "", fmt.Errorf("blobs %.200q must be file:, file:/directory or s3://bucket/prefix", withoutUser(address))
}

// withoutUser keeps credentials out of messages.
func withoutUser(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if at := strings.LastIndex(rest, "@"); found && at >= 0 {
		return scheme + "://…" + rest[at:]
	}
	return address
}

// open opens the blobs of a place without asking whose they are.
func (p *placedBlobs) open(at *place) (*openPlace, error) {
	config := p.store.core.config
	opened := &openPlace{place: *at}
	if dir, isFile := strings.CutPrefix(at.Address, "file:"); isFile {
		if dir == "" {
			dir = filepath.Join(config.DataDir, "blobs")
		}
		blobs, err := openFileBlobs(dir)
		if errors.Is(diskError(err), ErrFull) {
			err = fmt.Errorf("%w: %w", ErrFull, err)
		}
		if err != nil {
			return nil, err // a directory that cannot be used is nothing to wait for
		}
		opened.blobs = blobs
		return opened, nil
	}
	address, err := bucket.ParseAddress(at.Address)
	if err != nil {
		return nil, err
	}
	b, err := bucket.Open(address, bucket.Options{
		CredentialsFile: config.BlobCredentials, CAFile: config.BlobCA, Timeout: config.BlobTimeout, Parts: config.BlobParts,
	})
	if err != nil {
		return nil, err
	}
	if p.cache == nil {
		if p.cache, err = openBlobCache(filepath.Join(config.DataDir, "blob-cache"), config.BlobCacheBytes); err != nil {
			return nil, fmt.Errorf("blob cache: %w", err)
		}
	}
	opened.blobs = &objectBlobs{store: p.store, bucket: b, place: at.ID, cache: p.cache}
	return opened, nil
}

// where is the place for a person to find.
func (o *openPlace) where() string {
	if f, ok := o.blobs.(*fileBlobs); ok {
		return "the directory " + f.dir
	}
	return o.Address
}

// readID reads the id in the place; empty when there is none.
func (o *openPlace) readID(ctx context.Context) (string, error) {
	switch b := o.blobs.(type) {
	case *fileBlobs:
		text, err := os.ReadFile(filepath.Join(b.dir, PlaceName))
		if errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return strings.TrimSpace(string(text)), nil
	case *objectBlobs:
		text, err := b.bucket.Get(ctx, PlaceName, maxID)
		if errors.Is(err, bucket.ErrMissing) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w: %w", o.Address, ErrUnavailable, err)
		}
		return string(text), nil
	}
	return "", nil
}

// writeID makes the place the one of the row, unless it is another's.
func (o *openPlace) writeID(ctx context.Context, row *place) error {
	id, err := o.readID(ctx)
	if err != nil || id == row.ID {
		return err
	}
	if id != "" && !slices.Contains(row.Known, id) {
		return fmt.Errorf("%w: %s holds the blobs of another database (id %s); choose another one, or, if that database is gone, remove %s there",
			ErrBlobsElsewhere, o.where(), id, PlaceName)
	}
	switch b := o.blobs.(type) {
	case *fileBlobs:
		if err := writeIDFile(filepath.Join(b.dir, PlaceName), row.ID); err != nil {
			return fmt.Errorf("%s: %w: %w", o.where(), diskError(err), err)
		}
	case *objectBlobs:
		if err := b.bucket.Put(ctx, PlaceName, []byte(row.ID)); err != nil {
			return fmt.Errorf("%s: %w: %w", o.Address, ErrUnavailable, err)
		}
	}
	return nil
}

func writeIDFile(name, id string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".store-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has got its name
	_, err = f.WriteString(id + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(f.Name(), name), syncDir(filepath.Dir(name)))
}
