package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Config says which database to open. The zero value of every field but
// DataDir has a meaning.
type Config struct {
	// DataDir holds the SQLite file and the blobs. It is created when missing,
	// and made readable by its owner only, with all that is in it.
	DataDir string `name:"data" default:"./slipway-data" type:"path" help:"Directory of the embedded database, uploads and the server secret."`

	// Database is "postgres://…" for PostgreSQL. Anything else is a SQLite
	// file: "" is slipway.db, and a path (with or without "sqlite:" before it)
	// that is not absolute lies in DataDir.
	Database string `placeholder:"URL" help:"Address of a PostgreSQL database, postgres://…, which any number of servers may share. Default: the embedded database."`

	// Blobs is where uploaded bytes are kept: "file:" in DataDir, "file:/a/directory"
	// there, or s3://bucket/prefix. Empty is where the database says, and "file:"
	// for a database that says nothing yet.
	Blobs string `placeholder:"URL" help:"Where uploaded bytes are kept: file: (the data directory), file:/directory, or s3://bucket/prefix?endpoint=https://host&region=…&path-style=true, which servers on several machines need. Default: where the database says they are, at first file:."`

	// BlobCacheBytes bounds the copies of objects on this machine; zero keeps none.
	BlobCacheBytes int64 `default:"1073741824" min:"0" help:"Limit of the copies of objects in the data directory in bytes, so that reading again does not go out; 0: none."`

	// BlobTimeout is how long one request to the object store may take; zero is 30 s.
	BlobTimeout time.Duration `default:"30s" min:"100ms" help:"How long one request to the object store may take, such as a part of 8 MiB of an upload."`

	// BlobParts is how many parts of one upload are sent at once; zero is 3.
	BlobParts int `default:"3" min:"1" max:"64" help:"How many parts of 8 MiB of one upload are sent to the object store at once; one more is being filled."`

	// BlobCredentials is a file with credentials for the object store.
	BlobCredentials string `type:"path" placeholder:"FILE" help:"File with the credentials of the object store (aws_access_key_id and aws_secret_access_key below [default]). Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else ~/.aws/credentials, else the machine's role."`

	// BlobCA is a file with certificates that the object store's is signed by.
	BlobCA string `name:"blob-ca" type:"path" placeholder:"FILE" help:"Certificates (PEM) by which the object store's is signed, beside those of the system."`

	// DatabasePooler is the address of a pooler in front of the PostgreSQL of
	// Database. Everything goes through it but what needs a session: migrations and
	// LISTEN. Empty: there is none.
	DatabasePooler string `placeholder:"URL" help:"Address of a pooler in transaction mode (pgbouncer) in front of the database, postgres://…; --database remains the address of the database itself, for what needs a session (migrations, notifications)."`

	// DatabaseRead is the address of a hot standby of the PostgreSQL of Database, which
	// takes reads: see standby.go. Empty: there is none.
	DatabaseRead string `placeholder:"URL" help:"Address of a hot standby of the database, postgres://…, which takes searches, comparisons, histories and long lists off it. It is asked only where it shows everything that was committed before, so whoever has written reads it back."`

	// DatabasePartition is how many days one partition of PostgreSQL has; empty is month.
	DatabasePartition string `enum:"month,week" default:"month" help:"Which span of days PostgreSQL keeps together in one partition of the event log and of single tests, month or week. A change counts for the partitions that are made from then on."`

	// StatementTimeout is how long one statement may take, and how long a
	// connection to PostgreSQL may be silent; zero is 10 s.
	StatementTimeout time.Duration `default:"10s" min:"100ms" help:"How long one statement of the database may take, also when the database does not answer at all."`

	// IngestTimeout is StatementTimeout for what is Patient; zero is 2 min.
	IngestTimeout time.Duration `default:"2m" min:"100ms" help:"The same for the statements that store large uploads, and for reads that are streamed."`

	// Exclusive makes Open fail with ErrInUse when another process has the
	// same SQLite file open exclusively. The server sets it; a command beside
	// a running server does not. It means nothing on PostgreSQL.
	Exclusive bool `kong:"-"`

	// ReadConns is the number of SQLite connections for reading; zero is twice
	// the number of processors, at least 4 and at most 16.
	ReadConns int `kong:"-"`

	// MaxConns is the number of PostgreSQL connections; zero is 16.
	MaxConns int `kong:"-"`

	// Now and NewID are replaced by tests. Nil is the clock and UUIDv7.
	Now   func() time.Time `kong:"-"`
	NewID func() uuid.UUID `kong:"-"`

	// Areas is what each area adds to the database; package areas has them all.
	Areas []Schema `kong:"-"`
}

