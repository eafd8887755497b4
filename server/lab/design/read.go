package design

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Ref names a document in a message.
type Ref struct {
	Schema string // "drydock/Network/v1", also for the older form
	Name   string // "Unknown" when the document has none
}

// document is one document of the drydock namespace, or one that a message
// must be made about.
type document struct {
	ref     Ref
	kind    string
	version string
	name    string
	older   bool // apiVersion/kind/spec
	data    *value
	skipped bool // promenade's: known, and not for us
}

// read splits the text into documents. Its error is a *SyntaxError.
func read(text []byte, lim Limits) ([]document, error) { return readCut(text, lim, pieceSize) }

// readCut is read with the size of the pieces that are parsed side by side.
func readCut(text []byte, lim Limits, size int) ([]document, error) {
	lim = lim.orDefault()
	if len(text) > lim.Bytes {
		return nil, &SyntaxError{0, fmt.Sprintf("the design has %d bytes, at most %d are allowed", len(text), lim.Bytes)}
	}
	if n := separators(text); n > lim.Values {
		return nil, &SyntaxError{0, fmt.Sprintf("the design may hold more than %d values", lim.Values)}
	}
	var docs []document
	b := &builder{lim: lim, left: lim.Values}
	n := 0
	err := eachDocument(text, size, func(node *yaml.Node, before int) error {
		if n++; n > lim.Documents {
			return &SyntaxError{before + node.Line, fmt.Sprintf("the design has more than %d documents", lim.Documents)}
		}
		b.before = before
		doc, ours, err := b.document(node)
		if ours {
			docs = append(docs, doc)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return docs, nil
}

// separators counts the bytes that can start another value, which bounds what
// the YAML parser allocates before the builder can count.
func separators(text []byte) int {
	n := 0
	for _, c := range text {
		switch c {
		case '\n', ',', ':', '-', '[', '{', '?', '&', '*':
			n++
		}
	}
	return n / 2 // a value in a block takes a line break and a dash or a colon
}

// document looks at the head of a document. It answers false for one that is
// empty or belongs to another system.
func (b *builder) document(node *yaml.Node) (document, bool, error) {
	if node.Kind != yaml.DocumentNode || len(node.Content) != 1 {
		return document{}, false, nil
	}
	b.anchors = make(map[*yaml.Node]*value) // anchors end with their document
	root, err := b.build(node.Content[0], 1)
	switch {
	case err != nil:
		return document{}, false, err
	case root.kind == kindNull:
		return document{}, false, nil
	case root.kind != kindMap:
		return document{}, false, b.fault(node.Content[0], "a document must be a mapping, not "+root.kind.String())
	}
	doc, ours := head(root)
	return doc, ours, nil
}

func head(root *value) (document, bool) {
	name := root.get("metadata").get("name")
	doc := document{name: name.scalar()}
	if schema := strings.Split(root.get("schema").scalar(), "/"); len(schema) == 3 && schema[0] == "drydock" {
		doc.kind, doc.version = schema[1], schema[2]
		doc.data = root.get("data")
		doc.ref = Ref{root.get("schema").scalar(), doc.name}
	} else if root.has("schema") {
		return document{}, false
	} else {
		system, version, _ := strings.Cut(root.get("apiVersion").scalar(), "/")
		doc.kind, doc.version, doc.older = root.get("kind").scalar(), version, true
		doc.data = root.get("spec")
		doc.ref = Ref{system + "/" + doc.kind + "/" + version, doc.name}
		doc.skipped = system == "promenade"
		if system != "drydock" && !doc.skipped {
			return document{}, false
		}
	}
	if doc.ref.Name == "" {
		doc.ref.Name = "Unknown"
	}
	return doc, true
}
