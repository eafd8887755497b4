package design_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/lab/design"
)

func TestParse_refuses_what_exceeds_a_limit(t *testing.T) {
	t.Parallel()

	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		laughs += fmt.Sprintf("%c: &%c [*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c]\n", c, c, c-1)
	}
	tests := []struct {
		name, text, want string
		lim              design.Limits
	}{
		{"bytes", strings.Repeat("a", 11), "the design has 11 bytes, at most 10 are allowed", design.Limits{Bytes: 10}},
		{"depth", strings.Repeat("[", 60) + strings.Repeat("]", 60), "line 1: nested deeper than 48 levels", design.Limits{}},
		{"depth of thousands", strings.Repeat("[", 200_000), "not YAML: exceeded max depth of 10000", design.Limits{}},
		{"depth through an alias", "a: &a [[[1]]]\nb: [[*a]]\n", "line 2: nested deeper than 5 levels", design.Limits{Depth: 5}},
		{"documents", "---\na\n", "line 2: a document must be a mapping, not a string", design.Limits{Documents: 1}},
		{"many documents", strings.Repeat("---\na: b\n", 3), "line 5: the design has more than 2 documents", design.Limits{Documents: 2}},
		{"values", "[1, 2, 3, 4]", "line 1: holds more than 3 values, aliases counted as what they stand for", design.Limits{Values: 3}},
		{"values, seen before parsing", strings.Repeat("\n", 100), "the design may hold more than 3 values", design.Limits{Values: 3}},
		{"aliases of aliases", laughs, "line 6: holds more than 500000 values, aliases counted as what they stand for", design.Limits{}},
		{"an alias inside its anchor", "a: &a\n  b: *a\n", "line 2: an anchor contains its own alias", design.Limits{}},
		{"an unknown anchor", "a: *b\n", "not YAML: unknown anchor 'b' referenced", design.Limits{}},
		{"a merge of a scalar", "a: {<<: 1}\n", `line 1: "<<" must name a mapping or a list of mappings`, design.Limits{}},
		{"a foreign tag", "a: !!python/object:os.system x\n", "line 1: uses a YAML tag that designs do not have", design.Limits{}},
		{"a foreign tag on a list", "a: !!set [x]\n", "line 1: uses a YAML tag that designs do not have", design.Limits{}},
		{"a key twice", "a: 1\nb: 2\na: 3\n", "line 3: a key appears twice in one mapping", design.Limits{}},
		{"a list as a key", "? [a]\n: b\n", "line 1: a key must be a scalar", design.Limits{}},
		{"a list as a document", "- a\n", "line 1: a document must be a mapping, not a list", design.Limits{}},
		{"no YAML", "a: b: c\n", "not YAML: mapping values are not allowed in this context", design.Limits{}},
		{"control characters", "a: \x00\n", "not YAML: control characters are not allowed", design.Limits{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, _, err := design.Parse([]byte(tt.text), tt.lim)
			var syntax *design.SyntaxError
			if !errors.As(err, &syntax) || err.Error() != tt.want {
				t.Errorf("Parse: got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestParse_merge_keys(t *testing.T) {
	t.Parallel()

	site, messages, err := design.Parse([]byte(`
schema: drydock/Rack/v1
metadata: {name: r}
data:
  labels: &base {a: "1", b: "2"}
  location: {<<: [*base, {clli: c, a: "9"}], b: "3"}
`), design.Limits{})
	if err != nil || site == nil {
		t.Fatalf("Parse: %v %v", err, messages)
	}
	want := "map[a:1 b:3 clli:c]"
	if got := fmt.Sprint(site.Racks[0].Location); got != want {
		t.Errorf("location %s, want %s", got, want)
	}
}

// TestCompile_bounds_what_inheritance_makes shows designs of a few kilobytes
// whose effective model would not fit into memory.
func TestCompile_bounds_what_inheritance_makes(t *testing.T) {
	t.Parallel()

	var text strings.Builder
	text.WriteString("schema: drydock/HardwareProfile/v1\nmetadata: {name: hw}\ndata: {}\n")
	for i := 1; i < 3000; i++ {
		fmt.Fprintf(&text, "---\nschema: drydock/BaremetalNode/v1\nmetadata: {name: n%d}\ndata: {host_profile: p, addressing: [{network: x, address: dhcp}], metadata: {tags: [own%d]}}\n", i, i)
	}
	text.WriteString("---\nschema: drydock/HostProfile/v1\nmetadata: {name: p}\ndata: {hardware_profile: hw, metadata: {tags: [t0")
	for i := range 3000 {
		fmt.Fprintf(&text, ", t%d", i)
	}
	text.WriteString("]}}\n")
	site, report := design.Check([]byte(text.String()), options())
	if site != nil || len(findings(report)) != 1 || !strings.Contains(findings(report)[0], "entries") {
		t.Errorf("Check: site %v, findings %v; want one about the number of entries", site != nil, findings(report))
	}
}

func TestValidate_lists_a_bounded_number_of_findings(t *testing.T) {
	t.Parallel()

	site := &design.Site{}
	for i := range 6000 {
		n := &design.Node{}
		n.Name, n.FQDN = fmt.Sprintf("n%d", i), fmt.Sprintf("n%d.local", i)
		site.Nodes = append(site.Nodes, n)
	}
	report := design.Validate(site, options())
	if report.OK() || len(report.Messages) > 3*5001+20 {
		t.Errorf("status %s with %d messages", report.Status, len(report.Messages))
	}
	found := false
	for _, m := range report.Messages {
		found = found || m.Text == "Rational Boot Storage: 1000 more findings are not listed"
	}
	if !found {
		t.Error("nothing says that findings were left out")
	}
}

func FuzzCheck(f *testing.F) {
	site, err := os.ReadFile("testdata/site.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(site))
	for doc := range strings.SplitSeq(string(site), "\n---\n") {
		f.Add(doc)
	}
	f.Add("a: &a [*a]\n<<: {b: *c}\n? {}\n")
	lim := design.Limits{Bytes: 1 << 16, Depth: 20, Values: 5000}
	f.Fuzz(func(t *testing.T, text string) {
		opt := options()
		opt.Limits = lim
		site, report := design.Check([]byte(text), opt)
		if report.OK() != (report.ErrorCount() == 0) {
			t.Fatalf("status %q with %d errors", report.Status, report.ErrorCount())
		}
		if site == nil && report.OK() {
			t.Fatal("a good report without a site")
		}
		if _, again := design.Check([]byte(text), opt); fmt.Sprint(again) != fmt.Sprint(report) {
			t.Fatalf("a second check differs:\n%v\n%v", report, again)
		}
	})
}

// thousand is the sample design with a thousand nodes.
func thousand(tb testing.TB) []byte {
	site := string(readSite(tb))
	var out strings.Builder
	for doc := range strings.SplitSeq(site, "\n---\n") {
		if !strings.Contains(doc, "drydock/BaremetalNode/v1") {
			out.WriteString(doc + "\n---\n")
		}
	}
	for i := range 1000 {
		fmt.Fprintf(&out, `schema: drydock/BaremetalNode/v1
metadata: {schema: metadata/Document/v1, name: node-%04[1]d, storagePolicy: cleartext}
data:
  host_profile: %[2]s
  addressing:
    - {network: lab-oob, address: 10.40.%[3]d.%[4]d}
    - {network: lab-data, address: 10.48.%[3]d.%[4]d}
  metadata:
    tags: [gpu, extra-%[1]d]
    owner_data: {color: red, slot: "%[1]d"}
    rack: rack-a
    boot_mac: '52:54:00:ce:%02[3]x:%02[4]x'
---
`, i, []string{"base-host", "worker-host"}[i%2], i/250, i%250+1)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(out.String(), "10.40.0.0/24", "10.40.0.0/16"), "10.40.8.0/22", "10.48.0.0/16")
	text = strings.ReplaceAll(text, "gateway: 10.40.8.1", "gateway: 10.48.0.1")
	return []byte(text)
}

func TestCheck_thousand_nodes(t *testing.T) {
	t.Parallel()

	if _, report := design.Check(thousand(t), options()); !report.OK() {
		t.Errorf("the design of the benchmark: %v", findings(report))
	}
}

func BenchmarkCheck_1000_nodes(b *testing.B) {
	text := thousand(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, report := design.Check(text, options()); !report.OK() {
			b.Fatal(findings(report))
		}
	}
}

func BenchmarkParse_1000_nodes(b *testing.B) {
	text := thousand(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, err := design.Parse(text, design.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
