package subunit

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The words of the reports that the RefStack server of 2014 made
// (refstack/tools/tempest_subunit_test_result.py).
const (
	wordPASS      = "PASS"
	wordFAIL      = "FAIL"
	wordFAILSETUP = "FAIL_SETUP" // a class whose set-up failed
	wordERROR     = "ERROR"
	wordSKIP      = "SKIP"
	wordTotal     = "Total"
)

func statusOfWord(w string) Status {
	switch w {
	case wordPASS:
		return Success
	case wordFAIL, wordFAILSETUP, wordERROR:
		return Fail
	case wordSKIP:
		return Skip
	}
	return Unknown
}

// wordOfStatus finds the word under which a summary counts an entry of a list
// that has no words.
func wordOfStatus(s Status) string {
	switch s {
	case Success:
		return wordPASS
	case Fail:
		return wordFAIL
	case Skip:
		return wordSKIP
	}
	return ""
}

// passed reads an item of shape A: a name, or an object with one.
func (j *jsonReader) passed(int) error {
	at := j.offset()
	switch j.dec.PeekKind() {
	case jsontext.KindString:
		tok, err := j.token()
		if err != nil {
			return err
		}
		j.rec.ID, j.named = j.text(tok.String(), at, KindJSON, "name"), true
	case jsontext.KindBeginObject:
		err := j.object(func(name string, at int64) error {
			var err error
			switch name {
			case "name":
				j.rec.ID, j.named, err = j.stringValue(at, name)
			case "uuid", "uid":
				if j.dec.PeekKind() == jsontext.KindNull {
					return j.skip()
				}
				j.rec.UUID, _, err = j.stringValue(at, name)
			default:
				err = j.skip()
			}
			return err
		})
		if err != nil {
			return err
		}
	default:
		return j.wrong("a result that is neither a name nor an object")
	}
	if !j.named {
		j.damage(at, KindJSON, "a result without a name")
		j.rec = Record{}
		return nil
	}
	j.rec.Status = Success
	return j.deliverRecord(wordPASS, at)
}

// stringValue reads a value that must be a string; anything else is damage.
func (j *jsonReader) stringValue(at int64, what string) (string, bool, error) {
	if j.dec.PeekKind() != jsontext.KindString {
		return "", false, j.wrong(what + " is no string")
	}
	tok, err := j.token()
	if err != nil {
		return "", false, err
	}
	return j.text(tok.String(), at, KindJSON, what), true, nil
}

// class reads a class of shape B: an array of [name, word, seconds].
func (j *jsonReader) class(name string, at int64) error {
	class := j.text(name, at, KindJSON, "class")
	if j.dec.PeekKind() != jsontext.KindBeginArray {
		return j.wrong("a class without a list of tests")
	}
	return j.array(func(int) error { return j.row(columnName, class) })
}

// flat reads a test of shape C: its id and an array of [word, seconds].
func (j *jsonReader) flat(name string, at int64) error {
	return j.row(columnWord, j.text(name, at, KindJSON, "test id"))
}

// The columns of a row in shape B; C has the name outside.
const (
	columnName = iota
	columnWord
	columnSeconds
)

// row reads the array of one test, which begins with the column first. The
// name is the test's id, or its class if the row has its own name.
func (j *jsonReader) row(first int, name string) error {
	at := j.offset()
	if j.dec.PeekKind() != jsontext.KindBeginArray {
		return j.wrong("a test that is no array")
	}
	j.rec.ID, j.named = name, first > columnName
	word, column := "", first
	err := j.array(func(int) error {
		var err error
		switch column {
		case columnName:
			j.rec.ID, j.named, err = j.stringValue(at, "name of a test")
			if name != "" {
				j.rec.ID = j.text(name+"."+j.rec.ID, at, KindJSON, "test id")
			}
		case columnWord:
			word, _, err = j.stringValue(at, "result of a test")
			j.rec.Status = statusOfWord(word)
		case columnSeconds:
			err = j.seconds()
		default:
			err = j.skip()
		}
		column++
		return err
	})
	if err != nil {
		return err
	}
	if !j.named {
		j.damage(at, KindJSON, "a test without a name")
		j.rec = Record{}
		return nil
	}
	return j.deliverRecord(word, at)
}

