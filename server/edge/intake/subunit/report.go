package subunit

import (
	"strconv"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Attachment and the other types are those of package report, which the readers here
// speak of all the time.
type (
	Attachment    = report.Attachment
	Counts        = report.Counts
	Damage        = report.Damage
	Format        = report.Format
	Kind          = report.Kind
	Limits        = report.Limits
	Outcome       = report.Outcome
	Record        = report.Record
	Report        = report.Report
	RunAttachment = report.RunAttachment
	Scope         = report.Scope
	Span          = report.Span
	Status        = report.Status
	Tally         = report.Tally
	interner      = report.Interner
)

// The values of these types.
const (
	Unknown           = report.Unknown
	Exists            = report.Exists
	InProgress        = report.InProgress
	Success           = report.Success
	UXSuccess         = report.UXSuccess
	Skip              = report.Skip
	Fail              = report.Fail
	XFail             = report.XFail
	FormatV2          = report.FormatV2
	FormatV1          = report.FormatV1
	FormatJSON        = report.FormatJSON
	FormatJUnit       = report.FormatJUnit
	FormatGzip        = report.FormatGzip
	FormatEmpty       = report.FormatEmpty
	FormatUnknown     = report.FormatUnknown
	ScopeAll          = report.ScopeAll
	ScopePasses       = report.ScopePasses
	KindTruncated     = report.KindTruncated
	KindHeader        = report.KindHeader
	KindCRC           = report.KindCRC
	KindContent       = report.KindContent
	KindNoise         = report.KindNoise
	KindV1Time        = report.KindV1Time
	KindV1Progress    = report.KindV1Progress
	KindV1Label       = report.KindV1Label
	KindV1Details     = report.KindV1Details
	KindV1Truncated   = report.KindV1Truncated
	KindGzip          = report.KindGzip
	KindJSON          = report.KindJSON
	KindXML           = report.KindXML
	OutcomePass       = report.OutcomePass
	OutcomeFail       = report.OutcomeFail
	OutcomeIncomplete = report.OutcomeIncomplete
	OutcomeSkip       = report.OutcomeSkip
	OutcomeEmpty      = report.OutcomeEmpty
	OutcomeError      = report.OutcomeError
)

// The functions over them.
var (
	DefaultLimits = report.DefaultLimits
	NewSpanReader = report.NewSpanReader
	ParseStatus   = report.ParseStatus
	Worst         = report.Worst
	errStop       = report.ErrStop
	quote         = report.Quote
	repair        = report.Repair
	headerText    = report.HeaderText
)

func cut[T string | []byte](text T, max int) (T, bool) { return report.Cut(text, max) }

func itoa(n int) string { return strconv.Itoa(n) }
