package upload

import "cmp"

// Limits bounds what one request may cost. A field that is zero has its
// default, so the zero Limits is the usual one.
type Limits struct {
	// File is the most bytes of the file, after form decoding and before any
	// decompression. Default 256 MiB. For a JSON body it bounds the whole body.
	File int64
	// Body is the most bytes read from the body. Default four times File:
	// a byte of a binary file is three bytes of a form, and every line costs
	// "&file=" once more.
	Body int64
	// TextBody is Body for ReadText. Default 1 MiB, in which a text of the
	// greatest length fits however a client escapes it.
	TextBody int64
	// Text is the most bytes of one text field, decoded. Default 64 KiB.
	Text int
	// Fields is the most text fields of a form, known or not. Default 32.
	Fields int
	// Parts is the most parts of a multipart body, files included. Default 1024.
	Parts int
	// Name is the most bytes of a field's name in a form. Default 256.
	Name int
	// PartHeader is the most bytes of one part's header. Default 16 KiB. It is
	// checked as the body is read, 4 KiB at a time.
	PartHeader int
	// Depth is how deep JSON may nest. Default 64.
	Depth int
}

// WithDefaults returns the limits with every zero field filled in.
func (l Limits) WithDefaults() Limits {
	l.File = cmp.Or(l.File, 256<<20)
	l.Body = cmp.Or(l.Body, 4*l.File)
	l.TextBody = cmp.Or(l.TextBody, 1<<20)
	l.Text = cmp.Or(l.Text, 64<<10)
	l.Fields = cmp.Or(l.Fields, 32)
	l.Parts = cmp.Or(l.Parts, 1024)
	l.Name = cmp.Or(l.Name, 256)
	l.PartHeader = cmp.Or(l.PartHeader, 16<<10)
	l.Depth = cmp.Or(l.Depth, 64)
	return l
}
