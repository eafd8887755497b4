package design_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/lab/design"
)

type finding struct {
	Name      string
	Rule      string
	Level     string
	Error     bool
	Documents []string
}

// findings is what the recorded cases compare: errors and warnings, without the
// free text behind the rule name, sorted.
func findings(r design.Report) []string {
	var list []string
	for _, m := range r.Messages {
		if m.Level == design.LevelInfo {
			continue
		}
		f := finding{Name: m.Name, Level: string(m.Level), Error: m.Error, Rule: m.Text}
		if m.Name == "" {
			f.Level = ""
		} else {
			f.Rule, _, _ = strings.Cut(m.Text, ":")
		}
		for _, d := range m.Documents {
			f.Documents = append(f.Documents, d.Schema+"/"+d.Name)
		}
		list = append(list, f.String())
	}
	slices.Sort(list)
	return list
}

func (f finding) String() string {
	slices.Sort(f.Documents)
	return fmt.Sprintf("%s|%s|%s|%v|%s", f.Name, f.Rule, f.Level, f.Error, strings.Join(f.Documents, ","))
}

// TestCheck_cases holds what Drydock said of changes to two designs.
func TestCheck_cases(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		site, cases string
		many        int
	}{
		{"site.yaml", "validation_cases.json", 48},
		{"oakpark.yaml", "oakpark_cases.json", 141},
	} {
		t.Run(tt.site, func(t *testing.T) {
			t.Parallel()
			checkCases(t, tt.site, tt.cases, tt.many)
		})
	}
}

