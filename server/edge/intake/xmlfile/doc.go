// Package xmlfile reads XML as test runners really write it, for the readers of
// the formats that are XML.
//
// It hands a reader the elements of a file one by one, and collects the text of
// those that the reader asks for. What a file gets wrong is stepped over where one
// can, and noted as damage: a tag that is none is left out, an end tag that is
// missing is added, ampersands and brackets that should have been escaped are
// taken as they are. Characters that XML forbids, which runners write with the
// colours of a terminal, are replaced. Log lines before the document are noise,
// and a further document behind it, as in files that were joined, is read on.
// Document types are refused, and with them all entities but XML's own.
//
// The tokens are found here and not by encoding/xml, for three reasons. That
// stops at the first fault; it holds each text and each tag in memory as a whole,
// however long it is; and it does not say where a text stands in the file, which
// is how a long output is kept without a copy.
package xmlfile