// ours reads an item of shape D.
func (j *jsonReader) ours(int) error {
	at := j.offset()
	if j.dec.PeekKind() != jsontext.KindBeginObject {
		return j.wrong("a test that is no object")
	}
	err := j.object(func(name string, at int64) error {
		var err error
		switch name {
		case "id":
			j.rec.ID, j.named, err = j.stringValue(at, name)
		case "status":
			var text string
			text, _, err = j.stringValue(at, name)
			j.rec.Status, _ = ParseStatus(text)
		case "start":
			j.rec.Start, err = j.timeValue(at)
		case "stop":
			j.rec.Stop, err = j.timeValue(at)
		case "tags":
			err = j.tagsValue(at)
		default:
			err = j.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if !j.named {
		j.damage(at, KindJSON, "a test without an id")
		j.rec = Record{}
		return nil
	}
	return j.deliverRecord(wordOfStatus(j.rec.Status), at)
}

// timeValue reads a time or null.
func (j *jsonReader) timeValue(at int64) (time.Time, error) {
	if j.dec.PeekKind() == jsontext.KindNull {
		return time.Time{}, j.skip()
	}
	text, ok, err := j.stringValue(at, "time")
	if !ok || err != nil {
		return time.Time{}, err
	}
	t, ok := parseTime(text)
	if !ok {
		j.damage(at, KindJSON, "bad time")
		return time.Time{}, nil
	}
	return t, nil
}

// tagsValue reads the tags of a test.
func (j *jsonReader) tagsValue(at int64) error {
	j.rec.Tags = j.rec.Tags[:0]
	switch j.dec.PeekKind() {
	case jsontext.KindNull:
		return j.skip()
	case jsontext.KindBeginArray:
	default:
		return j.wrong("tags that are no array")
	}
	dropped, room := false, tagSetBytes
	err := j.array(func(i int) error {
		if i >= j.lim.TagsPerEvent || room < 0 {
			dropped = true
			return j.skip()
		}
		tag, ok, err := j.stringValue(at, "tag")
		if ok {
			j.rec.Tags = append(j.rec.Tags, tag)
			room -= len(tag)
		}
		return err
	})
	if dropped {
		j.damagef(at, KindJSON, "more than %d tags, or too long ones; the rest is dropped", j.lim.TagsPerEvent)
	}
	slices.Sort(j.rec.Tags)
	j.rec.Tags = slices.Compact(j.rec.Tags)
	return err
}

// readSummary reads the counts that B and C carry beside their list.
func (j *jsonReader) readSummary(at int64) error {
	j.summary, j.sumAt = map[string]float64{}, at
	return j.object(func(name string, at int64) error {
		switch name {
		case wordPASS, wordFAIL, wordFAILSETUP, wordERROR, wordSKIP, wordTotal:
		default:
			return j.judged(name, at)
		}
		if j.dec.PeekKind() != jsontext.KindNumber {
			return j.wrong("the summary's " + name + " is no number")
		}
		tok, err := j.token()
		if err != nil {
			return err
		}
		count, err := tok.Float()
		if err != nil {
			j.damage(at, KindJSON, "the summary's "+name+" is out of range")
			return nil
		}
		j.summary[name] = count
		return nil
	})
}

// compareSummary notes where the summary contradicts the list. The list counts.
func (j *jsonReader) compareSummary() {
	j.words[wordTotal] = j.entries
	for _, word := range []string{wordPASS, wordFAIL, wordFAILSETUP, wordERROR, wordSKIP, wordTotal} {
		if said, ok := j.summary[word]; ok && said != float64(j.words[word]) {
			j.damagef(j.sumAt, KindJSON, "the summary says %s %g, the list has %d", word, said, j.words[word])
		}
	}
}
