package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/reports"
)

// importCmd takes over what other systems have kept. It writes the store directly,
// beside a server or without one.
type importCmd struct {
	KernelCI    importKernelCI    `cmd:"" name:"kernelci" help:"Take over what mongoexport wrote of a kernelci-backend: jobs, builds, boots, test groups, test cases, labs, tokens."`
	JUnit       importJUnit       `cmd:"" name:"junit" help:"Take over JUnit files that lie in folders, with the times that stand in them."`
	RefStack    importRefStack    `cmd:"" name:"refstack" help:"Take over the dump of a RefStack's database: results with their notes, public keys."`
	Subunit2SQL importSubunit2SQL `cmd:"" name:"subunit2sql" help:"Take over the database of subunit2sql: runs with their tests, metadata and attachments."`
	Drydock     importDrydock     `cmd:"" name:"drydock" help:"Take over the dump of a Drydock's database: tasks with their messages, boot actions, build data."`
}

// importFlags are those of every import.
type importFlags struct {
	Tenant string `help:"Give everything to this tenant."`
	DryRun bool   `help:"Say what would be taken, and write nothing."`
	Report string `type:"path" placeholder:"FILE" help:"Write the report as JSON, too."`
}

// importReport is the report as --report writes it.
type importReport struct {
	System string `json:"system"`
	Source string `json:"source"`
	Tenant string `json:"tenant,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
	// Complete says that the whole dump was read.
	Complete bool `json:"complete"`
	*imports.Report
}

// end tells what an import did. Something that was refused makes it fail.
func (c *importFlags) end(std *terminal.Streams, system, source string, r *imports.Report, failed error) error {
	if r == nil {
		return failed
	}
	fmt.Fprint(std.Out, r.Text())
	if c.DryRun {
		fmt.Fprintln(std.Out, "Nothing was written.")
	}
	if c.Report != "" {
		text, err := json.MarshalIndent(importReport{system, source, c.Tenant, c.DryRun, failed == nil, r}, "", "  ")
		if err == nil {
			err = os.WriteFile(c.Report, append(text, '\n'), 0o600)
		}
		if err != nil {
			return errors.Join(failed, err)
		}
	}
	switch n := r.Refused(); {
	case failed != nil:
		return fmt.Errorf("%w; the same command goes on from here", failed)
	case n > 0:
		return terminal.Failed("%d could not be taken; everything else is there", n)
	}
	return nil
}

type importKernelCI struct {
	importFlags

	Dump string `arg:"" type:"path" help:"Directory with job.json, build.json, boot.json, test_group.json, test_case.json, lab.json, api-token.json, as far as there are any, or one of them; .gz and .zst are unpacked."`
}

// Help is an example.
func (importKernelCI) Help() string {
	return "Example:\n\n    slipway import kernelci kernelci-dump --report report.json"
}

// Run imports the dump. An import that was interrupted goes on where it was.
func (c *importKernelCI) Run(ctx context.Context, f *storeFlags, tf *tokenFlags, std *terminal.Streams) error {
	var progress *terminal.Progress
	dump, err := reports.OpenDump(c.Dump, func(r io.Reader) io.Reader { return progress.Reader(r) })
	if err != nil {
		return terminal.Usage("%w", err)
	}
	s, issuer, err := tf.open(ctx, f)
	if err != nil {
		return err
	}
	defer s.Close()
	progress = terminal.New(*std, terminal.Table).Progress("import", dump.Bytes)
	d := reports.DumpImport{
		Import: imports.Import{Store: s, System: "kernelci", Tenant: c.Tenant, DryRun: c.DryRun},
		Tokens: issuer,
	}
	report, err := d.Run(ctx, dump)
	progress.End()
	return c.end(std, "kernelci", c.Dump, report, err)
}
