package main

import (
	"context"
	"io"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/results"
)

type importJUnit struct {
	importFlags
	readLimits

	RunPer string `enum:"folder,file" default:"folder" help:"What a run is: the files that lie in one folder, or each file."`
	Name   string `help:"Name of the runs: those of one name are one line, and compared with each other."`
	Dir    string `arg:"" type:"existingdir" help:"Folder with JUnit files and folders of them; .xml, .junit, and both with .gz."`
}

// Help is an example.
func (importJUnit) Help() string {
	return `A run began at the earliest time that its suites and tests name, else when its oldest file was written, and the report says so. The same files of the same
time are taken once.

Example:

    slipway import junit out --name unit`
}

// Run imports the folder. An import that was interrupted goes on where it was.
func (c *importJUnit) Run(ctx context.Context, f *storeFlags, std *terminal.Streams) error {
	folder, err := results.OpenFolder(c.Dir, c.RunPer == "file")
	if err != nil {
		return terminal.Usage("%w", err)
	}
	s, err := f.existing(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	progress := terminal.New(*std, terminal.Table).Progress("import", folder.Bytes)
	i := results.FolderImport{
		Import: imports.Import{Store: s, System: "junit", Tenant: c.Tenant, DryRun: c.DryRun},
		Limits: c.limits(), PerFile: c.RunPer == "file", Name: c.Name,
		Through: func(r io.Reader) io.Reader { return progress.Reader(r) },
	}
	report, err := i.Run(ctx, folder)
	progress.End()
	return c.end(std, "junit", c.Dir, report, err)
}
