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
	p := parser{site: new(Site), seen: make(map[Ref]bool), nodes: make(map[string]map[string]bool)}
	for i := range docs {
		if len(p.messages) >= maxFindings {
			p.messages = append(p.messages, Message{
				Name: codeDocument, Text: "Error processing document: further documents were not looked at", Error: true, Level: LevelError,
				Diagnostic: "Correct those above first.",
			})
			break
		}
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
	nodes    map[string]map[string]bool // the static addresses of each node
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
	if len(doc.name) > maxName {
		doc.ref.Name = shorten(doc.name)
		p.fail(doc, &docError{unexpected: true, reason: fmt.Sprintf("metadata.name has more than %d bytes", maxName)})
		return
	}
	if violations := schemas[doc.kind].check(doc.data, "data", doc.older, nil); len(violations) > 0 {
		p.violations(doc, violations)
		return
	}
	if doc.name == "" {
		p.fail(doc, &docError{unexpected: true, reason: "metadata.name is missing"})
		return
	}
	ref := Ref{doc.kind, doc.name}
	site := p.site
	if p.seen[ref] {
		site = new(Site)
	}
	if err := add(site, doc); err != nil {
		p.fail(doc, err)
		return
	}
	switch {
	case p.seen[ref]:
		p.repeated(doc, site)
	case doc.kind == "BaremetalNode":
		p.nodes[doc.name] = staticAddresses(site.Nodes[len(site.Nodes)-1])
	}
	p.seen[ref] = true
}

func staticAddresses(n *Node) map[string]bool {
	set := make(map[string]bool, len(n.Addressing))
	for _, a := range n.Addressing {
		if !a.DHCP {
			set[a.IP] = true
		}
	}
	return set
}

// repeated deals with a document whose kind and name were there before. Drydock
// keeps both and looks up the first, so the second does not count; of two Regions
// it keeps the last. Two nodes of one name would be two machines that nobody can
// tell apart: they are refused, by the rule about addresses when they share
// one, which is what Drydock says of them.
func (p *parser) repeated(doc *document, again *Site) {
	switch {
	case again.Region != nil:
		p.site.Region = again.Region
		p.note(doc, "Document replaces an earlier one of the same kind and name")
	case again.Nodes == nil:
		p.note(doc, "Document skipped: the first of the same kind and name counts")
	case shared(p.nodes[doc.name], staticAddresses(again.Nodes[0])):
		p.site.repeated = append(p.site.repeated, again.Nodes[0])
	default:
		p.fail(doc, &docError{reason: "another " + doc.kind + " has the same name"})
	}
}

func shared(a, b map[string]bool) bool {
	for key := range b {
		if a[key] {
			return true
		}
	}
	return false
}

func (p *parser) note(doc *document, text string) {
	p.messages = append(p.messages, Message{
		Name: codeDocument, Level: LevelInfo, Documents: []Ref{doc.ref}, Text: text,
		Diagnostic: "Give each document of a kind a name of its own.",
	})
}

func (p *parser) fail(doc *document, err *docError) {
	p.messages = append(p.messages, documentError(doc.ref, err))
}

// maxName is how long the name of a document may be. Every message about it
// repeats the name.
const maxName = 512

// violations reports what the schema found: one message each, or for the older
// form, which Drydock reads without a schema, one that the document is
// unusable.
func (p *parser) violations(doc *document, found []string) {
	if doc.older {
		p.fail(doc, &docError{reason: strings.Join(shortList(found), "; ")})
		return
	}
	for i, text := range found[:min(len(found), maxViolations+1)] {
		if i == maxViolations {
			text = "and more"
		}
		p.messages = append(p.messages, Message{
			Name:       codeSchema,
			Text:       doc.kind + ":" + doc.version + " schema validation error: " + text,
			Error:      true,
			Level:      LevelError,
			Diagnostic: "Compare the document with the fields that its kind has.",
			Documents:  []Ref{doc.ref},
		})
	}
}
