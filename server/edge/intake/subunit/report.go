package subunit

import (
	"strconv"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// The types of package report, which the readers here speak of all the time.
type (
	// Attachment is that of package report.
	Attachment = report.Attachment
	// Counts is that of package report.
	Counts = report.Counts
	// Damage is that of package report.
	Damage = report.Damage
	// Format is that of package report.
	Format = report.Format
	// Kind is that of package report.
	Kind = report.Kind
	// Limits is that of package report.
	Limits = report.Limits
	// Outcome is that of package report.
	Outcome = report.Outcome
	// Record is that of package report.
	Record = report.Record
	// Report is that of package report.
	Report = report.Report
	// RunAttachment is that of package report.
	RunAttachment = report.RunAttachment
	// Scope is that of package report.
	Scope = report.Scope
	// Span is that of package report.
	Span = report.Span
	// Status is that of package report.
	Status = report.Status
	// Tally is that of package report.
	Tally    = report.Tally
	interner = report.Interner
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
