package report

// Status is what is known about a test. The numbers of the first seven are
// those in a v2 packet's flags, where 0 means that the packet says nothing.
type Status uint8

// The statuses. Unknown is that of a test that was mentioned and never given a
// status, or given one by a word that means nothing to us.
const (
	Unknown    Status = iota
	Exists            // listed, not run
	InProgress        // started and never finished
	Success           // passed
	UXSuccess         // passed although failure was expected: bad
	Skip              // not executed
	Fail              // failed or error
	XFail             // failed as expected: fine
)

const statusCount = 8

var statusNames = [statusCount]string{
	"unknown", "exists", "inprogress", "success", "uxsuccess", "skip", "fail", "xfail",
}

// String returns the status as python-subunit spells it.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return statusNames[Unknown]
}

// ParseStatus is the inverse of String. Any other text is Unknown and false.
func ParseStatus(text string) (Status, bool) {
	for i, name := range statusNames {
		if name == text {
			return Status(i), true
		}
	}
	return Unknown, false
}

// Final reports whether s ends the life of a record.
func (s Status) Final() bool {
	return s != Unknown && s != InProgress && s < statusCount
}

// Failed reports whether a test with this status did not do what it should.
func (s Status) Failed() bool {
	return s == Fail || s == UXSuccess || s == InProgress || s == Unknown
}
