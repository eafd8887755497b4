package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestDescribe_Unused: a word that no property needs any more is said, and so is a
// schema that is no longer there.
func TestDescribe_Unused(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	write(t, dir, "words.yaml", "- schemas: [A, C]\n  words: {a: x, b: y}\n")
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte("components:\n  schemas:\n    A: {properties: {a: {type: string}}}\n"), &doc); err != nil {
		t.Fatal(err)
	}
	wrong, err := describe(doc.Content[0], dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nobody needs the word b", "no schema C"} {
		if wrong == nil || !strings.Contains(wrong.Error(), want) {
			t.Errorf("describe says %v, which lacks %q", wrong, want)
		}
	}
}

// TestWords: all words of the document's own file are used.
func TestWords(t *testing.T) {
	t.Parallel()

	const dir = "../../../openapi"
	names, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9]-*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no fragments: %v", err)
	}
	m := merger{origin: map[*yaml.Node]string{}}
	for _, name := range names {
		if err := m.add(name); err != nil {
			t.Fatal(err)
		}
	}
	if wrong, err := describe(m.doc, dir); wrong != nil || err != nil {
		t.Error(wrong, err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
