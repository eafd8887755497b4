package bootfiles

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// jinjaCases are templates with what Jinja2 itself makes of them.
type jinjaCases struct {
	Context map[string]any
	Cases   []struct {
		Template string
		Out      string
		Fails    bool
	}
}

func readJinjaCases(tb testing.TB) jinjaCases {
	tb.Helper()
	raw, err := os.ReadFile("testdata/jinja_cases.json")
	if err != nil {
		tb.Fatal(err)
	}
	var c jinjaCases
	if err := json.Unmarshal(raw, &c); err != nil {
		tb.Fatal(err)
	}
	node := c.Context["node"].(map[string]any)
	node["interfaces"].(map[string]any)["b"].(map[string]any)["vf_count"] = 4 // JSON made it a float
	for name, about := range c.Context {
		c.Context[name] = inOrder(about)
	}
	return c
}

// inOrder makes mappings of maps, as a context has them.
func inOrder(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	var entries []entry
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entries = append(entries, entry{key, inOrder(m[key])})
	}
	return mapping(entries...)
}

func TestExpand_as_Jinja2(t *testing.T) {
	t.Parallel()

	file := readJinjaCases(t)
	lim := DefaultLimits
	lim.Time = time.Hour // the machine may be busy with other tests
	for _, tt := range file.Cases {
		t.Run(tt.Template, func(t *testing.T) {
			t.Parallel()

			got, err := expand(t.Context(), lim, tt.Template, file.Context)
			if (err != nil) != tt.Fails || got != tt.Out {
				t.Errorf("expand(%q) = %q, %v; Jinja2 says %q, fails %v", tt.Template, got, err, tt.Out, tt.Fails)
			}
		})
	}
}