// Store is the database together with its blobs. It is safe for
// concurrent use. A Store that InTx or Snapshot hands to a closure lives as
// long as the closure and belongs to its goroutine.
//
// It keeps what every area writes. The rows of an area are kept by its own
// package, whose Store is made of this one.
type Store struct {
	// Blobs keeps uploaded bytes.
	Blobs Blobs

	core *core
	tx   *txState // nil outside a transaction
	db   *tables.DB
}

// core is what a store shares with the stores inside its transactions.
type core struct {
	dialect  dialect
	write    *gorm.DB // SQLite: the single writing connection
	reads    *gorm.DB // SQLite: a pool that cannot write; PostgreSQL: same as write
	standby  *standby // nil without one
	session  *gorm.DB // for what needs a session: behind a pooler the database itself, else same as write
	writer   *writer  // nil on PostgreSQL
	config   Config
	database string // the file of the embedded one
	watch    *watch // of that file; nil on PostgreSQL
	ready    readiness
	id       string // tells replicas apart
	blobs    *placedBlobs
	hub      hub

	partitions knownPartitions
	unlock     func() error

	closing sync.RWMutex
	closed  bool
	inside  sync.WaitGroup // transactions that have begun or wait to begin
}

type dialect string

const (
	sqliteDialect   dialect = "sqlite"
	postgresDialect dialect = "postgres"
)

// Open opens the database. Its blobs are opened by the first who needs them, or by
// CheckBlobs. It does not migrate: call Migrate before anything else. Close must be
// called to give back the lock.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("store: no data directory")
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := keepPrivate(ctx, cfg.DataDir, os.Chmod); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	cfg.setDefaults()

	c, err := openCore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c.id = uuid.NewString()
	s := &Store{core: c, db: c.tables()}
	c.blobs = &placedBlobs{store: s}
	s.Blobs = c.blobs
	return s, nil
}

func (cfg *Config) setDefaults() {
	if cfg.ReadConns <= 0 {
		cfg.ReadConns = min(max(4, 2*runtime.GOMAXPROCS(0)), 16)
	}
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = 16
	}
	if cfg.BlobTimeout <= 0 {
		cfg.BlobTimeout = 30 * time.Second
	}
	if cfg.BlobParts <= 0 {
		cfg.BlobParts = 3
	}
	if cfg.DatabasePartition == "" {
		cfg.DatabasePartition = partitionMonth
	}
	if cfg.StatementTimeout <= 0 {
		cfg.StatementTimeout = 10 * time.Second
	}
	if cfg.IngestTimeout <= 0 {
		cfg.IngestTimeout = 2 * time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
}

func openCore(ctx context.Context, cfg Config) (*core, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if isPostgresURL(cfg.Database) {
		return openPostgres(ctx, cfg)
	}
	return openSQLite(ctx, cfg)
}

// Check says what is wrong with the addresses, without asking anybody. What is no address
// must not become the name of an empty file, which would look as if all were lost.
func (cfg *Config) Check() error {
	scheme, _, isURL := strings.Cut(cfg.Database, "://")
	file, named := strings.CutPrefix(cfg.Database, "sqlite:")
	switch {
	case isPostgresURL(cfg.Database):
	case isURL:
		return fmt.Errorf("database %.40q is not supported: use postgres://… or a file name", scheme+"://…")
	case cfg.Database != "" && !named && !slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, filepath.Ext(file)):
		return errors.New("--database must be postgres://user@host/name, or the name of a file that ends in .db, .sqlite or .sqlite3, or has sqlite: before it") // it may hold a password
	}
	for _, other := range []struct{ flag, address string }{{"--database-pooler", cfg.DatabasePooler}, {"--database-read", cfg.DatabaseRead}} {
		switch {
		case other.address == "":
		case !isPostgresURL(cfg.Database):
			return fmt.Errorf("%s is for PostgreSQL: it needs --database with the address of the database itself", other.flag)
		case !isPostgresURL(other.address):
			return fmt.Errorf("%s must be postgres://user@host/name", other.flag)
		}
	}
	_, err := cleanPlace(cfg.Blobs)
	return err
}

