package subunit

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// survey is what a first pass over the JSON finds that decides how, or whether,
// it is read: both are only known when the last entry has been seen.
type survey struct {
	trailing int64  // place of bytes behind the value, or -1
	verdict  string // the first member of an entry of results that judges it
	at       int64  // the place of that member
}

// survey looks through the input. What is no JSON ends it early; the reading
// pass comes to the same place and says so.
func (j *jsonReader) survey() (survey, error) {
	found := survey{trailing: -1}
	dec := j.decoder()
	err := found.document(dec)
	if j.src.err != nil {
		return found, j.src.err
	}
	if err == nil {
		if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
			if j.src.err != nil {
				return found, j.src.err
			}
			found.trailing = dec.InputOffset()
		}
	}
	found.at += j.base
	return found, nil
}

// document passes over the outermost value.
func (s *survey) document(dec *jsontext.Decoder) error {
	if dec.PeekKind() != jsontext.KindBeginObject {
		return dec.SkipValue()
	}
	return eachMember(dec, func(name string) error {
		if name != "results" || dec.PeekKind() != jsontext.KindBeginArray {
			return dec.SkipValue()
		}
		return s.entries(dec)
	})
}

// entries looks for members that judge the entries of an array.
func (s *survey) entries(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != jsontext.KindEndArray {
		if dec.PeekKind() != jsontext.KindBeginObject {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		err := eachMember(dec, func(name string) error {
			switch name {
			case "name", "uuid", "uid":
				return dec.SkipValue()
			}
			return s.search(dec, name)
		})
		if err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// search looks for a verdict in a member of an entry, and in what it holds.
func (s *survey) search(dec *jsontext.Decoder, name string) error {
	if s.verdict != "" {
		return dec.SkipValue()
	}
	at, judged := dec.InputOffset(), judges(name)
	switch kind := dec.PeekKind(); {
	case judged:
		if err := dec.SkipValue(); err != nil {
			return err
		}
	case kind == jsontext.KindBeginObject:
		return eachMember(dec, func(name string) error { return s.search(dec, name) })
	case kind == jsontext.KindBeginArray:
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for dec.PeekKind() != jsontext.KindEndArray {
			if err := s.search(dec, ""); err != nil {
				return err
			}
		}
		_, err := dec.ReadToken()
		return err
	case kind == jsontext.KindString && name != "":
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		judged = verdictWord(tok.String())
	default:
		judged = kind == jsontext.KindTrue || kind == jsontext.KindFalse
		if err := dec.SkipValue(); err != nil {
			return err
		}
	}
	if judged {
		s.verdict, s.at = name, at
	}
	return nil
}

// eachMember reads an object and calls member with the decoder before each
// value, which member must read.
func eachMember(dec *jsontext.Decoder, member func(name string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := member(tok.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// judges reports whether a member of an entry says how a test ended. RefStack's
// list of passes has none such, since all that stands in it has passed.
func judges(name string) bool {
	switch strings.ToLower(name) {
	case "status", "outcome", "result", "state", "verdict", "conclusion",
		"pass", "passed", "ok", "success", "exception", "traceback",
		"test_status", "test_result", "skipped", "aborted", "exit_code", "exitcode", "exit_status", "return_code", "returncode", "rc":
		return true
	}
	return blames(name)
}

// blames reports whether a member counts or lists what went wrong, such as
// numFailedTests.
func blames(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "fail") || strings.Contains(name, "error")
}

// verdictWord reports whether the value of a member judges a test, whatever the
// member is called, such as "type":"failure".
func verdictWord(text string) bool {
	if failWord(text) {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "pass", "passed", "ok", "success", "successful", "skip", "skipped", "ignored", "pending", "todo", "disabled", "blocked", "notrun", "not run",
		"xfail", "xpass", "uxsuccess", "inprogress", "inconclusive", "unstable":
		return true
	}
	return false
}

// verdict is what a member of the outermost object says of the run as a whole.
type verdict uint8

const (
	verdictNone  verdict = iota
	verdictGood          // true, or a word such as "passed", is good news
	verdictCount         // anything there is bad news
)

// verdictOf tells how to read a member that other tools put beside their list.
func verdictOf(name string) verdict {
	switch strings.ToLower(name) {
	case "success", "passed", "ok", "status", "outcome", "result", "state", "verdict", "conclusion":
		return verdictGood
	case "aborted", "uxsuccess", "inprogress", "unknown",
		"exitcode", "exit_code", "exit_status", "return_code", "returncode", "rc":
		return verdictCount
	}
	if blames(name) {
		return verdictCount
	}
	return verdictNone
}

// stranger passes over a member that RefStack does not know, and remembers when
// it says that the run failed, or that the list is not all of it.
func (j *jsonReader) stranger(name string, at int64) error {
	kind := j.dec.PeekKind()
	switch {
	case name == "counts" && kind == jsontext.KindBeginObject:
		return j.object(j.judged)
	case name == "pagination" && kind == jsontext.KindBeginObject:
		return j.object(j.page)
	case name == "next" && kind == jsontext.KindString:
		j.more, j.moreAt = true, at
	}
	return j.judged(name, at)
}

// page reads a member of what stands beside one page of a list of ours.
func (j *jsonReader) page(name string, at int64) error {
	if name != "total" || j.dec.PeekKind() != jsontext.KindNumber {
		return j.skip()
	}
	tok, err := j.token()
	if err != nil {
		return err
	}
	if total, err := tok.Float(); err == nil {
		j.total, j.totalAt = total, at
	}
	return nil
}

// comparePage notes when the list is one page of several: the tests of the others
// are not here.
func (j *jsonReader) comparePage() {
	switch {
	case j.list != "tests[":
	case j.total > float64(j.entries):
		j.damagef(j.totalAt, KindJSON, "the list is a page of %d tests of %g; the others are missing", j.entries, j.total)
	case j.more:
		j.damage(j.moreAt, KindJSON, "the list is a page, and the next one is missing")
	}
}

// judged passes over a member, and remembers when it says that the run failed.
func (j *jsonReader) judged(name string, at int64) error {
	v := verdictOf(name)
	kind := j.dec.PeekKind()
	if v == verdictNone {
		if kind == jsontext.KindBeginObject {
			return j.object(j.count) // such as stats
		}
		return j.skip()
	}
	switch kind {
	case jsontext.KindBeginArray, jsontext.KindBeginObject:
		if _, err := j.token(); err != nil {
			return err
		}
		end, full := jsontext.Kind(jsontext.KindEndArray), false
		if kind == jsontext.KindBeginObject {
			end = jsontext.KindEndObject
		}
		for ; j.dec.PeekKind() != end; full = true {
			if err := j.skip(); err != nil {
				return err
			}
		}
		j.says(name, at, full && v == verdictCount)
		_, err := j.token()
		return err
	case jsontext.KindInvalid:
		return j.skip()
	}
	tok, err := j.token()
	if err != nil {
		return err
	}
	switch kind {
	case jsontext.KindString:
		text := tok.String()
		j.says(name, at, v == verdictCount && text != "" && text != "0" || v == verdictGood && failWord(text))
	case jsontext.KindNumber:
		n, err := tok.Float()
		j.says(name, at, v == verdictCount && err == nil && n != 0)
	default:
		j.says(name, at, v == verdictCount && kind == jsontext.KindTrue || v == verdictGood && kind == jsontext.KindFalse)
	}
	return nil
}

// count reads a member of an object that sums the run up.
func (j *jsonReader) count(name string, at int64) error {
	if verdictOf(name) != verdictCount || j.dec.PeekKind() != jsontext.KindNumber {
		return j.skip()
	}
	tok, err := j.token()
	if err != nil {
		return err
	}
	n, err := tok.Float()
	j.says(name, at, err == nil && n != 0)
	return nil
}

func (j *jsonReader) says(name string, at int64, failed bool) {
	if failed {
		j.failed, j.failsAt = name, at
	}
}

// failWord reports whether a word with which a tool names the end of a test says
// that the test failed.
func failWord(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "fail", "failed", "failure", "error", "errored", "broken", "crash", "crashed", "timeout", "timedout", "timed_out", "aborted":
		return true
	}
	return false
}
