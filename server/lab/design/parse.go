package design

import (
	"fmt"
	"strings"
)

// Parse reads a design without compiling it. The site is nil when a message is
// an error; every document is looked at all the same. The error is a
// *SyntaxError, for a text that cannot be split into documents.
func Parse(text []byte, lim Limits) (*Site, []Message, error) {
	docs, err := read(text, lim)
	if err != nil {
		return nil, nil, err
	}
	p := parser{site: new(Site), seen: make(map[Ref]bool)}
	for i := range docs {
		p.document(&docs[i])
	}
	if errorCount(p.messages) > 0 {
		return nil, p.messages, nil
	}
	return p.site, p.messages, nil
}

type parser struct {
	site     *Site
	seen     map[Ref]bool
	messages []Message
}

func (p *parser) document(doc *document) {
	if doc.skipped {
		p.messages = append(p.messages, Message{
			Name: codeDocument, Level: LevelInfo, Documents: []Ref{doc.ref},
			Text:       "Document skipped: promenade documents are not part of a site design",
			Diagnostic: "Keep it elsewhere if it is still needed.",
		})
		return
	}
	add, known := decoders[doc.kind]
	if !known || doc.version != "v1" {
		p.fail(doc, &docError{reason: fmt.Sprintf("kind %q in version %q is not known", shorten(doc.kind), shorten(doc.version))})
		return
	}
	if violations := schemas[doc.kind].check(doc.data, "data", doc.older, nil); len(violations) > 0 {
		p.violations(doc, violations)
		return
	}
	switch ref := (Ref{doc.kind, doc.name}); {
	case doc.name == "":
		p.fail(doc, &docError{unexpected: true, reason: "metadata.name is missing"})
	case p.seen[ref]:
		p.fail(doc, &docError{reason: "another " + doc.kind + " has the same name"})
	default:
		p.seen[ref] = true
		if err := add(p.site, doc); err != nil {
			p.fail(doc, err)
		}
	}
}

func (p *parser) fail(doc *document, err *docError) {
	p.messages = append(p.messages, documentError(doc.ref, err))
}

// violations reports what the schema found: one message each, or for the older
// form, which Drydock reads without a schema, one that the document is
// unusable.
func (p *parser) violations(doc *document, found []string) {
	if doc.older {
		p.fail(doc, &docError{reason: strings.Join(shortList(found), "; ")})
		return
	}
	const most = 1000
	for i, text := range found {
		if i == most {
			text = fmt.Sprintf("and %d more", len(found)-most)
		}
		p.messages = append(p.messages, Message{
			Name:       codeSchema,
			Text:       doc.kind + ":" + doc.version + " schema validation error: " + text,
			Error:      true,
			Level:      LevelError,
			Diagnostic: "Compare the document with the fields that its kind has.",
			Documents:  []Ref{doc.ref},
		})
		if i == most {
			return
		}
	}
}
