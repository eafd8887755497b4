package subunit

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

	// Truncated says that Spans or Data hold only the beginning of it, because
	// of Limits.AttachmentBytes, AttachmentSpans or InlineBytes.
	Truncated bool
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
