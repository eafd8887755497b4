package bodycheck

import (
	"math"
	"strconv"
	"strings"
)

// IsRequired is the message at a member that a body lacks.
const IsRequired = "is required"

// Fixed messages; those that depend on the schema are made when it is compiled.
const (
	isNull       = "must not be null"
	isReadOnly   = "is set by the server and must not be sent"
	isRepeated   = "repeats an earlier item; all items must differ"
	excluded     = "has a form that is excluded here"
	ambiguous    = "must match exactly one of the allowed forms, but matches several"
	notFinite    = "must be a number within the range of a 64-bit float"
	notString    = "must be a string"
	notOnce      = "must be given only once"
	notUTF8      = "must be valid UTF-8"
	notStorable  = "must be UTF-8 text without U+0000"
	isEmptyText  = "must not be empty"
	isNameTwice  = "is given twice in the same object"
	tooMuchWork  = "takes too much work to check against the alternatives of its schema; send a smaller or flatter body"
	longestLists = 30 // how many allowed values or names a message holds
)

func noMatchMessage(branches int) string {
	return "must match one of the " + strconv.Itoa(branches) + " allowed forms, but matches none"
}

func tooDeepMessage(limit int) string {
	return "must not be nested more than " + plural(uint64(limit), "level") + " deep"
}

// oneOfMessage lists allowed values.
func oneOfMessage(allowed []string) string {
	if len(allowed) == 1 {
		return "must be " + allowed[0]
	}
	return "must be one of " + shortList(allowed)
}

func shortList(words []string) string {
	if len(words) <= longestLists {
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:longestLists], ", ") + " and " + strconv.Itoa(len(words)-longestLists) + " more"
}

func atLeast(n uint64, thing string) string { return "must have at least " + plural(n, thing) }
func atMost(n uint64, thing string) string  { return "must have at most " + plural(n, thing) }

func plural(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.FormatUint(n, 10) + " " + thing + "s"
}

// number writes a bound of the schema the way a person would.
func number(f float64) string {
	if math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
