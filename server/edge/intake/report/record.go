package report

import (
	"io"
	"time"
)

// Record is one life of one test on one route: it begins with the first event
// about it and ends with its first final status. A test that is listed and
// then run has two, Exists and its outcome; a retried one has one per try.
//
// A record belongs to the parser. It and its slices are valid only until the
// callback returns; the strings in it may be kept.
type Record struct {
	ID       string
	Route    string // route code of the v2 packets, such as "0/3"
	HasRoute bool   // false: the packets had no route code, which is not the same as an empty one

	Status Status
	// Complete is true when the test was given a final status. It is false for
	// InProgress and Unknown, and for the Fail of a v1 test that the end of the
	// input cut off.
	Complete bool

	// Start and Stop are the times of the first and the last event, with all
	// the digits that were sent, in UTC. The zero time means not known. Stop is
	// not known either when the test did not finish.
	Start, Stop time.Time

	// Duration is set by formats that give a length and no times: JUnit and
	// the reports of the RefStack server of 2014.
	Duration    time.Duration
	HasDuration bool

	Tags        []string // the last set seen, sorted, each once
	Attachments []Attachment
	Properties  []Property // in the order of the file

	// Suite and Host are what tells tests of one id apart when they stand in
	// different suites: the intake puts the suite's name, else the host's,
	// before the ids that would collide. See Collider.
	Suite, Host string

	// Flaky says that an attempt before the last one failed. Attempts is how
	// many attempts the reader has folded into the record; 0 means 1.
	Flaky    bool
	Attempts int

	// Attempt orders the attempts of one test that a file marks as retries and
	// that come as records of their own: of the records of an id that have it,
	// the one with the highest counts, and the test is flaky when another one
	// failed. 0 is a bare repeat: then the worst record counts.
	Attempt int64

	// UUID is the "uuid" or "uid" that RefStack's pass lists carry beside the
	// name, as sent.
	UUID string
}

// Attachment is a file that a test, or the run as a whole, has produced. Its
// bytes are Data if that is not nil, else the Spans of the parsed input joined
// in order. Empty attachments are not reported, as testtools drops them.
type Attachment struct {
	Name string
	// MIME is the type as sent, with question marks for what a header cannot
	// hold. It need be no media type, so never send it as one.
	MIME string
	Size int64 // of the whole attachment, also when it is truncated

	Spans []Span
	Data  []byte

	// Member names the file of the same post that holds the bytes, where a
	// report only refers to it; there are no Spans and no Data then.
	Member string

	// Truncated says that Spans or Data hold only the beginning of it, because
	// of Limits.AttachmentBytes, AttachmentSpans or InlineBytes.
	Truncated bool
}

// Property is a value that a report gives a test beside its outcome.
type Property struct {
	Name, Value string
}

// Span is a piece of the parsed input.
type Span struct {
	Offset, Length int64
}

// RunAttachment is a file that belongs to no test, such as a worker's output.
type RunAttachment struct {
	Route    string
	HasRoute bool
	Attachment
}

// NewSpanReader joins pieces of r, which must be the bytes that were parsed.
func NewSpanReader(r io.ReaderAt, spans []Span) io.Reader {
	readers := make([]io.Reader, len(spans))
	for i, s := range spans {
		readers[i] = io.NewSectionReader(r, s.Offset, s.Length)
	}
	return io.MultiReader(readers...)
}