// tables is the database as stores outside a transaction see it.
func (c *core) tables() *tables.DB {
	db := &tables.DB{Pool: c.readsFor, Postgres: c.dialect == postgresDialect}
	db.Pace = tables.NewPace(db.Postgres)
	db.Names = &tables.NameCache{}
	if c.config.Exclusive && !db.Postgres {
		db.AloneSince = RoundTime(c.config.Now())
	}
	return db
}

// Close waits for the transactions that have begun, commits them, and closes
// the database. Transactions that begin later get ErrClosed.
func (s *Store) Close() error {
	c := s.core
	c.closing.Lock()
	already := c.closed
	c.closed = true
	c.closing.Unlock()
	if already {
		return nil
	}
	c.inside.Wait()
	c.stopListening()
	return c.close()
}

func (c *core) close() error {
	var errs []error
	if c.writer != nil {
		c.writer.stop()
		errs = append(errs, c.writer.log.stop())
	}
	errs = append(errs, closeGorm(c.write))
	if c.blobs != nil {
		errs = append(errs, c.blobs.close())
	}
	if c.reads != c.write {
		errs = append(errs, closeGorm(c.reads))
	}
	if c.standby != nil {
		errs = append(errs, closeGorm(c.standby.db))
	}
	if c.session != c.write {
		errs = append(errs, closeGorm(c.session))
	}
	if c.unlock != nil {
		errs = append(errs, c.unlock())
	}
	return errors.Join(errs...)
}

// enter counts a transaction in, so that Close can wait for it.
func (c *core) enter() error {
	c.closing.RLock()
	defer c.closing.RUnlock()
	if c.closed {
		return ErrClosed
	}
	c.inside.Add(1)
	return nil
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.core.enter(); err != nil {
		return err
	}
	defer s.core.inside.Done()
	var one int
	if err := s.db.Read(ctx).Raw("SELECT 1").Scan(&one).Error; err != nil {
		return fmt.Errorf("ping: %w", Translate(err))
	}
	return nil
}

// Dialect is "sqlite" or "postgres"; for the log and the metrics, never for
// decisions outside this package.
func (s *Store) Dialect() string { return string(s.core.dialect) }

// Now is the time as the database will keep it: UTC, whole microseconds.
func (s *Store) Now() time.Time { return RoundTime(s.core.config.Now()) }

// NewID is an id for a row, also for one that its caller names before it is
// stored.
func (s *Store) NewID() uuid.UUID { return s.core.config.NewID() }

// DB is the way to the tables, for the stores of the areas.
func (s *Store) DB(tables.Key) *tables.DB { return s.db }

// naming is GORM's, and remembers the names of tables: to find the plural of a model's
// name GORM tries sixty regular expressions, for each pool of connections anew.
type naming struct{ schema.NamingStrategy }

var tableNames sync.Map

// TableName is the table of a model that does not name it itself.
func (n naming) TableName(model string) string {
	if known, ok := tableNames.Load(model); ok {
		return known.(string)
	}
	name := n.NamingStrategy.TableName(model)
	tableNames.Store(model, name)
	return name
}

func openGorm(d gorm.Dialector) (*gorm.DB, error) {
	return gorm.Open(d, &gorm.Config{
		SkipDefaultTransaction: true, // InTx is the only transaction
		Logger:                 logger.Discard,
		DisableAutomaticPing:   true,
		NamingStrategy:         naming{},
	})
}

func closeGorm(db *gorm.DB) error {
	if db == nil {
		return nil
	}
	return sqlDB(db).Close()
}

func sqlDB(db *gorm.DB) *sql.DB { return db.ConnPool.(*sql.DB) }
