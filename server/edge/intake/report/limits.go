package report

// Limits bounds what an upload may cost. A field that is zero or negative
// means its default, so the zero Limits is DefaultLimits.
type Limits struct {
	// UploadBytes and DecompressedBytes are for the caller, who stores the
	// upload and calls Gunzip. Parse itself takes input of any size.
	UploadBytes       int64
	DecompressedBytes int64

	Tests int // tests in one result; reading stops there, with damage

	IDBytes      int   // test ids, and likewise routes, tags and attachment names; longer ones are cut, with damage
	IDTotal      int64 // all ids of one file together, with the names of the suites and the tags; reading stops there, with damage
	TagsPerEvent int   // further tags are dropped, with damage

	AttachmentBytes int64 // bytes of one attachment to keep the place of; the rest is only counted. Of one attribute in XML as well
	AttachmentSpans int   // pieces of one attachment, likewise
	InlineBytes     int   // bytes of one test's attachments that must be copied because the text was escaped
	TestAttachments int   // attachments of one test; further ones are dropped, with a warning
	RunAttachments  int   // attachments without a test, likewise

	// OpenBytes is an estimate of the memory that unfinished tests may take, and
	// of what a reader must remember beside the tests. Reading stops there, with
	// damage.
	OpenBytes int64

	Depth      int // nesting of JSON and XML
	TokenBytes int // one string, number or run of white space in JSON

	Damage int // findings to keep; all are counted
}

// DefaultLimits returns the limits that apply when nothing else is said.
func DefaultLimits() Limits {
	return Limits{
		UploadBytes:       256 << 20,
		DecompressedBytes: 512 << 20,
		Tests:             2_000_000,
		IDBytes:           64 << 10,
		IDTotal:           1 << 30,
		TagsPerEvent:      10_000,
		AttachmentBytes:   32 << 20,
		AttachmentSpans:   1 << 18,
		InlineBytes:       1 << 20,
		TestAttachments:   10_000,
		RunAttachments:    1_000,
		OpenBytes:         256 << 20,
		Depth:             64,
		TokenBytes:        1 << 20,
		Damage:            100,
	}
}

// WithDefaults fills the fields that were left out.
func (l Limits) WithDefaults() Limits {
	d := DefaultLimits()
	orDefault(&l.UploadBytes, d.UploadBytes)
	orDefault(&l.DecompressedBytes, d.DecompressedBytes)
	orDefault(&l.Tests, d.Tests)
	orDefault(&l.IDBytes, d.IDBytes)
	orDefault(&l.IDTotal, d.IDTotal)
	orDefault(&l.TagsPerEvent, d.TagsPerEvent)
	orDefault(&l.AttachmentBytes, d.AttachmentBytes)
	orDefault(&l.AttachmentSpans, d.AttachmentSpans)
	orDefault(&l.InlineBytes, d.InlineBytes)
	orDefault(&l.TestAttachments, d.TestAttachments)
	orDefault(&l.RunAttachments, d.RunAttachments)
	orDefault(&l.OpenBytes, d.OpenBytes)
	orDefault(&l.Depth, d.Depth)
	orDefault(&l.TokenBytes, d.TokenBytes)
	orDefault(&l.Damage, d.Damage)
	return l
}

func orDefault[T int | int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