// TestExpand_stops_hostile_templates holds templates that would fill the memory,
// run for ever or overflow the stack. Each must fail for the reason given, soon.
func TestExpand_stops_hostile_templates(t *testing.T) {
	t.Parallel()

	double := "{% set a = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}" + strings.Repeat("{% set a = a ~ a %}", 40)
	tests := []struct{ name, template, want string }{
		{"a range of millions", "{% for i in range(3000000) %}{{ i }}{% endfor %}", "a range has more than 4096 entries"},
		{"a backward range", "{{ range(0, -99999, -1) | length }}", "a range has more than 4096 entries"},
		{"nested loops", "{% for a in range(4000) %}{% for b in range(4000) %}{% for c in range(4000) %}{% endfor %}{% endfor %}{% endfor %}", "it takes too many steps"},
		{"a costly condition", "{% for a in range(4000) %}{% for b in range(4000) if b in [-1] %}{% endfor %}{% endfor %}", "it takes too many steps"},
		{"a loop over a long text", "{% for a in 'x' * 1024 %}{% for b in 'x' * 1024 %}{% endfor %}{% endfor %}", "it takes too many steps"},
		{"a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call each other too deeply"},
		{"macros that call each other twice", "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(30) }}", "it takes too many steps"},
		{"a macro through its caller", "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}", "macros call each other too deeply"},
		{"a recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "line 1: recursive loops are not available"},
		{"a block that names itself", "{% block a %}{{ self.a() }}{% endblock %}", "line 1: an expression or statement fails; is something undefined?"},
		{"a variable that doubles", double, "a value grows too large"},
		{"with that doubles", "{% set a = 'x' * 1000 %}" + strings.Repeat("{% with a = a ~ a %}", 30) + strings.Repeat("{% endwith %}", 30), "a value grows too large"},
		{"an argument that doubles", "{% macro m(a) %}{{ m(a ~ a) }}{% endmacro %}{{ m('xxxxxxxxxxxxxxxx') }}", "a value grows too large"},
		{"a namespace that doubles", "{% set n = namespace(a='xxxxxxxx') %}{% for i in range(40) %}{% set n.a = n.a ~ n.a %}{% endfor %}", "a value grows too large"},
		{"lists of lists", "{% set l = [1] %}" + strings.Repeat("{% set l = [l, l] %}", 40) + "{{ l }}", "a value grows too large"},
		{"a list inside itself", "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", ""},
		{"a map inside itself", "{% set n = namespace() %}{% set n.a = n %}{{ n }}", "a value grows too large"},
		{"a block of text in a variable", "{% set x %}" + strings.Repeat("y", 70000) + "{% endset %}", "a value grows too large"},
		{"a repeated text", "{{ 'x' * 1000000000 }}", "line 1: a text may only be repeated by a number written in the template; if this is a number, write it with |int"},
		{"a text repeated in steps", "{{ 'x' * 1000 * 1000 * 1000 }}", "line 1: a text may be repeated at most 1024 times; if this is a number, write it with |int"},
		{"a text repeated by a variable", "{% set n = 1000000000 %}{{ 'x' * n }}", "line 1: a text may only be repeated by a number written in the template; if this is a number, write it with |int"},
		{"a text repeated by a made number", "{{ 'x' * 5|replace('5', '999999999') }}", "line 1: a text may only be repeated by a number written in the template; if this is a number, write it with |int"},
		{"an index repeated", "{{ node.tags.0 * 999999999 }}", "line 1: a text may only be repeated by a number written in the template; if this is a number, write it with |int"},
		{"a repetition of a negative length", "{{ 'x' * -5 }}", "line 1: a text may only be repeated by a number written in the template; if this is a number, write it with |int"},
		{"replace that multiplies", "{% set a = 'x' * 1000 %}{{ a|replace('x', a * 10) }}", "a value grows too large"},
		{"join that multiplies", "{% set a = 'x' * 1000 %}{{ a|join(a * 10) }}", "a value grows too large"},
		{"the method join", "{% set a = 'x' * 1000 %}{{ (a * 10).join(a.split('')) }}", ""},
		{"a wide center", "{{ 'a'|center(1000000000) }}", "center with a number above 1000"},
		{"a wide method", "{{ 'a'.ljust(1000000000) }}", "ljust with a number above 1000"},
		{"a wide format", "{{ '%1000000000d'|format(1) }}", "a format asks for a width above 999"},
		{"a format with a star", "{{ '%*d'|format(1000000000, 1) }}", "a format asks for a width above 999"},
		{"the other format", "{{ '{:>1000000000}'.format(1) }}", "a format asks for a width above 999"},
		{"the other format, computed", "{{ '{:>{}}'.format(1, 1000000000) }}", "a format asks for a width above 999"},
		{"a batch of millions", "{{ [1]|batch(100000000, 'x')|list }}", "batch with a number above 1000"},
		{"much output", "{% for i in range(4000) %}{{ 'x' * 1024 }}{{ 'x' * 1024 }}{% endfor %}", "it writes too much"},
		{"much output into variables", "{% for i in range(4000) %}{% for j in range(10) %}{% set x %}{% for k in [1] %}" + strings.Repeat("z", 1000) + "{% endfor %}{% endset %}{% endfor %}{% endfor %}", "it writes too much"},
		{"deep brackets", "{{ " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) + " }}", "line 1: brackets are nested deeper than 32 levels"},
		{"deep lists", "{{ " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + " }}", "line 1: brackets are nested deeper than 32 levels"},
		{"a long chain of not", "{{ " + strings.Repeat("not ", 60000) + "1 }}", "line 1: a tag has more than 2000 tokens"},
		{"a long sum", "{{ 1" + strings.Repeat("+1", 60000) + " }}", "line 1: a tag has more than 2000 tokens"},
		{"deep statements", strings.Repeat("{% if 1 %}", 20000), "line 1: the template has more than 5000 tags"},
		{"a long template", strings.Repeat("x", 300<<10), "the template has 307200 bytes, at most 262144 are allowed"},
		{"a file of the server", "{% include '/etc/passwd' %}", `line 1: there is no statement "include" here`},
		{"its own name", "{% include 'template' %}", `line 1: there is no statement "include" here`},
		{"comparisons in a chain", "{{ 1 < node.tags|length < 3 }}", "line 1: comparisons cannot be chained here; join them with and"},
		{"a power", "{{ 2 ** 10 }}", "line 1: ** is not available; multiply"},
		{"the old way to format", "{{ '%s' % node.hostname }}", "line 1: write a text % values as text | format(values)"},
		{"a remainder by zero", "{{ 1 % 0 }}", "a division by zero"},
		{"a division by zero", "{{ 1 / 0 }}", "a division by zero"},
		{"a text and a number", "{{ node.labels.count + 1 }}", "an operator has operands that do not fit; numbers are made of texts with |int, and texts of numbers with |string or ~"},
		{"a number and nothing", "{{ 1 + nope }}", "an operator has operands that do not fit; numbers are made of texts with |int, and texts of numbers with |string or ~"},
		{"numbers that overflow", "{{ 9223372036854775807 + 1 }}", "a number is too large"},
		{"a list that has no name", "{% set _ = node.tags.append('x') %}", "a list must be named with set before it is changed"},
		{"a format that lacks a value", "{{ '%s %s' | format('a') }}", "line 1: an expression or statement fails; is something undefined?"},
		{"an unknown filter in map", "{{ node.tags | map('nope') | list }}", "line 1: an expression or statement fails; is something undefined?"},
		{"a list in itself", "{% set l = [] %}{% set _ = l.append([l]) %}{{ l }}", "a list or mapping cannot hold itself"},
		{"a mapping in itself", "{% set d = {} %}{% set _ = d.update(x={'y': [d]}) %}{{ d }}", "a list or mapping cannot hold itself"},
		{"a list and a mapping in each other", "{% set d = {} %}{% set l = [d] %}{% set _ = d.update(l=l) %}{{ d }}", "a list or mapping cannot hold itself"},
	}
	vars := readJinjaCases(t).Context
	lim := DefaultLimits
	lim.Time = time.Hour // the other bounds must do
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			out, err := expand(t.Context(), lim, tt.template, vars)
			if err == nil {
				if tt.want != "" {
					t.Fatalf("expand gives %d bytes, want the error %q", len(out), tt.want)
				}
				return
			}
			if got := strings.TrimPrefix(err.Error(), "the template cannot be rendered: "); tt.want != "" && got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExpand_time_and_cancel(t *testing.T) {
	t.Parallel()

	endless := "{% for a in range(4000) %}{% for b in range(4000) %}{% endfor %}{% endfor %}"
	lim := DefaultLimits
	lim.Steps, lim.Time = 1<<40, time.Millisecond
	if _, err := expand(t.Context(), lim, endless, nil); !errors.Is(err, errTime) {
		t.Errorf("after the time limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lim.Time = time.Hour
	if _, err := expand(ctx, lim, endless, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

func TestExpand_errors_keep_secrets(t *testing.T) {
	t.Parallel()

	vars := map[string]any{"action": map[string]any{"action_key": "s3cret-key"}, "node": map[string]any{}}
	for _, text := range []string{
		"{{ action.action_key.nope() }}", "{{ action.action_key | int('x') }}", "{{ action.action_key.a.b }}",
		"{{ action.action_key - [1] }}", "s3cret-key {{", "{% if s3cret-key %}", "{{ nope[action.action_key] }}",
	} {
		if _, err := expand(t.Context(), DefaultLimits, text, vars); err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("expand(%q): the error repeats the key: %v", text, err)
		}
	}
}

// TestExpand_numbers shows that arithmetic is not taken for repetition.
func TestExpand_numbers(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"{{ 4 * 1024 * 1024 }}":                       "4194304",
		"{{ node.labels.count | int * 1024 * 1024 }}": "3145728",
		"{{ node.tags | length * 100000 }}":           "200000",
		"{{ 'a' ~ 2 * 5000 }}":                        "a10000",
		"{% for t in node.tags if t != 'gpu' %}{{ t }}{{ loop.index }}{% endfor %}": "lab1",
		"{{ 'ab' * 3 }}": "ababab",
		"{% macro m(*rest) %}{{ rest | length }}{% endmacro %}{{ m(1, 2) }}": "2",
	} {
		if got, err := expand(t.Context(), DefaultLimits, text, readJinjaCases(t).Context); err != nil || got != want {
			t.Errorf("expand(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

// allocated is how much memory was asked for since the start, garbage included.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func FuzzExpand(f *testing.F) {
	file := readJinjaCases(f)
	for _, c := range file.Cases {
		f.Add(c.Template)
	}
	lim := DefaultLimits
	lim.Template, lim.Output, lim.Value, lim.Steps, lim.Time = 4096, 1<<16, 4096, 2000, 500*time.Millisecond
	lim.Memory = 1 << 20
	for _, b := range bombs {
		f.Add(b.template)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start, before := time.Now(), allocated()
		out, err := expand(t.Context(), lim, text, file.Context)
		if made := allocated() - before; made > allocationFactor*mostHeap {
			t.Errorf("expand makes %d MiB, at most %d are allowed", made>>20, mostHeap>>20)
		}
		if took := time.Since(start); took > await.Limit {
			t.Errorf("expand took %s", took)
		}
		if err == nil && len(out) > lim.Output {
			t.Errorf("expand gives %d bytes", len(out))
		}
	})
}

func FuzzPipeline(f *testing.F) {
	f.Add("aGVsbG8=", uint8(0), uint8(2))
	f.Add("é", uint8(1), uint8(3))
	segments := []string{Base64Decode, Base64Encode, UTF8Decode, UTF8Encode}
	f.Fuzz(func(t *testing.T, text string, a, b uint8) {
		asset := Asset{Path: "/f", Data: text, DataPipeline: []string{segments[a%4], segments[b%4]}}
		got, err := new(Renderer).File(t.Context(), asset, Context{})
		if err == nil && a%4 == 1 && b%4 == 0 && string(got.Data) != text {
			t.Errorf("encoding and decoding %q gives %q", text, got.Data)
		}
	})
}

func FuzzParsePackages(f *testing.F) {
	f.Add([]byte(`{"a": null, "b": "1-1"}`))
	f.Add([]byte("a: ~\nb: '1'\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if list, err := parsePackages(raw, 10); err == nil && len(list) > 10 {
			t.Errorf("parsePackages(%q) gives %d entries", raw, len(list))
		}
	})
}

func BenchmarkRenderer_File(b *testing.B) {
	assets := siteAssets(b, "announce")
	c := readSample(b).context("cedar-n02")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := new(Renderer).File(b.Context(), assets[0], c); err != nil {
			b.Fatal(err)
		}
	}
}
