package upload

import "fmt"

// Kind says what is wrong with a request, as far as its status depends on it.
type Kind int

// The kinds of Error.
const (
	// Malformed is a body or a value that cannot be read (400).
	Malformed Kind = iota + 1
	// TooLarge is a body, file, field or count over its limit (413).
	TooLarge
	// Unsupported is a body in a Content-Type that the call does not take (415).
	Unsupported
	// Conflict is one field with two different values (400).
	Conflict
	// Missing is a required field that was not given, or given empty (400).
	Missing
)

// Error is a fault of the request. Its text is a plain sentence for the client
// and never holds a value that was sent, since that may be a secret.
type Error struct {
	Kind   Kind
	Field  string // the field it is about; empty when it is about the body
	In     string // where the field stood, as Values.In says; empty when it was not given
	Reason string // the sentence, which names Field where there is one
	Err    error  // the cause, for the log; may be nil
}

// Error returns Reason.
func (e *Error) Error() string { return e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// BodyError says that reading the request body failed before its end: the
// client went away (io.ErrUnexpectedEOF), the server's limit was met
// (*http.MaxBytesError), a decompressor met damage, or the context ended. Only
// its cause tells the status. An error of the writer that takes the file is
// never a BodyError.
type BodyError struct {
	Err error
}

// Error tells the cause.
func (e *BodyError) Error() string { return "read the request body: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *BodyError) Unwrap() error { return e.Err }

func malformed(field, format string, args ...any) *Error {
	return &Error{Kind: Malformed, Field: field, Reason: fmt.Sprintf(format, args...)}
}

func tooLarge(field, format string, args ...any) *Error {
	return &Error{Kind: TooLarge, Field: field, Reason: fmt.Sprintf(format, args...)}
}
