package document

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
)

// Kind says how a field is written in a body, held in a Document and rendered.
// The words of searchable kinds are those of the query language.
type Kind string

// The kinds of fields.
const (
	Text Kind = "text" // numbers and booleans in a body become text
	Int  Kind = "int"
	Bool Kind = "bool"
	Date Kind = "date" // int64, milliseconds since 1970 UTC
	ID   Kind = "id"   // 24 hex digits; in a body the plain text or {"$oid":…}

	Seconds Kind = "seconds" // seconds in a body; held and rendered as milliseconds
	Number  Kind = "number"  // float64
	Object  Kind = "object"  // Raw
	List    Kind = "list"    // Raw
	IDs     Kind = "ids"     // []string

	// Reference is a text in a body, or an id as it is rendered. It is held as
	// text and means a document that has yet to be found.
	Reference Kind = "reference"
)

// Raw is the text of a JSON object or list, byte for byte as it was posted.
type Raw []byte

// Flag is a property of a field.
type Flag uint

// The properties of fields.
const (
	Search    Flag = 1 << iota // may be a filter
	Range                      // may stand in gte and its like, but is no filter of its own
	Distinct                   // its values may be listed
	Must                       // mandatory in a POST
	NotNone                    // with Must: the texts "null" and "none" are refused too
	Upper                      // in a body any case, held in capitals
	NullStays                  // null in a body is kept, the default is for an absent key only
	Hidden                     // not part of the document that clients see
	Filled                     // a list that clients walk without a look: [] when it has no value
)

// Field is one row of a Schema.
type Field struct {
	Name  string
	Kind  Kind
	Flags Flag
	// From names the keys of a POST body that the field is read from, divided
	// by blanks, the strongest first. A key that holds null is as good as
	// absent. Empty means that the server sets the field.
	From string
	// Of names the field that this one repeats under a second name.
	Of string
	// Default is the value of a field that the body does not have, or, without
	// NullStays, has as null.
	Default any
	// Only holds the texts allowed; none means any.
	Only []string
	// Max is the most bytes of a text; 0 means maxSearchText for a field that
	// is searched or listed, and no limit of its own for others.
	Max int
	// Sub describes the members of an Object that is not free.
	Sub *Schema

	keys  []string // From, divided
	label string   // the name as it begins a JSON member
	place int      // of the value in a Document
}

const (
	// maxSearchText keeps every index entry below the size that PostgreSQL can
	// index (2704 bytes), also those of two texts and of a boot's name, which
	// is made of five.
	maxSearchText = 512
	maxURL        = 2000
	maxTestName   = 1024
)

func (f *Field) has(flag Flag) bool { return f.Flags&flag != 0 }

func (f *Field) maxText() int {
	if f.Max == 0 && f.has(Search|Range|Distinct) {
		return maxSearchText
	}
	return f.Max
}

// Schema describes one resource.
type Schema struct {
	// Name is the resource's name in paths and in /count.
	Name string
	// Fields holds all fields, in the order in which they are rendered.
	Fields []Field
	// Identity names the fields that make two documents the same one; nil
	// means that documents are never the same. Of several names in one text,
	// divided by blanks, the first field that has a value counts.
	Identity []string
	// Near names those of them by which the identities of reports that come at the same
	// time begin. Thousands come of one kernel: the database finds their identities
	// beside each other, where it would else touch a page for each.
	Near []string
	// Ignored names keys of a body that are known but not stored, divided by
	// blanks, beside the fields that the server sets.
	Ignored string

	// finish sets the fields that follow from others.
	finish func(*Document)
	index  map[string]int
	posted map[string]int // key of a body to its field, -1 for ignored keys
}

// prepare makes the lookup tables. A schema that names a key twice, or a field
// that does not exist, is a mistake in this package: it panics at start.
func (s Schema) prepare() *Schema {
	s.index, s.posted = map[string]int{}, map[string]int{}
	for i := range s.Fields {
		f := &s.Fields[i]
		f.keys, f.label, f.place = strings.Fields(f.From), strconv.Quote(f.Name)+":", i
		once(s.index, f.Name, i)
		for _, key := range f.keys {
			once(s.posted, key, i)
		}
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Of != "" {
			f.place = s.at(f.Of)
		}
		if _, known := s.posted[f.Name]; !known && f.From == "" && !f.has(Hidden) {
			s.posted[f.Name] = -1
		}
	}
	for key := range strings.FieldsSeq(s.Ignored) {
		once(s.posted, key, -1)
	}
	for _, names := range s.Identity {
		for name := range strings.FieldsSeq(names) {
			s.at(name)
		}
	}
	return &s
}

// once adds a name to a table that must not have it yet.
func once(table map[string]int, name string, place int) {
	if _, twice := table[name]; twice {
		panic("document: " + name + " stands twice in a schema")
	}
	table[name] = place
}

// at returns the place of a field. It panics for a name that is no field: names
// come from code, never from a client.
func (s *Schema) at(name string) int {
	i, ok := s.index[name]
	if !ok {
		panic("document: " + s.Name + " has no field " + name)
	}
	return i
}

// Field returns the field called name, and false when there is none.
func (s *Schema) Field(name string) (Field, bool) {
	i, ok := s.index[name]
	if !ok {
		return Field{}, false
	}
	return s.Fields[i], true
}

// New returns a document without values.
func (s *Schema) New() *Document {
	return &Document{schema: s, values: make([]any, len(s.Fields)), given: make([]bool, len(s.Fields))}
}

// identity is the digest of the identity fields, and of the number of the document
// among those of one upload that share them. No value is as good as an empty text,
// so that a unique index on it holds (an SQL null equals nothing).
func (s *Schema) identity(d *Document, number int) []byte {
	id := make([]byte, 0, nearSize+sha256.Size)
	if s.Near != nil {
		id = d.digest(id, s.Near, 0)[:nearSize]
	}
	return d.digest(id, s.Identity, number)[:len(id)+16]
}

// nearSize is how many bytes an identity begins with that others share. They are not
// there to tell reports apart.
const nearSize = 4

// digest appends what the fields hold, and a number above 0, as a digest.
func (d *Document) digest(dst []byte, fields []string, number int) []byte {
	h := sha256.New()
	var size [8]byte
	for _, names := range fields {
		text := ""
		for name := range strings.FieldsSeq(names) {
			text = cmp.Or(text, d.Text(name))
		}
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		h.Write([]byte(text))
	}
	if number > 0 {
		binary.BigEndian.PutUint64(size[:], uint64(number))
		h.Write(size[:])
	}
	return h.Sum(dst)
}
