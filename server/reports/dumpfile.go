package reports

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/imports"
)

// tokenCollection is where kernelci-backend keeps tokens.
const tokenCollection = "api-token"

// dumpOrder are the collections that are taken over, each after those that it refers to.
var dumpOrder = []string{tokenCollection, "lab", "job", "build", "boot", "test_group", "test_case"}

// Dump is what mongoexport wrote of a kernelci-backend: a file for each collection.
type Dump struct {
	Files   []imports.File    // in the order in which they are imported
	LeftOut []imports.Finding // files of other collections
	Bytes   int64
}

// OpenDump finds the files of a dump: those of a directory that are named after their
// collection (job.json, kernel-ci.job.json, job.json.gz), or one such file. through is
// called with each file that is opened.
func OpenDump(path string, through func(io.Reader) io.Reader) (*Dump, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	names := []string{path}
	if info.IsDir() {
		names = nil
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				names = append(names, filepath.Join(path, e.Name()))
			}
		}
	}
	d := &Dump{}
	for _, name := range names {
		if err := d.add(name, through); err != nil {
			return nil, err
		}
	}
	if len(d.Files) == 0 {
		return nil, fmt.Errorf("%s has no file named after a collection: mongoexport --collection job --out job.json; the others are %s", path, strings.Join(dumpOrder, ", "))
	}
	slices.SortStableFunc(d.Files, func(a, b imports.File) int {
		return slices.Index(dumpOrder, a.Kind) - slices.Index(dumpOrder, b.Kind)
	})
	return d, nil
}

func (d *Dump) add(path string, through func(io.Reader) io.Reader) error {
	base := filepath.Base(path)
	kind := collectionOf(base)
	f := imports.Finding{File: base, Kind: kind, Says: "is no collection that is taken over"}
	switch {
	case strings.HasSuffix(base, ".bson"), strings.HasSuffix(base, ".bson.gz"):
		f.Says = "is BSON, as mongodump writes it; mongoexport writes what can be read here"
	case slices.Contains(dumpOrder, kind):
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		d.Bytes += info.Size()
		d.Files = append(d.Files, imports.File{Name: base, Kind: kind, Open: func() (io.ReadCloser, error) { return openDumped(path, through) }})
		return nil
	}
	d.LeftOut = append(d.LeftOut, f)
	return nil
}

// collectionOf reads the name of a collection out of that of a file.
func collectionOf(base string) string {
	name := strings.TrimSuffix(base, ".gz")
	for _, ending := range []string{".json", ".ndjson", ".jsonl", ".bson"} {
		name = strings.TrimSuffix(name, ending)
	}
	return name[strings.LastIndexByte(name, '.')+1:] // behind the name of the database
}

// unpacked is a file with what reads it.
type unpacked struct {
	io.Reader
	file *os.File
}

// Close closes the file.
func (u unpacked) Close() error { return u.file.Close() }

func openDumped(path string, through func(io.Reader) io.Reader) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := through(file)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return unpacked{in, file}, nil
}
