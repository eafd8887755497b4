package report

import (
	"context"
	"io"
)

// Input is one file of a post, stored and decompressed.
type Input struct {
	io.ReaderAt
	Size int64

	// Name is that of the part or of the member of an archive, with slashes, and
	// empty when nobody said it. It is for messages and for ids that are made of
	// a file's base name, never for finding the format or for opening a path.
	Name string
}

// Reader returns a reader over the whole file from its beginning.
func (in Input) Reader() io.Reader { return io.NewSectionReader(in, 0, in.Size) }

// Confidence says how sure a format is that a file is its own. The highest one
// of all formats wins; of equals the one that comes first in the table.
type Confidence int

// The confidences. What lies between them is free to use.
const (
	No       Confidence = 0
	Possible Confidence = 10 // the shape fits, and so would others'
	Likely   Confidence = 50 // members or lines that only this format has
	Certain  Confidence = 100
)

// PrefixBytes is how much of the beginning of a file Detect is shown.
const PrefixBytes = 64 << 10

// Reader reads one format.
type Reader interface {
	// Info describes the format for people.
	Info() Info

	// Detect judges a file by its first bytes, PrefixBytes of them or all, in
	// UTF-8 without a byte order mark.
	Detect(prefix []byte) Confidence

	// Read hands what stands in the file to the sink. It may read the file more
	// than once. The error is that of reading the file, of the sink or of the
	// context; what the file holds is none.
	Read(ctx context.Context, in Input, s *Sink) error
}

// Group is a Reader whose files belong together, such as a folder with a file
// for each test: all the files of a post that are of the format are read in one
// call, in the order of their names. ReadGroup says with Sink.In which of them it
// speaks about.
type Group interface {
	Reader
	ReadGroup(ctx context.Context, files []Input, s *Sink) error
}

// Prober is a Reader that cannot judge a file by its beginning. Probe looks at as
// much of the file as it needs. It is not asked when another format is Certain.
type Prober interface {
	Reader
	Probe(in Input) (Confidence, error)
}

// Collider is a Reader that fills in Suite and Host of its records because ids
// of its tests may collide. Its files are read twice.
type Collider interface {
	Reader
	Collides()
}

// Separated is a Collider whose ids have something else than "." between the
// name of the suite and what they were without it.
type Separated interface {
	Collider
	Separator() string
}

// Info says of a format what people need to know to send it.
type Info struct {
	Format     Format
	Title      string // what people call it, such as "JUnit XML"
	Recognised string // by what, in one sentence
	Naming     string // what a test's id is made of, in one sentence
	Example    string // a short file of the format with one test
}
