package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Class says what became of a test between the base and the head.
type Class uint8

// The classes, in the order in which they are counted.
const (
	NewFailure Class = iota
	NewFailing
	StillFailing
	Fixed
	ErrorClass
	NowSkipped
	Gone
	NewPassing
	NowPassing
	StillPassing
	Skipped
	UnknownClass

	classCount = iota
)

var classWords = [classCount]string{
	"new_failure", "new_failing", "still_failing", "fixed", "error", "now_skipped", "gone",
	"new_passing", "now_passing", "still_passing", "skipped", "unknown",
}

// String is the word of the document.
func (c Class) String() string { return classWords[c] }

// ClassWords are the words of all classes.
func ClassWords() []string { return slices.Clone(classWords[:]) }

// classOf is the table of the head's outcomes by those of the base.
var classOf = [...][Fail + 1]Class{
	Fail:    {Absent: NewFailing, Pass: NewFailure, Fail: StillFailing, Error: NewFailure, Unknown: NewFailure, Skip: NewFailure},
	Error:   {Absent: ErrorClass, Pass: ErrorClass, Fail: ErrorClass, Error: ErrorClass, Unknown: ErrorClass, Skip: ErrorClass},
	Pass:    {Absent: NewPassing, Pass: StillPassing, Fail: Fixed, Error: NowPassing, Unknown: NowPassing, Skip: NowPassing},
	Skip:    {Absent: Skipped, Pass: NowSkipped, Fail: NowSkipped, Error: NowSkipped, Unknown: NowSkipped, Skip: Skipped},
	Unknown: {Absent: UnknownClass, Pass: UnknownClass, Fail: UnknownClass, Error: UnknownClass, Unknown: UnknownClass, Skip: UnknownClass},
	Absent:  {Pass: Gone, Fail: Gone, Error: Gone, Unknown: Gone, Skip: Gone},
}

// ClassOf is the class of a test by its outcome in the head and in the base, of
// which one may be absent.
func ClassOf(head, base Outcome) Class { return classOf[head][base] }

// Classes is a set of classes.
type Classes uint16

// The sets of classes that have a name.
const (
	AllClasses     Classes = 1<<classCount - 1
	DefaultClasses Classes = 1<<NewFailure | 1<<NewFailing | 1<<StillFailing | 1<<Fixed | 1<<ErrorClass | 1<<NowSkipped | 1<<Gone
)

// Has reports whether the class is one of the set.
func (c Classes) Has(class Class) bool { return c>>class&1 == 1 }

// ParseClasses reads the words of classes; none are the default ones.
func ParseClasses(words []string) (Classes, error) {
	if len(words) == 0 {
		return DefaultClasses, nil
	}
	var set Classes
	for _, word := range words {
		i := slices.Index(classWords[:], word)
		switch {
		case word == "all":
			set = AllClasses
		case i < 0:
			return 0, fmt.Errorf("has the unknown class %.60q; must be all or some of %s", word, strings.Join(classWords[:], ", "))
		default:
			set |= 1 << i
		}
	}
	return set, nil
}
