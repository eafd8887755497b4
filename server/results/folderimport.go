package results

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/runs"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// FolderImport takes over the JUnit files that CI jobs have left in folders. A run is a
// folder with its files, or each file. It began at the earliest time that its suites and
// tests name; one that names none, when its oldest file was written. Nothing else is
// known of it: the same files of the same time are the same run, wherever they lie.
type FolderImport struct {
	Import  imports.Import
	Limits  intake.Limits
	PerFile bool   // each file is a run
	Name    string // of the runs; empty for none
	// Through is called with each file that is read for the store; nil is not.
	Through func(io.Reader) io.Reader
}

// Folder is a folder with result files and those in it.
type Folder struct {
	root    string
	runs    []folderRun
	LeftOut []imports.Finding // files that are none
	Bytes   int64
}

// folderRun is a run of a folder.
type folderRun struct {
	name  string // of the folder or the file, below the root
	files []folderFile
	at    time.Time
	timed bool // at stands in a file
	suite bool // some file has a suite or a test
}

type folderFile struct {
	name     string // below the root
	size     int64
	modified time.Time
}

// isJUnit goes by the name: what stands in a file that has one is looked at when it is
// read.
func isJUnit(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".junit")
}

// OpenFolder finds the files in a folder and the folders in it.
func OpenFolder(root string, perFile bool) (*Folder, error) {
	f := &Folder{root: root}
	byRun := map[string]int{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if !isJUnit(name) || !e.Type().IsRegular() {
			f.LeftOut = append(f.LeftOut, imports.Finding{File: name, Kind: "file", Says: "is no regular file whose name ends in .xml, .junit or one of them with .gz"})
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		run := filepath.Dir(name)
		if perFile {
			run = name
		}
		i, known := byRun[run]
		if !known {
			i = len(f.runs)
			byRun[run] = i
			f.runs = append(f.runs, folderRun{name: run})
		}
		f.runs[i].files = append(f.runs[i].files, folderFile{name, info.Size(), info.ModTime().UTC()})
		f.Bytes += info.Size()
		return nil
	})
	if err == nil && len(f.runs) == 0 {
		err = fmt.Errorf("%s has no JUnit file: their names end in .xml, .junit or one of them with .gz", root)
	}
	return f, err
}

// Run imports the folder and returns the report of it, also with an error: of what was
// done before it.
func (i *FolderImport) Run(ctx context.Context, f *Folder) (*imports.Report, error) {
	sum := &imports.Report{}
	for _, left := range f.LeftOut {
		sum.LeaveOut(left)
	}
	digest := sha256.New()
	for n := range f.runs {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		if err := f.date(&f.runs[n]); err != nil {
			return sum, err
		}
		for _, file := range f.runs[n].files {
			fmt.Fprintf(digest, "%q %d %d\n", file.name, file.size, file.modified.UnixMicro())
		}
	}
	slices.SortFunc(f.runs, func(a, b folderRun) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	whole, err := filepath.Abs(f.root)
	if err != nil {
		return sum, err
	}
	file := imports.File{Name: whole, Kind: "run"}
	steps := imports.Steps{Digest: hex.EncodeToString(digest.Sum([]byte(i.Name + strconv.FormatBool(i.PerFile)))), Count: len(f.runs)}
	steps.Step = func(ctx context.Context, n int, r *imports.Report, commit imports.Commit) error {
		return i.take(ctx, f, &f.runs[n], r, commit)
	}
	return imports.RunSteps(ctx, &i.Import, file, sum, steps)
}

// date finds when a run began.
func (f *Folder) date(run *folderRun) error {
	for _, file := range run.files {
		at, suite, err := f.earliest(file)
		if err != nil {
			return err
		}
		run.suite = run.suite || suite
		if !at.IsZero() && (run.at.IsZero() || at.Before(run.at)) {
			run.at, run.timed = at, true
		}
	}
	for _, file := range run.files {
		if !run.timed && (run.at.IsZero() || file.modified.Before(run.at)) {
			run.at = file.modified
		}
	}
	return nil
}

func (f *Folder) earliest(file folderFile) (at time.Time, suite bool, err error) {
	in, err := os.Open(filepath.Join(f.root, file.name))
	if err != nil {
		return at, false, err
	}
	defer in.Close()
	if at, suite, err = earliestTime(in); err != nil {
		err = fmt.Errorf("%s: %w", file.name, err)
	}
	return at, suite, err
}

// take takes a run over in a step.
func (i *FolderImport) take(ctx context.Context, f *Folder, of *folderRun, r *imports.Report, commit imports.Commit) error {
	where := imports.Finding{File: of.name, Kind: "run"}
	run := &runs.Run{Where: where, Imported: resultstore.Imported{At: of.at, Name: i.Name}}
	known := []string{"junit", i.Import.Tenant, strconv.FormatInt(of.at.UnixMicro(), 10)}
	for _, file := range of.files {
		write := func(w io.Writer) error { return f.copyTo(w, file, i.Through) }
		sum := sha256.New()
		if err := f.copyTo(sum, file, nil); err != nil {
			return err
		}
		known = append(known, hex.EncodeToString(sum.Sum(nil)), filepath.Base(file.name))
		run.Files = append(run.Files, runs.File{Name: filepath.Base(file.name), Write: write})
	}
	run.ID = runs.ID(known...)
	none := &runs.RefusedError{Says: "none of its files is a report that is read here", LeftOut: !of.suite}
	if i.Import.DryRun && none.LeftOut { // whose files are not read
		where.Says = none.Says
		r.LeaveOut(where)
		return commit(nil)
	}
	run.Check = func(found *report.Report, _ *resultstore.Result) error {
		if found.Format == report.FormatUnknown || found.Format == report.FormatEmpty || found.Records == 0 && !of.suite {
			return none
		}
		if found.DamageCount > 0 {
			damage := where
			damage.Kind, damage.Says = "damage", "the run is there, with damage, and so it says"
			r.Refuse(damage)
		}
		return nil
	}
	if !of.timed && of.suite {
		where.Says = "no file says when it ran: the time at which its oldest file was written counts"
		r.Note(where)
	}
	taker := runs.Taker{Import: &i.Import, Limits: i.Limits}
	return taker.Take(ctx, run, r, commit)
}

func (f *Folder) copyTo(w io.Writer, file folderFile, through func(io.Reader) io.Reader) error {
	in, err := os.Open(filepath.Join(f.root, file.name))
	if err != nil {
		return err
	}
	defer in.Close()
	var text io.Reader = in
	if through != nil {
		text = through(in)
	}
	_, err = io.Copy(w, text)
	return err
}
