package bootfiles

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

const (
	mostHeap = 64 << 20
	mostTime = 2 * time.Second
)

// text makes the variables a (1 KiB) and b (just what a variable may hold).
const text = "{% set a = 'x' * 1024 %}{% set b = (a * 63)|replace('!', '') %}"

// lines makes the variable n of 60 000 line breaks.
const lines = `{% set n = ('\n' * 1000) %}{% set n = n|replace('\n', '\n' * 60) %}`

func many(text string, times int) string { return strings.Repeat(text, times) }

// bombs are templates that multiply: each by something else, where it can with a
// filter, method or operator at its widest.
var bombs = []struct{ name, template string }{
	{"repeated ~", text + "{{ " + many("b ~ ", 900) + "b }}"},
	{"repeated +", text + "{{ " + many("b + ", 900) + "b }}"},
	{"repeated ~ in a loop", text + "{% for i in range(4000) %}{% if b ~ b ~ b ~ b ~ b ~ b %}{% endif %}{% endfor %}"},
	{"~ of lists", text + "{% set l = [b] %}{{ " + many("l ~ ", 900) + "l }}"},
	{"+ of lists", "{% set l = range(4000)|list %}{{ (" + many("l + ", 900) + "l)|length }}"},
	{"* of a text", text + "{{ (b * 1000)|length }}"},
	{"* of a made text", text + "{{ (b|upper * 1000)|length }}"},
	{"nested loops that print", text + many("{% for i in range(4000) %}", 8) + "{{ b }}" + many("{% endfor %}", 8)},
	{"nested loops that hold their lists", many("{% for i in range(4096) %}", 95) + "x" + many("{% endfor %}", 95)},
	{"a loop over a text that was made", text + "{% for c in b ~ b ~ b ~ b ~ b ~ b %}{% endfor %}"},
	{"indent of line breaks", lines + "{{ n|indent(1000, true, true) }}"},
	{"indent by a text", text + lines + "{{ n|indent(b, true, true) }}"},
	{"indent again and again", lines + "{{ n" + many("|indent(30, true, true)", 100) + " }}"},
	{"replace of each character", text + "{{ b|replace('x', b) }}"},
	{"replace of nothing", text + "{{ b|replace('', b) }}"},
	{"the method replace", text + "{{ b.replace('x', b) }}"},
	{"replace in map", text + "{{ range(4000)|map('string')|map('replace', '1', b)|list|length }}"},
	{"join of characters", text + "{{ b|join(b) }}"},
	{"join of a list", text + "{{ range(4000)|join(b) }}"},
	{"join by an attribute", text + "{{ [{'a': b}]|join(b, 'a') }}"},
	{"the method join", text + "{{ b.join(range(4000)|map('string')|list) }}"},
	{"center in map", "{{ range(4000)|map('center', 1000)|list|length }}{{ range(4000)|map('center', 1000)|map('center', 1000)|list|length }}" + many("{{ range(4000)|map('center', 1000)|join }}", 40)},
	{"center by a text of digits", "{{ 'x'|center('1000000000') }}"},
	{"ljust, rjust and zfill in a loop", "{% for i in range(4000) %}{% for j in range(20) %}{% if 'x'.ljust(1000) ~ 'x'.rjust(1000) ~ 'x'.zfill(1000) %}{% endif %}{% endfor %}{% endfor %}"},
	{"expandtabs", `{% set t = '\t' * 1024 %}{{ (t * 60).expandtabs(1000) }}`},
	{"a format that repeats its argument", text + "{% set f = '%[1]s' * 1000 %}{{ f|format(b) }}"},
	{"the other format that repeats", text + "{% set f = '{0}' * 1000 %}{{ f.format(b) }}"},
	{"a format of widths", "{% set f = '%999d' * 1000 %}{{ (f ~ f ~ f ~ f ~ f ~ f ~ f ~ f)|format(1) }}"},
	{"format_map", text + "{% set f = '{a}' * 1000 %}{{ f.format_map({'a': b}) }}"},
	{"the old way to format", "{{ '%999999999d' % 1 }}"},
	{"list of a text", text + "{{ (b ~ b ~ b ~ b ~ b ~ b ~ b ~ b)|list|length }}"},
	{"lists kept in many variables", "{% set l = range(2000)|list %}" + many("{% set l = l|list %}", 2500)},
	{"texts kept in many variables", text + manyVariables(1200)},
	{"split into characters", text + "{{ (b ~ b ~ b ~ b).split('x')|length }}"},
	{"splitlines", lines + "{{ (n ~ n ~ n ~ n ~ n ~ n).splitlines()|length }}"},
	{"batch with a heavy filling", text + "{{ [1]|batch(1000, b)|list|string|length }}"},
	{"slice with a heavy filling", text + "{{ [1]|slice(1000, b)|list|string|length }}"},
	{"batch of a text", text + "{{ (b ~ b ~ b ~ b ~ b)|batch(1)|list|length }}"},
	{"batch by a text of digits", "{{ [1]|batch('1000000000', 'x')|list }}"},
	{"tojson with a wide indent", "{% set l = range(2000)|list %}{% set l = [[[[[[[[[[[[[[[[[[[[[[l]]]]]]]]]]]]]]]]]]]]]] %}{{ l|tojson(indent=1000) }}"},
	{"tojson of characters that it escapes", text + "{% set q = b|replace('x', '<') %}{{ (q ~ q ~ q ~ q ~ q ~ q ~ q)|tojson }}"},
	{"escape of characters", text + "{% set q = b|replace('x', '<') %}{% for i in range(4000) %}{% if q|e|e|e|e|e|e %}{% endif %}{% endfor %}"},
	{"urlize with a long rel", text + "{% set u = 'http://a.b ' * 1000 %}{{ u|urlize(rel=b) }}"},
	{"xmlattr", text + "{% for i in range(4000) %}{% if {'a': b, 'b': b, 'c': b}|xmlattr %}{% endif %}{% endfor %}"},
	{"urlencode", text + "{% set q = b|replace('x', '<') %}{% for i in range(4000) %}{% if q|urlencode|urlencode|urlencode %}{% endif %}{% endfor %}"},
	{"sort by a long path", text + "{{ range(4000)|sort(attribute='a,' * 1000)|length }}"},
	{"sort by a long path in its place", text + "{{ range(4000)|sort(false, false, 'a,' * 1000)|length }}"},
	{"sort again and again", "{% set l = range(4000)|list %}{{ l" + many("|sort(reverse=true)|sort", 200) + "|length }}"},
	{"sort of a text", text + "{% for i in range(4000) %}{% if b|sort %}{% endif %}{% endfor %}"},
	{"unique of a text", text + "{% for i in range(4000) %}{% if b|unique|list %}{% endif %}{% endfor %}"},
	{"groupby with a long path", "{{ range(4000)|groupby('a.' * 1000)|length }}"},
	{"select in a large list", "{% set l = range(4000)|list %}{% for i in range(4000) %}{{ l|select('in', l)|list|length }}{% endfor %}"},
	{"in of lists of mappings", "{% set d = dict() %}{% for i in range(1500) %}{% set _ = d.update({i|string: i}) %}{% endfor %}{% set e = d.copy() %}{{ e in [" + many("d, ", 60) + "d] }}"},
	{"comparisons of large lists", text + "{% set l = range(4000)|list %}{% for i in range(4000) %}{% if [l, l, l] == [l, l, l] %}{% endif %}{% endfor %}"},
	{"range", "{{ range(1000000000)|list }}"},
	{"ranges in a list", "{{ [" + many("range(4096), ", 300) + "1]|string|length }}"},
	{"ranges to the end of numbers", "{{ range(5, 9223372036854775807, 9223372036854775800)|list }}"},
	{"a slice whose step overflows", "{{ 'abcdefghij'[5::9223372036854775807] }}"},
	{"a slice of a list whose step overflows", "{{ (range(9)|list)[5::9223372036854775807] }}"},
	{"slices of slices", text + "{{ b" + many("[::-1]", 300) + "|length }}"},
	{"a macro that calls itself", "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('x') }}"},
	{"a macro that calls itself in deep statements", "{% macro m() %}" + many("{% if 1 %}", 2000) + "{{ m() }}" + many("{% endif %}", 2000) + "{% endmacro %}{{ m() }}"},
	{"a macro that keeps text at each level", text + "{% macro m(x) %}{% set y = x|upper %}{{ m(y) ~ m(y) }}{% endmacro %}{{ m(b) }}"},
	{"callers in callers", text + "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}" + many("{% call m() %}", 40) + "{{ b }}" + many("{% endcall %}", 40)},
	{"a body of filter that writes", text + "{% filter upper %}" + many("{{ b }}", 4000) + "{% endfilter %}"},
	{"a body of set that writes", text + "{% set y %}" + many("{{ b }}", 4000) + "{% endset %}"},
	{"filters around filters", lines + many("{% filter indent(1000, true, true) %}", 50) + "{{ n }}" + many("{% endfilter %}", 50)},
	{"an exponent", "{{ 10 ** 10 ** 9 }}"},
	{"numbers that overflow", "{{ 9999999999 * 9999999999 * 9999999999 }}"},
	{"a number with a huge exponent", "{{ 1e308 * 10 }}{{ '1e308'|float }}{{ '1e999999999'|float }}{{ 1.5|round(1000000000) }}{{ '9'|int(base=1000000000) }}"},
	{"growth behind a list's back", "{% set a = [] %}{% set c = [" + many("a, ", 900) + "a] %}{% for i in range(3000) %}{% set _ = a.append('x' * 10) %}{% endfor %}{% set d = [c, c] %}{{ c }}{{ c.copy() }}{{ d }}"},
	{"growth behind a mapping's back", "{% set a = {} %}{% set c = [" + many("a, ", 900) + "a] %}{% for i in range(1500) %}{% set _ = a.update({i|string: 'x' * 20}) %}{% endfor %}{{ c.copy() }}"},
	{"lists of lists", "{% set l = ['x' * 1000] %}" + many("{% set l = l + l %}", 40) + "{{ l }}"},
	{"a long chain of methods", "{{ 'x'" + many(".upper()", 60) + " }}"},
	{"wordwrap", "{% set w = 'x ' * 1024 %}{{ (w * 30)|wordwrap(1)|length }}{{ (w * 30)|wordwrap(1000)|length }}"},
	{"pprint and string", text + "{% for i in range(4000) %}{% if [b, b, b]|pprint ~ [b, b, b]|string %}{% endif %}{% endfor %}"},
	{"dictsort and items", "{% set d = dict() %}{% for i in range(1500) %}{% set _ = d.update({i|string: i}) %}{% endfor %}{% for i in range(4000) %}{% if d|dictsort ~ d|items %}{% endif %}{% endfor %}"},
	{"cyclers that hold text", text + "{% for i in range(4000) %}{% set c = cycler(b ~ i, b ~ i) %}{% endfor %}"},
	{"many operators", many("{{ a"+many("+a", 980)+" }}", 10)},
	{"many lists", many("{{ ["+many("[],", 600)+"] }}", 11)},
	{"many conditions", many("{{ "+many("a if a else ", 480)+"a }}", 10)},
	{"more tokens than are allowed", many("{{ "+many("a if a else ", 480)+"a }}", 45)},
	{"many methods", many("{{ ["+many("a.b(),", 320)+"] }}", 10)},
	{"many tags", many("{{a~a}}", 4900)},
	{"many quotes", "{{ '" + many(`\\'`, 100000) + "' }}"},
	{"many unfinished tags", many("{{", 100000)},
	{"many macros", many("{% macro m() %}{{ 1 }}{% endmacro %}", 1600)},
	{"the bomb of 254 bytes", "{% set a='\\n'*1024 %}{% set a=a|replace('\\n','\\n'*60) %}{% for i in range(4000) %}{% for j in range(4000) %}{% set c=a|indent(999,true,true)~a|indent(999,true,true) %}{{ c|replace('\\n',c)|indent(999)|join(c)|center(999)|list|tojson }}{% endfor %}{% endfor %}"},
}

