package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name      string
		fragments map[string]string
		want      string // part of the document
		wantErr   string // part of the error
	}{
		{
			name: "paths, kinds of component and tags join",
			fragments: map[string]string{
				"00-root.yaml": "openapi: 3.0.3\ntags:\n  - name: a\npaths:\n  /a: {}\ncomponents:\n  schemas:\n    A: {}\n",
				"10-b.yaml":    "tags:\n  - name: b\npaths:\n  /b: {}\ncomponents:\n  schemas:\n    B: {} # kept\n",
			},
			want: "tags:\n  - name: a\n  - name: b\npaths:\n  /a: {}\n  /b: {}\ncomponents:\n  schemas:\n    A: {}\n    B: {} # kept\n",
		},
		{
			name: "what joins an empty map stands in lines of its own",
			fragments: map[string]string{
				"00-root.yaml": "openapi: 3.0.3\npaths: {}\n",
				"10-b.yaml":    "x-area: b\npaths:\n  /b:\n    get: {summary: s}\n",
			},
			want: "paths:\n  /b:\n    get:\n      summary: s\n      x-area: b\n",
		},
		{
			name: "an operation that needs space answers 507 in the form of its 503",
			fragments: map[string]string{
				"00-root.yaml": "x-area: a\npaths:\n  /a:\n    post: {x-needs-space: true, responses: {\"503\": {$ref: \"#/r/OldServiceUnavailable\"}}}\n",
			},
			want: `"507": {$ref: "#/r/OldInsufficientStorage"}`,
		},
		{
			name: "an operation that needs space and says nothing of 503",
			fragments: map[string]string{
				"00-root.yaml": "x-area: a\npaths:\n  /a:\n    post: {x-needs-space: true, responses: {}}\n",
			},
			wantErr: "post /a: x-needs-space needs a response 503",
		},
		{
			name: "a reference that is nullable becomes a choice, and keeps its Go type",
			fragments: map[string]string{
				"00-root.yaml": "components:\n  schemas:\n    A: {type: object}\n    B: {properties: {a: {allOf: [{$ref: \"#/components/schemas/A\"}], nullable: true}}}\n",
			},
			want: "a: {type: object, anyOf: [{$ref: \"#/components/schemas/A\"}, {type: object, nullable: true, enum: [null]}], nullable: true, x-go-type: A}",
		},
		{
			name: "any value is not called nullable, and an example may be",
			fragments: map[string]string{
				"00-root.yaml": "components:\n  schemas:\n    A: {nullable: true, example: {nullable: true}}\n    B: {type: string, nullable: true}\n",
			},
			want: "A: {x-nullable: true, example: {nullable: true}}\n    B: {type: string, nullable: true}\n",
		},
		{
			name: "a reference to a schema without a type cannot be nullable",
			fragments: map[string]string{
				"00-root.yaml": "components:\n  schemas:\n    A: {}\n    B: {allOf: [{$ref: \"#/components/schemas/A\"}], nullable: true}\n",
			},
			wantErr: "A has no type",
		},
		{
			name: "words describe what says nothing of itself, and a reference inside an allOf",
			fragments: map[string]string{
				"00-root.yaml": "components:\n  schemas:\n    A: {properties: {a: {type: string}, b: {$ref: r}, c: {type: string, description: own}}}\n",
				"words.yaml":   "- schemas: [A]\n  words: {a: x, b: y}\n",
			},
			want: "{a: {type: string, description: \"x\"}, b: {allOf: [{$ref: r}], description: \"y\"}, c: {type: string, description: own}}",
		},
		{
			name: "an error shows its own case",
			fragments: map[string]string{
				"00-root.yaml": "x-area: a\nx-problems: {resource-not-found: {}}\npaths:\n  /a/{id}:\n    parameters: [{name: id, in: path, example: 7}]\n    get:\n      operationId: getA\n      responses: {\"404\": {$ref: \"#/components/responses/NotFound\"}}\n" +
					"components:\n  responses:\n    NotFound: {content: {application/problem+json: {schema: {$ref: \"#/components/schemas/Problem\"}}}}\n" +
					"    UnsupportedMediaType: {content: {}}\n    HeaderTooLarge: {content: {}}\n  schemas:\n    Problem: {properties: {id: {type: string}}}\n",
				"cases.yaml": "getA:\n  \"404\": {detail: a 7 does not exist}\n",
			},
			want: "instance: /a/7, code: 404, reason: a 7 does not exist",
		},
		{
			name: "a case of no operation",
			fragments: map[string]string{
				"00-root.yaml": "x-problems: {}\npaths: {}\ncomponents: {responses: {}, schemas: {Problem: {properties: {id: {}}}}}\n",
				"cases.yaml":   "getB:\n  \"404\": {detail: x}\n",
			},
			wantErr: "getB declares no 404",
		},
		{
			name: "one schema twice names both places",
			fragments: map[string]string{
				"00-root.yaml": "components:\n  schemas:\n    A: {}\n",
				"10-b.yaml":    "\ncomponents:\n  schemas:\n    A: {}\n",
			},
			wantErr: `10-b.yaml:4: "A" stands in`,
		},
		{
			name: "two verbs of one path in two files do not join",
			fragments: map[string]string{
				"00-root.yaml": "x-area: a\npaths:\n  /a:\n    get: {}\n",
				"10-b.yaml":    "x-area: b\npaths:\n  /a:\n    post: {}\n",
			},
			wantErr: `"/a" stands in`,
		},
		{
			name: "aliases and merge keys are written out",
			fragments: map[string]string{
				"00-root.yaml": "components:\n  schemas:\n    A: &a\n      x: 1\n    B: *a\n    C:\n      y: 2\n      <<: *a\n",
			},
			want: "    A:\n      x: 1\n    B:\n      x: 1\n    C:\n      y: 2\n      x: 1\n",
		},
		{
			name: "operations of no area",
			fragments: map[string]string{
				"00-root.yaml": "paths:\n  /a:\n    get: {}\n",
			},
			wantErr: "x-area is missing",
		},
		{
			name: "a list with a cursor takes its second name and has a Link",
			fragments: map[string]string{
				"00-root.yaml": "x-area: a\npaths:\n  /a:\n    get:\n      parameters:\n        - {$ref: \"#/components/parameters/Cursor\"}\n      responses:\n        \"200\": {description: d}\n",
			},
			want: "        - {$ref: \"#/components/parameters/Cursor\"}\n        - {$ref: \"#/components/parameters/PageCursor\"}\n      responses:\n        \"200\": {description: d, headers: {Link: {$ref: \"#/components/headers/Link\"}}}\n        \"415\":",
		},
		{
			name: "431 is not written at an operation",
			fragments: map[string]string{
				"00-root.yaml": "x-area: a\npaths:\n  /a:\n    get:\n      responses: {\"431\": {description: d}}\n",
			},
			wantErr: "get /a: 431 can come of every operation",
		},
		{name: "an empty folder is an error", wantErr: "no fragment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			dir := t.TempDir()
			for name, text := range tt.fragments {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out := filepath.Join(dir, "slipway.yaml")
			err := run(dir, out)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("run: error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatalf("run: %v", err)
			}
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), mark) || !strings.Contains(string(got), tt.want) {
				t.Errorf("run wrote\n%s\nwant the mark and\n%s", got, tt.want)
			}
		})
	}
}

// TestRun_JSON: the JSON says what the YAML says, whatever YAML's rules make of a
// word, and in the same order.
func TestRun_JSON(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	fragment := "z: 1\na: [yes, 'yes', 1.50, \"1.50\", null, ~, true, 2026-01-15, 0x10, {}, []]\n200: <b>\nlong: |\n  two\n  lines\n"
	if err := os.WriteFile(filepath.Join(dir, "00-root.yaml"), []byte(fragment), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, filepath.Join(dir, "slipway.yaml")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "slipway.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "z": 1,
 "a": [
  "yes",
  "yes",
  1.5,
  "1.50",
  null,
  null,
  true,
  "2026-01-15",
  16,
  {},
  []
 ],
 "200": "<b>",
 "long": "two\nlines\n"
}
`
	if string(got) != want {
		t.Errorf("run wrote\n%s\nwant\n%s", got, want)
	}
}
