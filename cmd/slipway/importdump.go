package main

import (
	"context"
	"io"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/server/imports/sqldump"
	drydock "github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/refstack"
	"github.com/slipway-lab/slipway/server/results"
)

// readLimits bound what one run may cost, as an upload.
type readLimits struct {
	MaxTests        int   `default:"2000000" min:"1" help:"Limit of the tests of one run."`
	MaxMembers      int   `default:"10000" min:"1" max:"1000000" help:"Limit of the files of one run."`
	MaxDecompressed int64 `default:"536870912" min:"1" help:"Limit of a compressed file after decompression in bytes."`
	MaxRatio        int64 `default:"2000" min:"1" help:"Limit of how many bytes may come out of one byte of a compressed file. The first 16 MiB are free."`
}

func (l *readLimits) limits() intake.Limits {
	return intake.Limits{Tests: l.MaxTests, Members: l.MaxMembers, Decompressed: l.MaxDecompressed, Ratio: l.MaxRatio}
}

// dumpFlags say how a database's dump is read.
type dumpFlags struct {
	Dialect string `enum:",mysql,postgresql,sqlite" default:"" help:"Whose SQL the dump is: mysql, postgresql or sqlite. Default: the dump shows it, as all programs that write dumps do."`
	MaxRow  int    `default:"67108864" min:"1024" help:"Limit of one row in bytes; a larger one is refused."`
	Source  string `placeholder:"NAME" help:"Database or schema of the dump whose tables are taken over. Default: the dump has one."`
	Scratch string `type:"path" placeholder:"DIR" help:"Directory for the tables of the dump while they are taken over; it needs as much room as the dump. Default: the computer's directory for such files."`
}

func (f *dumpFlags) options() scratch.Options {
	dialects := map[string]sqldump.Dialect{"mysql": sqldump.MySQL, "postgresql": sqldump.PostgreSQL, "sqlite": sqldump.SQLite}
	return scratch.Options{Dir: f.Scratch, MaxRow: f.MaxRow, Source: f.Source, Dialect: dialects[f.Dialect]}
}

// dump opens the dump and the store and imports the one into the other.
func (c *importFlags) dump(ctx context.Context, f *storeFlags, std *terminal.Streams, system, path string, run func(i imports.Import, dump imports.File) (*imports.Report, error)) error {
	var progress *terminal.Progress
	dump, size, err := scratch.File(path, system, func(r io.Reader) io.Reader { return progress.Reader(r) })
	if err != nil {
		return terminal.Usage("%w", err)
	}
	s, err := f.existing(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	progress = terminal.New(*std, terminal.Table).Progress("import", size)
	report, err := run(imports.Import{Store: s, System: system, Tenant: c.Tenant, DryRun: c.DryRun}, dump)
	progress.End()
	return c.end(std, system, path, report, err)
}

type importRefStack struct {
	importFlags
	dumpFlags
	readLimits

	Dump string `arg:"" type:"path" help:"What mysqldump wrote of RefStack's database, or pg_dump, or a SQLite file; compressed with gzip or zstd, or not."`
}

// Help is an example.
func (importRefStack) Help() string {
	return `Results keep their id, time, owner and notes, public keys their owner. Users, vendors and products have no place here: make a token whose owner is
the OpenID of a user, and its results are there.

Example:

    slipway import refstack refstack.sql --report report.json`
}

// Run imports the dump. An import that was interrupted goes on where it was.
func (c *importRefStack) Run(ctx context.Context, f *storeFlags, std *terminal.Streams) error {
	return c.dump(ctx, f, std, "refstack", c.Dump, func(i imports.Import, dump imports.File) (*imports.Report, error) {
		d := refstack.DumpImport{Import: i, Limits: c.limits(), Scratch: c.options()}
		return d.Run(ctx, dump)
	})
}

type importSubunit2SQL struct {
	importFlags
	dumpFlags
	readLimits

	Name    string `help:"Name of the runs: those of one name are one line, and compared with each other. Default: what --name-key says."`
	NameKey string `default:"build_name" help:"Key of the metadata of a run that holds its name; empty for none."`
	File    string `arg:"" type:"path" help:"A SQLite file, or what mysqldump, pg_dump or sqlite3 (.dump) wrote; compressed with gzip or zstd, or not."`
}

// Help is an example.
func (importSubunit2SQL) Help() string {
	return `A run keeps its id and its time, a test its times, tags and attachments. The metadata of a run become its message.

Example:

    slipway import subunit2sql subunit2sql.sql --report report.json`
}

// Run imports the database. An import that was interrupted goes on where it was.
func (c *importSubunit2SQL) Run(ctx context.Context, f *storeFlags, std *terminal.Streams) error {
	return c.dump(ctx, f, std, "subunit2sql", c.File, func(i imports.Import, dump imports.File) (*imports.Report, error) {
		d := results.SubunitDump{Import: i, Limits: c.limits(), Scratch: c.options(), Name: c.Name, NameKey: c.NameKey}
		return d.Run(ctx, dump)
	})
}

type importDrydock struct {
	importFlags
	dumpFlags

	Dump string `arg:"" type:"path" help:"What pg_dump wrote of Drydock's database, as COPY or with --inserts; compressed with gzip or zstd, or not."`
}

// Help is an example.
func (importDrydock) Help() string {
	return `Tasks keep their ids, times and messages. Nothing of them is gone on with: a task that was not over ends, and says so. Credentials, keys and the contexts of
requests stay behind, and designs are in no table of Drydock's.

Example:

    slipway import drydock drydock.sql --report report.json`
}

// Run imports the dump. An import that was interrupted goes on where it was.
func (c *importDrydock) Run(ctx context.Context, f *storeFlags, std *terminal.Streams) error {
	if c.Tenant != "" {
		return terminal.Usage("--tenant: tasks and build data belong to no tenant; --lab-tenants of the server says who sees them")
	}
	return c.dump(ctx, f, std, "drydock", c.Dump, func(i imports.Import, dump imports.File) (*imports.Report, error) {
		d := drydock.DumpImport{Import: i, Scratch: c.options()}
		return d.Run(ctx, dump)
	})
}
