package intake

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

var errAway = errors.New("the store is away")

// awayAfter is a file of which only the first bytes can be read, and the last ones,
// where a zip has its directory.
type awayAfter struct {
	*bytes.Reader
	first, last int64
}

func (a awayAfter) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > a.first && off < a.Size()-a.last {
		return 0, errAway
	}
	return a.Reader.ReadAt(p, off)
}

// What cannot be read of a packed file is no file without a report in it: it may hold
// a failure.
func TestNested_storeAway(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 256<<10)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	red := []byte(`<testsuite><testcase name="a"><failure/></testcase></testsuite>`)
	var zipped, tarred, packed bytes.Buffer
	z, tr, g := zip.NewWriter(&zipped), tar.NewWriter(&tarred), gzip.NewWriter(&packed)
	gt := tar.NewWriter(g)
	for _, f := range []struct {
		name string
		text []byte
	}{{"noise.bin", noise}, {"red.xml", red}} {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write(f.text)
		}
		for _, w := range []*tar.Writer{tr, gt} {
			head := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.text)), Mode: 0o600}
			err = errors.Join(err, w.WriteHeader(head))
			_, wrote := w.Write(f.text)
			err = errors.Join(err, wrote)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []io.Closer{z, tr, gt, g} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"zip": zipped.Bytes(), "tar": tarred.Bytes(), "tar.gz": packed.Bytes()} {
		n := nested{readers: formats.All()}
		in := report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: "n." + name}
		if got, err := n.report(in); got != "red.xml" || err != nil {
			t.Errorf("%s: %q, %v; want red.xml", name, got, err)
		}
		in.ReaderAt = awayAfter{Reader: bytes.NewReader(data), first: 128 << 10, last: 300}
		if got, err := n.report(in); !errors.Is(err, errAway) {
			t.Errorf("%s while the store is away: %q, %v; want an error that says so", name, got, err)
		}
	}
}
