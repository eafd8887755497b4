package refstack

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// RefStack's texts (refstack/api/validators.py). The second lacks its
// apostrophe there as well.
const (
	textMalformed = "Malformed request"
	textSchema    = "Request doesnt correspond to schema"
	textNoPass    = "Uploaded results must contain at least one passing test."
)

// maxViolations is how many faults of one list are told.
const maxViolations = 20

// maxText is the most bytes of a name or a cpid: longer test ids would be cut.
const maxText = 64 << 10

const byteOrderMark = "\ufeff"

// passList is what a list of passed tests says beside the tests.
type passList struct {
	cpid     string
	duration int64 // seconds
	items    int64
}

// checkPassList reads a list token by token and holds it against the schema
// that RefStack publishes. Of the items RefStack checks the first one only, a
// slip of that schema; here every item needs a name, without which RefStack
// failed later, and the first may be a name alone, as in 2014. Errors are
// *fault.Fault, or those of r.
func checkPassList(r io.Reader) (*passList, error) {
	in := bufio.NewReader(r)
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = in.Discard(len(mark)) // some editors and shells write it
	}
	c := &passListCheck{src: &inputError{r: in}}
	c.dec = jsontext.NewDecoder(c.src, jsontext.AllowDuplicateNames(true))
	if err := c.document(); err != nil {
		if c.src.err != nil {
			return nil, c.src.err
		}
		return nil, refused(textMalformed, bodyEntry("", "must be one JSON object in UTF-8")).Because(err)
	}
	for _, name := range []string{"cpid", "duration_seconds", "results"} {
		if !c.seen[name] && !c.notObject {
			c.wrong("/"+name, "is required")
		}
	}
	if len(c.violations) > 0 {
		return nil, refused(textSchema, c.violations...)
	}
	return &c.list, nil
}

type passListCheck struct {
	src        *inputError
	dec        *jsontext.Decoder
	list       passList
	seen       map[string]bool
	notObject  bool
	violations []fault.Entry
}

// inputError remembers an error of the input, which is none of its content.
type inputError struct {
	r   io.Reader
	err error
}

func (i *inputError) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && err != io.EOF {
		i.err = err
	}
	return n, err
}

func (c *passListCheck) wrong(pointer, message string) {
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, bodyEntry(pointer, message))
	}
}

func (c *passListCheck) document() error {
	c.seen = map[string]bool{}
	if c.dec.PeekKind() != jsontext.KindBeginObject {
		c.notObject = true
		c.wrong("", "must be an object")
		if err := c.dec.SkipValue(); err != nil {
			return err
		}
	} else if err := c.object(c.member); err != nil {
		return err
	}
	if _, err := c.dec.ReadToken(); err != io.EOF {
		return errors.Join(errors.New("bytes after the end"), err)
	}
	return nil
}

// object calls member before each value, which member must read.
func (c *passListCheck) object(member func(name string) error) error {
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	for c.dec.PeekKind() != jsontext.KindEndObject {
		tok, err := c.dec.ReadToken()
		if err != nil {
			return err
		}
		if err := member(tok.String()); err != nil {
			return err
		}
	}
	_, err := c.dec.ReadToken()
	return err
}

func (c *passListCheck) member(name string) error {
	if c.seen[name] {
		c.wrong("/"+name, "is given twice")
	}
	c.seen[name] = true
	switch name {
	case "cpid":
		return c.text("/cpid", &c.list.cpid)
	case "duration_seconds":
		return c.seconds()
	case "results":
		return c.results()
	}
	c.wrong("/"+shorten(name), "is unknown; known are cpid, duration_seconds and results")
	return c.dec.SkipValue()
}

// shorten keeps a stranger's name from filling the answer.
func shorten(name string) string {
	if len(name) > 100 {
		return strings.ToValidUTF8(name[:100], "") + "…"
	}
	return name
}

func (c *passListCheck) text(pointer string, into *string) error {
	if c.dec.PeekKind() != jsontext.KindString {
		c.wrong(pointer, "must be text")
		return c.dec.SkipValue()
	}
	tok, err := c.dec.ReadToken()
	if err != nil {
		return err
	}
	*into = tok.String()
	if len(*into) > maxText {
		c.wrong(pointer, "must have at most 65536 bytes")
	}
	if strings.ContainsRune(*into, 0) {
		c.wrong(pointer, "must not contain the character U+0000")
	}
	return nil
}

func (c *passListCheck) seconds() error {
	value, err := c.dec.ReadValue()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		c.wrong("/duration_seconds", "must be an integer")
	}
	c.list.duration = n
	return nil
}

func (c *passListCheck) results() error {
	if c.dec.PeekKind() != jsontext.KindBeginArray {
		c.wrong("/results", "must be a list")
		return c.dec.SkipValue()
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	for c.list.items = 0; c.dec.PeekKind() != jsontext.KindEndArray; c.list.items++ {
		if err := c.item("/results/" + strconv.FormatInt(c.list.items, 10)); err != nil {
			return err
		}
	}
	_, err := c.dec.ReadToken()
	return err
}

func (c *passListCheck) item(pointer string) error {
	var name string
	switch c.dec.PeekKind() {
	case jsontext.KindString:
		return c.text(pointer, &name)
	case jsontext.KindBeginObject:
	default:
		c.wrong(pointer, "must be an object with a name, or a name")
		return c.dec.SkipValue()
	}
	named := false
	err := c.object(func(member string) error {
		switch {
		case member == "name":
			named = true
			return c.text(pointer+"/name", &name)
		case member == "uuid" && c.list.items == 0:
			return c.uuid(pointer + "/uuid")
		}
		return c.dec.SkipValue()
	})
	if err == nil && !named {
		c.wrong(pointer+"/name", "is required")
	}
	return err
}

func (c *passListCheck) uuid(pointer string) error {
	value, err := c.dec.ReadValue()
	if err != nil {
		return err
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil || !isHexUUID(text) {
		c.wrong(pointer, "must be a UUID")
	}
	return nil
}

// isHexUUID takes what Python's uuid.UUID(hex=…) takes: 32 hexadecimal digits,
// with hyphens anywhere, in braces, after urn:uuid:.
func isHexUUID(text []byte) bool {
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("urn:"), nil), []byte("uuid:"), nil)
	text = bytes.ReplaceAll(bytes.Trim(text, "{}"), []byte("-"), nil)
	if len(text) != 32 {
		return false
	}
	for _, b := range text {
		switch {
		case b >= '0' && b <= '9', b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
		default:
			return false
		}
	}
	return true
}
