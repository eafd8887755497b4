package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// dumpDepth is how deeply a document of a dump may be nested; MongoDB allows 100.
const dumpDepth = 128

var (
	errNoID     = errors.New("has no _id of 24 hex digits")
	errExtended = errors.New("is not in MongoDB's extended JSON")
)

// FromDump makes a document of one that kernelci-backend kept in MongoDB, as mongoexport
// writes it. Nothing is filled in: null stays null. What it says of its status stays as
// it is, and none is UNKNOWN; a status is never guessed. It also returns what was left
// out, as the pointer of the field and the reason. The error is why there is no document.
func (s *Schema) FromDump(text []byte) (d *Document, left []FieldError, err error) {
	body, err := ParseBody(text, Limits{Depth: dumpDepth})
	if err != nil {
		return nil, nil, err
	}
	d = s.New()
	for i := range s.Fields {
		f := &s.Fields[i]
		raw := body.values[f.Name]
		if f.has(Hidden) || raw == nil || raw.Kind() == 'n' {
			continue
		}
		value, err := f.fromDump(raw)
		switch {
		case err == nil && (d.values[f.place] == nil || f.Of == ""):
			d.values[f.place] = value // boots and groups of 2014 have defconfig_id for build_id
		case err != nil && f.has(Must):
			return nil, nil, &InvalidError{Reason: f.Name + " " + err.Error()}
		case err != nil:
			left = append(left, FieldError{Pointer: "/" + f.Name, Message: err.Error()})
		}
	}
	for _, key := range body.keys {
		if _, known := s.index[key]; !known && body.values[key].Kind() != 'n' {
			left = append(left, FieldError{Pointer: "/" + key[:min(len(key), maxSearchText)], Message: "is not kept"})
		}
	}
	return d, left, s.finishDump(d)
}

// finishDump sets what must be there.
func (s *Schema) finishDump(d *Document) error {
	id := d.Text("_id")
	if id == "" {
		return &InvalidError{Reason: errNoID.Error()}
	}
	if d.Get("created_on") == nil { // an id begins with the seconds of its making
		seconds, _ := strconv.ParseUint(id[:8], 16, 32) // hex digits, as ParseID says
		d.Set("created_on", int64(seconds)*1000)
	}
	if i, has := s.index["status"]; has && d.values[i] == nil {
		d.values[i] = "UNKNOWN"
	}
	if i, has := s.index["private"]; has && d.values[i] == nil {
		d.values[i] = false
	}
	if s.finish != nil {
		s.finish(d)
	}
	return nil
}

// fromDump converts one value.
func (f *Field) fromDump(raw jsontext.Value) (any, error) {
	if bytes.Contains(raw, []byte(`"$`)) {
		plain, err := plainJSON(raw)
		if err != nil {
			return nil, err
		}
		raw = plain
	}
	switch {
	case raw.Kind() == 'n':
		return nil, nil
	case f.Name == "status":
		return f.statusFromDump(raw)
	case f.Kind == Seconds && raw[0] == '-': // nobody measured it (app/models/test_group.py)
		return nil, nil
	case f.Sub != nil: // contacts of old labs lack what is mandatory today
		return takeRaw(raw, '{', "an object")
	case f.Name == "measurements" || f.Name == "attachments":
		return takeObjects(raw)
	}
	return f.take(raw)
}

// statusFromDump keeps a word that is unknown, but for its case: what is no pass must not
// become one.
func (f *Field) statusFromDump(raw jsontext.Value) (any, error) {
	free := *f
	free.Only = nil
	value, err := free.take(raw)
	text, ok := value.(string)
	if err != nil || !ok {
		return nil, err
	}
	if upper := strings.ToUpper(strings.TrimSpace(text)); upper != "" {
		return upper, nil
	}
	return nil, nil
}

func takeObjects(raw jsontext.Value) (any, error) {
	list, err := elements(raw)
	if err != nil {
		return nil, err
	}
	for _, element := range list {
		if element.Kind() != '{' {
			return nil, errNotObject
		}
	}
	return Raw(raw), nil
}

// plainJSON takes MongoDB's extended JSON (both versions, relaxed and canonical) out of
// a value: numbers become numbers, times and ids look as the API shows them.
func plainJSON(raw jsontext.Value) (jsontext.Value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errExtended
	}
	v, err := plainValue(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, errExtended
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func plainValue(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case []any:
		for i := range v {
			if v[i], err = plainValue(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if len(v) == 1 {
			for key, inner := range v {
				if strings.HasPrefix(key, "$") {
					return plainMember(key, inner)
				}
			}
		}
		for key := range v {
			if v[key], err = plainValue(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// plainMember is the value of an object that has one member, whose name begins with $.
func plainMember(key string, v any) (any, error) {
	text, _ := v.(string)
	switch key {
	case "$numberInt", "$numberLong":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		if n, ok := v.(json.Number); ok { // the shell of old writes NumberLong(7) so
			return n, nil
		}
		return nil, errExtended
	case "$numberDouble", "$numberDecimal":
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, errExtended
		}
		return n, nil
	case "$date":
		return plainDate(v)
	case "$undefined":
		return nil, nil
	}
	return map[string]any{key: v}, nil // an $oid, or what nobody has seen
}

// dumpTimes are the forms of times in dumps. mongoexport before 3.0 wrote the zone
// without a colon.
var dumpTimes = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"}

func plainDate(v any) (any, error) {
	inner, err := plainValue(v)
	if err != nil {
		return nil, err
	}
	switch at := inner.(type) {
	case int64, json.Number:
		return map[string]any{"$date": at}, nil
	case string:
		for _, layout := range dumpTimes {
			if t, err := time.Parse(layout, at); err == nil {
				return map[string]any{"$date": t.UnixMilli()}, nil
			}
		}
	}
	return nil, errNotDate
}

// FillCase ties a case of a dump to its group and fills in what cases of before 2019
// lack, which did not repeat their group's fields.
func FillCase(c, group *Document, above ...string) {
	own := c.Clone()
	CompleteCase(c, group, above...)
	for _, name := range fromGroup {
		if v := own.Get(name); v != nil && name != "root_id" {
			c.Set(name, v)
		}
	}
}

// IDTwin is a number for Twin that tells a document of a dump from others of the same
// identity by its id. It is never 0.
func (d *Document) IDTwin() int {
	id := d.Text("_id")
	n, _ := strconv.ParseUint(id[len(id)-15:], 16, 64) // hex digits
	return int(n) + 1                                  //nolint:gosec // 60 bits
}