func manyVariables(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString("{% set v")
		out.WriteString(strings.Repeat("i", i/100+1))
		out.WriteString("_")
		out.WriteString(strings.Repeat("j", i%100))
		out.WriteString(" = b ~ 1 %}")
	}
	return out.String()
}

// heap watches how much memory objects take while f runs, beyond what they took
// before. It counts garbage, too, as the system does.
func heap(f func()) (most int64) {
	sample := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64() + s[1].Value.Uint64())
	}
	runtime.GC()
	before := sample()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, sample()-before)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(stop)
	<-done
	return max(most, sample()-before)
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestExpand_bombs is not parallel: it measures the memory of the whole process.
func TestExpand_bombs(t *testing.T) {
	vars := readJinjaCases(t).Context
	lim := DefaultLimits
	lim.Time = time.Second
	for _, tt := range bombs {
		t.Run(tt.name, func(t *testing.T) {
			var took time.Duration
			var out string
			var err error
			used := heap(func() {
				start, busy := time.Now(), processorTime(t)
				out, err = expand(t.Context(), lim, tt.template, vars)
				took = min(time.Since(start), processorTime(t)-busy) // other programs' time is not ours
			})
			t.Logf("%d bytes of template: %v, %d KiB, gives %d bytes, %v", len(tt.template), took, used>>10, len(out), err)
			if used > mostHeap {
				t.Errorf("it took %d MiB, at most %d are allowed", used>>20, mostHeap>>20)
			}
			if took > mostTime {
				t.Errorf("it took %v, at most %v are allowed", took, mostTime)
			}
		})
	}
}

// TestExpand_gone ends a rendering whose client goes in the middle of it.
func TestExpand_gone(t *testing.T) {
	t.Parallel()

	lim := DefaultLimits
	lim.Time, lim.Steps, lim.Memory = time.Hour, 1<<40, 1<<50
	for name, template := range map[string]string{
		"in loops":     "{% for a in range(4000) %}{% for b in range(4000) %}{% endfor %}{% endfor %}",
		"in operators": "{% set b = 'x' * 1024 %}{% for a in range(4000) %}{% for c in range(4000) if b ~ b ~ b == b %}{% endfor %}{% endfor %}",
		"in filters":   "{% for a in range(4000) %}{{ range(3000)|map('string')|map('upper')|select('in', 'abc')|list|length }}{% endfor %}",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		start := time.Now()
		if _, err := expand(ctx, lim, template, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %v", name, err, context.Canceled)
		}
		if took := time.Since(start); took > await.Limit {
			t.Errorf("%s: it went on for %v", name, took)
		}
	}
}
