package design

// Level is the weight of a message.
type Level string

// The levels, as they are on the wire.
const (
	LevelError   Level = "Error"
	LevelWarning Level = "Warning"
	LevelInfo    Level = "Info"
)

// Message is one finding about a design.
type Message struct {
	// Name is Drydock's code, such as DD2003. It is empty on the one message
	// that says why the effective model could not be made; that one is a plain
	// status message on the wire, without level and documents.
	Name       string
	Text       string // "<rule name>: <what was found>"
	Error      bool
	Level      Level
	Diagnostic string // what to do about it
	Documents  []Ref
}

// The words for Report.Status. Drydock says Success and Failure when its rules
// ran and failure when they could not; clients compare without case.
const (
	StatusSuccess = "Success"
	StatusFailure = "Failure"
	StatusBroken  = "failure"
)

// Report is the outcome of validating a design.
type Report struct {
	Status   string
	Message  string // "" when the rules did not run to their end
	Reason   string // "" unless a rule failed
	Messages []Message
}

// OK tells whether the design passed.
func (r Report) OK() bool { return r.Status == StatusSuccess }

// ErrorCount is the number of messages that are errors.
func (r Report) ErrorCount() int { return errorCount(r.Messages) }

func errorCount(messages []Message) int {
	n := 0
	for _, m := range messages {
		if m.Error {
			n++
		}
	}
	return n
}

// The codes of what precedes the rules.
const (
	codeSchema   = "DD001"
	codeDocument = "DD000"
)

func documentError(ref Ref, err *docError) Message {
	text := "Error processing document: " + err.reason
	if err.unexpected {
		text = "Unexpected error processing document: " + err.reason
	}
	return Message{
		Name: codeDocument, Text: text, Error: true, Level: LevelError, Documents: []Ref{ref},
		Diagnostic: "Correct this document; the other documents were read as well.",
	}
}

// docError says why a document cannot be used. Drydock words its own checks and
// the exceptions of its object model differently, and so do its clients' logs;
// unexpected marks the latter.
type docError struct {
	unexpected bool
	reason     string
}
