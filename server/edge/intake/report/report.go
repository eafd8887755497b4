package report

// Format is what an upload turned out to be.
type Format string

// The formats. FormatGzip comes from Detect only; Parse takes no layer off and
// calls such bytes FormatUnknown.
const (
	FormatV2       Format = "subunit-v2"
	FormatV1       Format = "subunit-v1"
	FormatJSON     Format = "json"
	FormatJUnit    Format = "junit"
	FormatTAP      Format = "tap"
	FormatKTAP     Format = "ktap"
	FormatTeamCity Format = "teamcity"
	FormatGzip     Format = "gzip"
	FormatEmpty    Format = "empty"
	FormatUnknown  Format = "unknown"
)

// Scope says which of the run's tests the upload speaks about.
type Scope string

// The scopes. ScopePasses is that of RefStack's pass lists, which name only
// what has passed and prove nothing about the rest.
const (
	ScopeAll    Scope = "all"
	ScopePasses Scope = "passes_only"
)

// Kind sorts damage.
type Kind string

// The kinds of damage.
const (
	KindTruncated   Kind = "truncated"    // the input, or what is read of it, ends too early
	KindHeader      Kind = "header"       // a packet whose first bytes cannot be right
	KindCRC         Kind = "crc"          // a packet whose checksum is wrong
	KindContent     Kind = "content"      // a whole packet with unusable or over-long fields
	KindNoise       Kind = "noise"        // so many false packets that the search was narrowed
	KindV1Time      Kind = "v1-time"      // a time line without a time
	KindV1Progress  Kind = "v1-progress"  // a progress line without a number
	KindV1Label     Kind = "v1-label"     // a label that is not text, or too long
	KindV1Details   Kind = "v1-details"   // details of an outcome that break their own format
	KindV1Truncated Kind = "v1-truncated" // the input ends inside a test
	KindGzip        Kind = "gzip"         // a gzip stream that is cut, broken, or over the limit
	KindJSON        Kind = "json"
	KindXML         Kind = "xml"
	KindPlan        Kind = "plan"      // fewer, more or other tests than the file itself announces
	KindAborted     Kind = "aborted"   // the runner says that it gave up
	KindUnclosed    Kind = "unclosed"  // a suite or a subtest that never ended
	KindVerdict     Kind = "verdict"   // the file calls itself failed, and no test of it did
	KindMalformed   Kind = "malformed" // a line or message that breaks its own format
)

// Damage is one finding. Offset counts bytes of the parsed input; for KindGzip
// bytes of the compressed one.
type Damage struct {
	Offset int64  `json:"offset"`
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"`

	File int `json:"-"` // of a Group's files; see Sink.In
}

// Report is what Parse says about the input as a whole.
type Report struct {
	Format Format
	Scope  Scope
	Writer string // the program that wrote the file, with its version, where the file tells

	Records    int // handed to the callback
	Unfinished int // those of them that are not Complete

	// NoiseBytes counts what is not part of the format: text between v2
	// packets, v1 lines that are no directives, all of an unknown format.
	NoiseBytes int64

	Damage      []Damage // the first ones, Limits.Damage of them
	DamageCount int      // all of them
	Warnings    []string // oddities that damage nothing

	Attachments []RunAttachment // files without a test, Limits.RunAttachments of them

	// CPID and DurationSeconds stand in RefStack's pass lists; nil if absent.
	CPID            *string
	DurationSeconds *float64

	keep int // Limits.Damage
}

// AddDamage puts a finding from outside the parser, such as Gunzip's, before
// the others. The last of them gives way if the limit is reached.
func (r *Report) AddDamage(d Damage) {
	r.DamageCount++
	keep := max(1, r.keep)
	if len(r.Damage) >= keep {
		r.Damage = r.Damage[:keep-1]
	}
	r.Damage = append([]Damage{d}, r.Damage...)
}

// Add counts a finding, and keeps it if there is room.
func (r *Report) Add(d Damage) {
	r.DamageCount++
	if len(r.Damage) < r.keep {
		r.Damage = append(r.Damage, d)
	}
}

// Complete reports whether all of the input was understood and every test in
// it was finished.
func (r *Report) Complete() bool {
	return r.DamageCount == 0 && r.Unfinished == 0
}
