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
	Refused []imports.Finding // files of those that are taken over, in a form that is not read
	Bytes   int64
}

// OpenDump finds the files of a dump: those of a directory that are named after their
// collection (job.json, kernel-ci.job.json, job.json.gz, job.json.zst), or one such file. through is
// called with each file that is opened.
func OpenDump(path string, through func(io.Reader) io.Reader) (*Dump, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	d, names := &Dump{}, []string{path}
	if info.IsDir() {
		names = nil
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			file, err := os.Stat(filepath.Join(path, e.Name())) // what a link leads to
			if err == nil && file.Mode().IsRegular() {
				names = append(names, filepath.Join(path, e.Name()))
				continue
			}
			d.LeftOut = append(d.LeftOut, imports.Finding{File: e.Name(), Kind: "file", Says: "is no file, and what is in it is not looked at"})
		}
	}
	for _, name := range names {
		if err := d.add(name, through); err != nil {
			return nil, err
		}
	}
	d.refuse()
	if len(d.Files)+len(d.Refused) == 0 {
		return nil, fmt.Errorf("%s has no file named after a collection: mongoexport --collection job --out job.json; the others are %s", path, strings.Join(dumpOrder, ", "))
	}
	slices.SortStableFunc(d.Files, func(a, b imports.File) int {
		return slices.Index(dumpOrder, a.Kind) - slices.Index(dumpOrder, b.Kind)
	})
	return d, nil
}

// refuse makes faults of the files whose collection is not there in another form: whoever
// has them believes that they were taken.
func (d *Dump) refuse() {
	var left []imports.Finding
	for _, f := range d.LeftOut {
		has := func(other imports.File) bool { return other.Kind == f.Kind }
		if slices.Contains(dumpOrder, f.Kind) && !slices.ContainsFunc(d.Files, has) {
			d.Refused = append(d.Refused, f)
		} else {
			left = append(left, f)
		}
	}
	d.LeftOut = left
}

func (d *Dump) add(path string, through func(io.Reader) io.Reader) error {
	base := filepath.Base(path)
	kind := collectionOf(base)
	f := imports.Finding{File: base, Kind: kind, Says: "is no collection that is taken over"}
	switch {
	case strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), ".zst"), ".bson"):
		f.Says = "is BSON, as mongodump writes it; mongoexport writes what can be read here, and bsondump makes it of BSON"
	case packed(base):
		f.Says = "is compressed in a way that is not read here: unpack it, or use gzip or zstd"
	case strings.HasSuffix(base, ".csv"), strings.HasSuffix(base, ".tsv"):
		f.Says = "is a table of some fields: have mongoexport write JSON"
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
	name := strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), ".zst")
	if packed(name) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	for _, ending := range []string{".json", ".ndjson", ".jsonl", ".bson", ".csv", ".tsv"} {
		name = strings.TrimSuffix(name, ending)
	}
	if name = name[strings.LastIndexByte(name, '.')+1:]; name == "defconfig" { // behind the name of the database
		return "build" // as older ones call it
	}
	return name
}

// packed tells whether a file is compressed in a way that is not read.
func packed(base string) bool {
	return slices.Contains([]string{".xz", ".bz2", ".zip", ".lz4", ".lzma", ".7z", ".tgz"}, filepath.Ext(base))
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
	if strings.HasSuffix(path, ".zst") {
		out, err := imports.Zstd(in)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		in = out // with one decoder it has nothing to close
	}
	return unpacked{in, file}, nil
}
