package design

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// documentsOf writes each document of a stream that is cut into pieces of that
// size again, with its line and without its comments, which nobody reads.
func documentsOf(text []byte, size int) (docs []string, err error) {
	err = eachDocument(text, size, func(doc *yaml.Node, before int) error {
		withoutComments(doc)
		raw, err := yaml.Marshal(doc)
		docs = append(docs, fmt.Sprintf("%d %s", before+doc.Line, raw))
		return err
	})
	return docs, err
}

func withoutComments(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		withoutComments(c)
	}
}

// uncut is larger than any stream here.
const uncut = 1 << 30

func stream(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&out, "--- # %d\na: &x [1, {b: 'two\n  lines'}]\nc: |\n  text\n   --- not a marker\n  ---- neither\nd: *x\n", i)
		if i%7 == 0 {
			out.WriteString("...\n")
		}
	}
	return out.Bytes()
}

func TestStream_cut_or_whole_is_the_same(t *testing.T) {
	t.Parallel()

	text := stream(500)
	want, err := documentsOf(text, uncut)
	if err != nil || len(want) != 500 {
		t.Fatal(len(want), err)
	}
	for _, size := range []int{1, 100, 5000} {
		if n := len(pieces(text, size)); n < 4 {
			t.Errorf("only %d pieces", n)
		}
		got, err := documentsOf(text, size)
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("pieces of %d bytes: other documents, %v", size, err)
		}
	}
}

func TestStream_errors_far_behind_have_their_line(t *testing.T) {
	t.Parallel()

	text := stream(2000)
	lines := bytes.Count(text, []byte("\n"))
	for tail, want := range map[string]string{
		"---\na: 1\nb: 2\na: 3\n":     "line %d: a key appears twice in one mapping",
		"---\nx\n":                    "line %d: a document must be a mapping, not a string",
		"---\na: !!python/object x\n": "line %d: uses a YAML tag that designs do not have",
	} {
		_, err := read(append(bytes.Clone(text), tail...), Limits{})
		if want := fmt.Sprintf(want, lines+bytes.Count([]byte(tail), []byte("\n"))); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", tail, err, want)
		}
	}
}

func TestStream_ends_early(t *testing.T) {
	t.Parallel()

	enough := errors.New("enough")
	if err := eachDocument(stream(500), 1, func(*yaml.Node, int) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("eachDocument: %v", err)
	}
}

// FuzzRead cuts wherever a stream can be cut.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"", "---", "a: |\n  x\n---\nb: c", "'a\n---\nb'", "[a,\n---\nb]", "%YAML 1.1\n---\na: b", "a: b\n...\n%YAML 1.1\n---\nb: c", "...\n---\n",
		"--- >\n folded\n--- x", "\r\n---\r\na: b", "a: &x 1\n--- \nb: *x\n", "a: b\n---\n---\n# c\n---\n- d\n", "\xef\xbb\xbfa: b\n---\nb: c",
		"schema: drydock/Rack/v1\nmetadata: {name: a}\ndata: {x: [1, yes]}\n--- # c\nschema: drydock/Rack/v1\nmetadata: {name: b}\n",
	} {
		f.Add(text)
	}
	lim := Limits{Depth: 20, Values: 5000}
	f.Fuzz(func(t *testing.T, text string) {
		want, wantErr := readCut([]byte(text), lim, uncut)
		got, err := readCut([]byte(text), lim, 1)
		if (err != nil) != (wantErr != nil) || len(got) != len(want) {
			t.Fatalf("cut: %d documents, %v; whole: %d, %v", len(got), err, len(want), wantErr)
		}
		for i := range want {
			if got[i].ref != want[i].ref || !reflect.DeepEqual(got[i].data.plain(), want[i].data.plain()) {
				t.Fatalf("document %d differs: %v, want %v", i, got[i], want[i])
			}
		}
	})
}