func checkCases(t *testing.T, siteName, casesName string, many int) {
	t.Helper()
	var file struct {
		Cases []struct {
			ID, Title     string
			Ops           []op
			HTTP          int       `json:"expect_http"`
			Status        string    `json:"expect_status"`
			ErrorCount    int       `json:"expect_error_count"`
			WantsFindings []finding `json:"expect_findings"`
		}
	}
	readJSON(t, casesName, &file)
	if len(file.Cases) != many {
		t.Fatalf("%d cases, want %d", len(file.Cases), many)
	}
	site := readDesign(t, siteName)
	for _, tt := range file.Cases {
		t.Run(tt.ID, func(t *testing.T) {
			t.Parallel()

			text := site
			if len(tt.Ops) > 0 {
				text = mutate(t, site, tt.Ops)
			}
			_, got := design.Check(text, options())
			if got.Status != tt.Status || got.OK() != (tt.HTTP == 200) || got.ErrorCount() != tt.ErrorCount {
				t.Errorf("%s: status %q, %d errors; want %q (%d), %d errors",
					tt.Title, got.Status, got.ErrorCount(), tt.Status, tt.HTTP, tt.ErrorCount)
			}
			var want []string
			for _, f := range tt.WantsFindings {
				want = append(want, f.String())
			}
			slices.Sort(want)
			if have := findings(got); !slices.Equal(have, want) {
				t.Errorf("%s: %+v: findings\n got %s\nwant %s", tt.Title, tt.Ops, strings.Join(have, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
}

func TestCheck_words_of_the_report(t *testing.T) {
	t.Parallel()

	_, good := design.Check(readSite(t), options())
	if good.Message != "Site design passed validation" || good.Reason != "" {
		t.Errorf("good design: message %q, reason %q", good.Message, good.Reason)
	}
	if n := len(good.Messages); n != 18 {
		t.Errorf("good design: %d messages, want one per rule", n)
	}
	for _, m := range good.Messages {
		if !strings.HasSuffix(m.Text, ": Validation successful.") || m.Level != design.LevelInfo || m.Error {
			t.Errorf("good design: unexpected message %+v", m)
		}
	}
	_, bad := design.Check(mutate(t, readSite(t), []op{{Op: "set", Kind: "Network", Name: "lab-data", Path: "/data/cidr", Value: "10.40.8.1/22"}}), options())
	if bad.Message != "Site design failed validation." || bad.Reason != "See detail messages." {
		t.Errorf("bad design: message %q, reason %q", bad.Message, bad.Reason)
	}
	want := design.Message{
		Name: "DD2006", Text: "CIDR Validity: The provided CIDR 10.40.8.1/22 has host bits set", Error: true, Level: design.LevelError,
		Diagnostic: "Provide a CIDR without host bits: 10.40.8.0/22", Documents: []design.Ref{{Schema: "drydock/Network/v1", Name: "lab-data"}},
	}
	if !slices.ContainsFunc(bad.Messages, func(m design.Message) bool { return reflect.DeepEqual(m, want) }) {
		t.Errorf("bad design: no message %+v", want)
	}
}

// TestCheck_rules covers what the recorded cases leave out, each as a change of
// the sample and the findings it must cause.
func TestCheck_rules(t *testing.T) {
	t.Parallel()

	const n8 = "drydock/BaremetalNode/v1/cedar-n08"
	bond := func(v map[string]any) []op {
		return []op{{Op: "set", Kind: "NetworkLink", Name: "data-link", Path: "/data/bonding", Value: v}}
	}
	node := func(path string, v any) []op {
		return []op{{Op: "set", Kind: "BaremetalNode", Name: "cedar-n08", Path: path, Value: v}}
	}
	storage := func(v any) []op { return node("/data/storage", v) }
	tests := []struct {
		name string
		ops  []op
		want []string
	}{
		{"active-backup is a bond like others", bond(map[string]any{"mode": "active-backup"}), nil},
		{"active-backup has no hash", bond(map[string]any{"mode": "active-backup", "hash": "layer2"}), []string{"DD1006|Network Bond Rationality|Error|true|drydock/NetworkLink/v1/data-link"}},
		{"balanced-rr is how the documentation spells it", bond(map[string]any{"mode": "balanced-rr", "peer_rate": "fast"}), []string{"DD1006|Network Bond Rationality|Error|true|drydock/NetworkLink/v1/data-link"}},
		{"an unknown bonding mode", bond(map[string]any{"mode": "magic"}), []string{"DD000|Unexpected error processing document|Error|true|drydock/NetworkLink/v1/data-link"}},
		{"both delays below the rate", bond(map[string]any{"mode": "802.3ad", "mon_rate": 300}), []string{
			"DD1006|Network Bond Rationality|Error|true|drydock/NetworkLink/v1/data-link",
			"DD1006|Network Bond Rationality|Error|true|drydock/NetworkLink/v1/data-link",
		}},
		{"volume percentages over 99", storage(map[string]any{
			"physical_devices": map[string]any{"sdb": map[string]any{"volume_group": "vg1"}},
			"volume_groups": map[string]any{"vg1": map[string]any{"logical_volumes": []any{
				map[string]any{"name": "a", "size": "60%"}, map[string]any{"name": "b", "size": ">40%"},
			}}},
		}), []string{"DD2003|Storage Sizing|Error|true|" + n8}},
		{"a negative percentage", storage(map[string]any{
			"physical_devices": map[string]any{"sdb": map[string]any{"volume_group": "vg1"}},
			"volume_groups":    map[string]any{"vg1": map[string]any{"logical_volumes": []any{map[string]any{"name": "a", "size": "-5%"}}}},
		}), []string{"DD2003|Storage Sizing|Error|true|" + n8, "DD2003|Storage Sizing|Error|true|" + n8}}, // once for each disk
		{"a volume group on a partition", storage(map[string]any{
			"physical_devices": map[string]any{"sdb": map[string]any{"partitions": []any{map[string]any{"name": "p", "size": "10g", "volume_group": "vg1"}}}},
			"volume_groups":    map[string]any{"vg1": map[string]any{}},
		}), nil},
		{"a partition for two purposes", storage(map[string]any{
			"physical_devices": map[string]any{"sdb": map[string]any{"partitions": []any{
				map[string]any{"name": "p", "size": "10g", "volume_group": "vg1", "filesystem": map[string]any{"mountpoint": "/x"}},
			}}},
		}), []string{"DD2002|Storage Partitioning|Error|true|" + n8}},
		{"an ipmi node with nothing", node("/data/oob", map[string]any{"type": "ipmi", "!account": "", "!credential": "", "!network": ""}), []string{
			"DD4001|Valid IPMI Configuration|Error|true|" + n8, "DD4001|Valid IPMI Configuration|Error|true|" + n8,
			"DD4001|Valid IPMI Configuration|Error|true|" + n8, "DD4001|Valid IPMI Configuration|Error|true|" + n8,
		}},
		{"an unreadable CIDR is told once", []op{{Op: "set", Kind: "Network", Name: "lab-data", Path: "/data/cidr", Value: "somewhere"}}, []string{"DD2006|CIDR Validity|Error|true|drydock/Network/v1/lab-data"}},
		{"a CIDR with a netmask", []op{{Op: "set", Kind: "Network", Name: "lab-data", Path: "/data/cidr", Value: "10.40.8.0/255.255.252.0"}}, nil},
		{"a gateway that is a name", []op{{Op: "set", Kind: "Network", Name: "lab-data", Path: "/data/routes/0/gateway", Value: "router"}}, []string{"DD2002|IP Locality Check|Error|true|drydock/Network/v1/lab-data"}},
		{"an address that is none", node("/data/addressing/1/address", "10.40.8"), []string{"DD2002|IP Locality Check|Error|true|" + n8}},
		{"one address written in two ways", node("/data/addressing/1/address", "::ffff:10.40.8.101"), []string{
			"DD2002|IP Locality Check|Error|true|" + n8, "DD2005|Duplicated IP Check|Error|true|drydock/BaremetalNode/v1/cedar-n01," + n8,
		}},
		{"a name longer than a label", node("/metadata/name", strings.Repeat("a", 64)), []string{"DD3003|Hostname Validity|Error|true|drydock/BaremetalNode/v1/" + strings.Repeat("a", 64)}},
		{"a name longer than DNS allows", node("/metadata/name", strings.Repeat("a.", 140)+"b"), []string{"DD3003|Hostname Validity|Error|true|drydock/BaremetalNode/v1/" + strings.Repeat("a.", 140) + "b"}},
		{"a null interface is removed", node("/data/interfaces", map[string]any{"bond0": nil}), nil},
		{"a list without packages", []op{{Op: "set", Kind: "BootAction", Name: "lab-packages", Path: "/data/assets/0/data", Value: map[string]any{}}}, []string{"DD4002|Bootaction pkg_list Validation|Error|true|drydock/BootAction/v1/lab-packages"}},
		{"two documents of one kind and name", []op{{Op: "add_doc", Value: map[string]any{"schema": "drydock/Rack/v1", "metadata": map[string]any{"name": "rack-a"}, "data": map[string]any{}}}}, nil},
		{"a profile that inherits from itself", []op{{Op: "set", Kind: "HostProfile", Name: "base-host", Path: "/data/host_profile", Value: "worker-host"}}, []string{"|Error loading effective site: HostProfile base-host inherits from itself or over more than 32 steps||true|"}},
		{"an unknown hardware profile", node("/data/hardware_profile", "ghost"), []string{"|Error loading effective site: HardwareProfile ghost not found in design state||true|"}},
		{"a boot action filter without types", []op{{Op: "set", Kind: "BootAction", Name: "burnin", Path: "/data/node_filter", Value: map[string]any{"filter_set_type": "union", "filter_set": []any{map[string]any{}}}}},
			[]string{`|Error loading effective site: boot action burnin: node_filter/filter_set/0/filter_type must be "union" or "intersection"||true|`}},
		{"a promenade document of the older form", []op{{Op: "add_doc", Value: map[string]any{"apiVersion": "promenade/v1", "kind": "Docker", "metadata": map[string]any{"name": "d"}}}}, nil},
		{"a document of version two", []op{{Op: "add_doc", Value: map[string]any{"schema": "drydock/Rack/v2", "metadata": map[string]any{"name": "r"}, "data": map[string]any{}}}}, []string{"DD000|Error processing document|Error|true|drydock/Rack/v2/r"}},
		{"a document without data", []op{{Op: "add_doc", Value: map[string]any{"schema": "drydock/Rack/v1", "metadata": map[string]any{"name": "r"}}}}, []string{"DD001|Rack|Error|true|drydock/Rack/v1/r"}},
	}
	site := readSite(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, report := design.Check(mutate(t, site, tt.ops), options())
			if got := findings(report); !slices.Equal(got, tt.want) {
				t.Errorf("findings\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func TestCheck_without_a_catalogue_only_warns(t *testing.T) {
	t.Parallel()

	opt := options()
	opt.Catalogue, opt.NoCatalogue = nil, "No node driver answers."
	_, report := design.Check(readSite(t), opt)
	if want := []string{"DD3001|Platform Selection|Warning|false|"}; !slices.Equal(findings(report), want) || !report.OK() {
		t.Errorf("status %s, findings %v; want Success, %v", report.Status, findings(report), want)
	}
}

func TestCheck_empty_stream_passes_with_warnings(t *testing.T) {
	t.Parallel()

	for _, text := range []string{"", "---\n", "---\n---\n...\n", "# nothing\n"} {
		_, report := design.Check([]byte(text), options())
		if !report.OK() || len(findings(report)) != 4 {
			t.Errorf("Check(%q): %s, findings %v; want Success with four warnings", text, report.Status, findings(report))
		}
	}
}

// TestCheck_same_answer_every_time runs validations of two designs side by side:
// Drydock's rules share state between requests and its cached messages pile up.
func TestCheck_same_answer_every_time(t *testing.T) {
	t.Parallel()

	good := readSite(t)
	bad := mutate(t, good, []op{{Op: "set", Kind: "HostProfile", Name: "base-host", Path: "/data/platform/image", Value: "vax"}})
	_, wantGood := design.Check(good, options())
	_, wantBad := design.Check(bad, options())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if _, got := design.Check(good, options()); !reflect.DeepEqual(got, wantGood) {
					t.Error("the good design got another report")
				}
				if _, got := design.Check(bad, options()); !reflect.DeepEqual(got, wantBad) {
					t.Error("the bad design got another report")
				}
			}
		})
	}
	wg.Wait()
}

func TestCheck_never_repeats_credentials(t *testing.T) {
	t.Parallel()

	secret := "hunter2-do-not-print"
	mutations := [][]op{
		{{Op: "set", Kind: "HostProfile", Name: "base-host", Path: "/data/oob", Value: map[string]any{"type": "libvirt", "credential": secret, "libvirt_uri": "http://u:" + secret + "@h"}}},
		{{Op: "set", Kind: "HostProfile", Name: "base-host", Path: "/data/oob", Value: []any{secret}}},
		{{Op: "set", Kind: "HostProfile", Name: "base-host", Path: "/data/oob/credential", Value: []any{secret}}},
		{{Op: "set", Kind: "HostProfile", Name: "base-host", Path: "/data/oob/other", Value: []any{secret}}},
	}
	for _, ops := range mutations {
		_, report := design.Check(mutate(t, readSite(t), ops), options())
		if report.OK() {
			t.Errorf("%v passes", ops)
		}
		if strings.Contains(fmt.Sprintf("%+v", report), secret) {
			t.Errorf("%v: the report repeats the secret", ops)
		}
	}
}
