package query

// Kind says how the values of a field are written in a query string and how
// they compare. The words are those of the field tables that catalogues are
// made from.
type Kind string

// The kinds of searchable fields, with the Go type of a value in a Condition.
const (
	Text Kind = "text" // string, compared byte by byte
	Int  Kind = "int"  // int64
	Bool Kind = "bool" // bool, false before true
	Date Kind = "date" // int64, milliseconds since 1970 UTC; durations too
	ID   Kind = "id"   // string, 24 lower-case hex digits
)

// Field describes one name that may stand in a query string.
type Field struct {
	Kind Kind
	// Name is the field of the document; empty means the name under which
	// the field stands in the catalogue.
	Name string
	// RangeOnly keeps the name from being a filter of its own, so that
	// name=value is ignored like an unknown key while gte=name,value works.
	RangeOnly bool
}

// Catalogue holds the searchable fields of a resource. Names that are
// parameters (limit, gte, date_range and so on) can never be fields.
type Catalogue map[string]Field

// lookup returns the field called name, its Name filled in.
func (c Catalogue) lookup(name string) (Field, bool) {
	f, ok := c[name]
	if ok && f.Name == "" {
		f.Name = name
	}
	return f, ok
}

// resolve turns a second name of a field into its own. Names that are not in
// the catalogue stay as they are.
func (c Catalogue) resolve(name string) string {
	if f, ok := c.lookup(name); ok {
		return f.Name
	}
	return name
}
