package reports

import (
	"fmt"
	"strings"

	"github.com/slipway-lab/slipway/store"
)

// Kind says what a column of a collection holds, and as which Go type it
// comes out.
type Kind int

// The kinds of columns.
const (
	Text Kind = iota // string
	ID               // string, 24 hexadecimal digits
	Int              // int64
	Bool             // bool
	Time             // int64, milliseconds; microseconds in the table, as everywhere
)

// Column is a field of reports that can be asked for.
type Column struct {
	Name string
	Kind Kind
}

// Collection is a table of reports of one sort. All have one shape: seq, an
// inner number in the order of arrival; the tenant; the digest of the identity, of
// which a tenant has one; a column for each field that can be filtered, ranged or listed; and rest, a JSON object
// with the other fields that have a value. A field stands in one of the two
// places only.
type Collection struct {
	Columns []Column

	table  string
	places map[string]int
	chosen string // the columns that a scanner reads
	insert string // up to the values
	marks  string // for the values of one row
	group  string // the column that names a row's test group, if it has one
}

// The collections. Their columns are those of the migrations; the area that
// writes them checks that they are the searchable fields of its documents.
var (
	Jobs = collection("kernel_jobs",
		ofKind(Text, `name job kernel kernel_version git_branch git_commit git_describe git_describe_v git_url status
			compiler compiler_version compiler_version_ext compiler_version_full`),
		ofKind(Bool, `private`), ofKind(Time, `created_on`), ofKind(ID, `_id`))
	Builds = collection("kernel_builds",
		ofKind(Text, `name job kernel kernel_version git_branch git_commit git_describe git_describe_v git_url arch
			defconfig defconfig_full build_environment status build_type build_log compiler compiler_version
			compiler_version_ext compiler_version_full dirname kconfig_fragments kernel_config kernel_image modules
			modules_dir system_map text_offset`),
		ofKind(Int, `errors warnings build_log_size kernel_config_size kernel_image_size modules_size system_map_size
			vmlinux_bss_size vmlinux_data_size vmlinux_file_size vmlinux_text_size`),
		ofKind(Time, `created_on`), ofKind(ID, `_id job_id`))
	Boots = collection("kernel_boots",
		ofKind(Text, `name lab_name job kernel git_branch git_commit git_describe git_url defconfig defconfig_full arch
			build_environment board board_instance mach status endian compiler compiler_version boot_job_id boot_job_url
			bootloader bootloader_version chainloader filesystem kernel_image`),
		ofKind(Int, `retries warnings kernel_image_size`),
		ofKind(Time, `created_on time`), ofKind(ID, `_id job_id build_id`))
	Groups = groupCollection("test_groups", "_id",
		ofKind(Text, `version name lab_name job kernel git_branch git_commit git_describe git_url defconfig
			defconfig_full arch build_environment board board_instance device_type mach plan`),
		ofKind(Int, `index`), ofKind(Time, `created_on time`),
		ofKind(ID, `_id job_id build_id boot_id parent_id root_id`))
	Cases = groupCollection("test_cases", "test_group_id",
		ofKind(Text, `name test_case_path status job kernel git_branch git_commit arch defconfig_full build_environment
			lab_name device_type mach plan`),
		ofKind(Int, `index`), ofKind(Time, `created_on time`),
		ofKind(ID, `_id test_group_id regression_id root_id`))
	Labs = collection("labs",
		ofKind(Text, `name`), ofKind(Bool, `private`),
		ofKind(Time, `created_on updated_on`), ofKind(ID, `_id token`))
)

func ofKind(kind Kind, names string) []Column {
	var list []Column
	for name := range strings.FieldsSeq(names) {
		list = append(list, Column{name, kind})
	}
	return list
}

func collection(table string, lists ...[]Column) *Collection {
	c := &Collection{table: table, places: map[string]int{}}
	var names []string
	for _, list := range lists {
		for _, column := range list {
			c.places[column.Name] = len(c.Columns)
			c.Columns = append(c.Columns, column)
			names = append(names, quoted(column.Name))
		}
	}
	list := strings.Join(names, ", ")
	c.chosen = "seq, tenant, " + list + ", rest"
	c.insert = "INSERT INTO " + table + " (tenant, identity, " + list + ", rest) VALUES "
	c.marks = "(?" + strings.Repeat(", ?", len(c.Columns)+2) + ")"
	return c
}

// groupCollection is one of groups or of what belongs to them. Its column root_id holds
// the id of the outermost group of the same tenant around.
func groupCollection(table, group string, lists ...[]Column) *Collection {
	c := collection(table, lists...)
	c.group = group
	return c
}

// quoted is a column's name as SQL. It comes from this file, never from outside.
func quoted(name string) string { return `"` + name + `"` }

// Place returns where in Report.Values the column of that name is, and false
// when the collection has no such column.
func (c *Collection) Place(name string) (int, bool) {
	i, ok := c.places[name]
	return i, ok
}

// Report is one row of a collection.
type Report struct {
	Tenant   string // set by the store: to whom a report belongs never changes
	Identity []byte // some 20 bytes; nil where documents are never the same, and for the one there was
	Values   []any  // in the order of the columns, nil where there is none
	Rest     string // JSON object of the other fields

	seq int64
}

// Get returns a column's value. It panics when there is no such column.
func (r *Report) Get(c *Collection, name string) any { return r.Values[c.places[name]] }

// toColumn turns a value into what the database keeps.
func toColumn(kind Kind, v any) any {
	if ms, ok := v.(int64); ok && kind == Time {
		return min(max(ms, -maxTime), maxTime) * 1000
	}
	return v
}

// maxTime keeps a time in microseconds inside 64 bits, whatever a filter
// asks for.
const maxTime = 1 << 53

// fromColumn turns what a driver returned into a value of the column's kind.
func fromColumn(kind Kind, v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case int64:
		switch kind {
		case Time:
			return v / 1000
		case Bool:
			return v != 0
		}
	}
	return v
}

// selected are the columns that a scanner reads.
func (c *Collection) selected() string { return c.chosen }

// scanner reads rows that begin with the selected columns.
type scanner struct {
	c      *Collection
	dest   []any
	vals   []any
	tenant string
	rest   string
	seq    int64
}

func newScanner(c *Collection) *scanner {
	s := &scanner{c: c, vals: make([]any, len(c.Columns))}
	s.dest = append(s.dest, &s.seq, &s.tenant)
	for i := range s.vals {
		s.dest = append(s.dest, &s.vals[i])
	}
	s.dest = append(s.dest, &s.rest)
	return s
}

func (s *scanner) scan(rows interface{ Scan(...any) error }) (*Report, error) {
	if err := rows.Scan(s.dest...); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.c.table, store.Translate(err))
	}
	r := &Report{Tenant: s.tenant, Values: make([]any, len(s.vals)), Rest: s.rest, seq: s.seq}
	for i, v := range s.vals {
		r.Values[i] = fromColumn(s.c.Columns[i].Kind, v)
	}
	return r, nil
}
