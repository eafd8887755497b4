package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// TestSettings_WholeFile reads a whole configuration file the way main does.
func TestSettings_WholeFile(t *testing.T) {
	t.Parallel()

	name := filepath.Join(t.TempDir(), "slipway.yaml")
	text := `
public_url: https://lab.example.org
trusted_proxies: [10.0.0.0/8, 192.0.2.1]
require_tls: true
tls: {cert: /a, key: /b}
auth:
  mode: token+keystone
  policy_file: /p
  pepper_file: /q
token: {life: {person: 24h, max: 48h}}
keystone:
  auth_url: http://k/v3
  cache_seconds: 5
  www_authenticate_uri: https://k/v3
  role_map:
    admin: admin
    member: reader+runner
    lab_people: lab
ratelimit: {failed_logins: 5}
audit: {retention_days: 10, stdout: false}
refstack:
  tempest_config:
    compute: {flavor_ref: "2"}
lab: {limits: {deploy_node: 90m}}
simulator: {images: {focal: "ga,hwe"}}
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, "serve", "--config="+name)
	v := c.Serve
	edge := v.Server.Edge
	if edge.PublicURL != "https://lab.example.org" || len(edge.TrustedProxies) != 2 || !edge.RequireTLS || v.Listen.TLS.Cert != "/a" || v.Listen.TLS.Key != "/b" ||
		v.Auth.Mode != "token+keystone" || v.Keystone.AuthURL != "http://k/v3" || v.Keystone.CacheSeconds != 5 || edge.Ratelimit.FailedLogins != 5 ||
		edge.Audit.RetentionDays != 10 || edge.Audit.Stdout || v.Auth.PolicyFile != "/p" || c.AuthPepperFile != "/q" || c.Life.Max.Hours() != 48 {
		t.Errorf("settings %+v, %+v", v, c.tokenFlags)
	}
	if len(v.Keystone.RoleMap) != 3 || v.Keystone.RoleMap["lab_people"] != "lab" || v.Keystone.RoleMap["member"] != "reader+runner" {
		t.Errorf("role map %v", v.Keystone.RoleMap)
	}
	if v.Server.Results.TempestConfig["compute"]["flavor_ref"] != "2" {
		t.Errorf("tempest configuration %v", v.Server.Results.TempestConfig)
	}
	lab := v.Server.Lab.Engine
	if len(lab.Limits) != 1 || lab.Limits["deploy_node"] != 90*time.Minute || len(lab.Simulator.Images) != 1 || lab.Simulator.Images["focal"] != "ga,hwe" {
		t.Errorf("limits %v, images %v; want those of the file and no others", lab.Limits, lab.Simulator.Images)
	}
}

// TestSettings_FileValues: a value of the file is read as one of the command line.
func TestSettings_FileValues(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"keystone:":                               "",
		"keystone:\nmax_upload: 1000":             "",
		"simulator: {seed: 18446744073709551615}": "",
		"lab: {lease: 30}":                        "--lab-lease: expected duration",
		"lab: {lease: 1ms}":                       "--lab-lease is 1ms; it must be at least 100ms",
		"lab: {workers: many}":                    "--lab-workers: expected a valid",
		"lab: {limits: {deploy: 5m}}":             `"deploy" is not a step`,
		"max_upload: 1.5":                         "--max-upload: expected a valid",
		"docs_public: maybe":                      "--docs-public",
		"max_upload:\nlistne:":                    "--listne",
		"lab: {worker: 5}":                        "--lab-worker",
		"audit: {retention-days: -4}":             "--audit-retention-days is -4",
	} {
		name := filepath.Join(t.TempDir(), "slipway.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := tryParse("serve", "--config="+name)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the file %q: %v, want %q", text, err, want)
		}
	}
}

// TestSettings_Bounds: what is out of bounds is refused wherever it comes from,
// with the flag, the value and what is allowed.
func TestSettings_Bounds(t *testing.T) {
	t.Parallel()

	for args, want := range map[string]string{
		"--max-header=10":                    "--max-header is 10; it must be 4096 to 1048576",
		"--max-upload=0":                     "--max-upload is 0; it must be 1 to 1099511627776",
		"--keystone-cache-seconds=61":        "--keystone-cache-seconds is 61; it must be 0 to 60",
		"--audit-retention-days=-1":          "--audit-retention-days is -1; it must be 0 to 36500",
		"--design-cache=-1":                  "--design-cache is -1; it must be at least 0",
		"--simulator-delay=-1s":              "--simulator-delay is -1s; it must be at least 0s",
		"--lab-lease=30ns":                   "--lab-lease is 30ns; it must be at least 100ms",
		"--lab-limits=deploy_node=0s":        "--lab-limits is 0s; it must be at least 1ms",
		"--webhook-backoff=5s,0s":            "--webhook-backoff is 0s; it must be at least 1ms",
		"--ratelimit-anonymous=-0.5":         "--ratelimit-anonymous is -0.5; it must be at least 0",
		"--token-life-max=-1h":               "--token-life-max is -1h0m0s; it must be at least 0s",
		"--redfish-port=0 --redfish-looks=0": "--redfish-looks is 0; it must be at least 1",
		"--max-body=x":                       "--max-body",
		"--lab-driver=robot":                 "--lab-driver must be one of",
		"--ratelimit-anonymous=0 --design-cache=0 --simulator-delay=0 --keystone-ratelimit=0 --event-retention-days=0": "",
	} {
		_, err := tryParse(append([]string{"serve"}, strings.Fields(args)...)...)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("serve %s: %v, want %q", args, err, want)
		}
	}
}

// TestSettings_Declared: each number and time says what its bounds are, and what
// zero means where it is allowed; names and variables follow one rule.
func TestSettings_Declared(t *testing.T) {
	t.Parallel()

	for name, flag := range serverFlags(t) {
		if want := "SLIPWAY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")); !slices.Equal(flag.Envs, []string{want}) {
			t.Errorf("--%s has the variables %q, want %s", name, flag.Envs, want)
		}
		if flag.Help == "" || flag.Group == nil && name != "config" {
			t.Errorf("--%s has no sentence or no group", name)
		}
		of := flag.Target.Type()
		if kind := of.Kind(); kind == reflect.Slice || kind == reflect.Map {
			of = of.Elem()
		}
		b := boundsOf(flag)
		switch of.Kind() {
		case reflect.Int, reflect.Int64, reflect.Float64:
		default:
			if b != (bounds{}) {
				t.Errorf("--%s has bounds, but is no number", name)
			}
			continue
		}
		low, err := number(b.min, of)
		if err != nil || low < 0 {
			t.Errorf("--%s: the lower bound %q: %v; want one of at least 0", name, b.min, err)
		}
		if low == 0 && !strings.Contains(flag.Help, "0: ") {
			t.Errorf("--%s may be 0, but does not say what that means: %s", name, flag.Help)
		}
	}
}

// TestSettings_NoneIsLost: kong leaves out a field that has the name of one which
// is no setting (kong:"-") of a struct around it, and says nothing.
func TestSettings_NoneIsLost(t *testing.T) {
	t.Parallel()

	flags := serverFlags(t)
	fields := append(settingsOf(reflect.TypeFor[serveCmd]()), settingsOf(reflect.TypeFor[tokenFlags]())...)
	for _, help := range append(fields, settingsOf(reflect.TypeFor[storeFlags]())...) {
		found := false
		for _, flag := range flags {
			found = found || flag.OrigHelp == help
		}
		if !found {
			t.Errorf("no flag says %q: call the field another name", help)
		}
	}
	if len(fields) < 90 {
		t.Errorf("%d settings, want at least 90", len(fields))
	}
}

// settingsOf are the sentences of a struct's settings.
func settingsOf(of reflect.Type) []string {
	var all []string
	for i := range of.NumField() {
		field := of.Field(i)
		if _, embedded := field.Tag.Lookup("embed"); embedded {
			all = append(all, settingsOf(field.Type)...)
		} else if help := field.Tag.Get("help"); help != "" {
			all = append(all, help)
		}
	}
	return all
}

// TestSettings_README: the table has a row for each flag of the server.
func TestSettings_README(t *testing.T) {
	t.Parallel()

	name := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(name, []byte("before\n"+tableBegins+"| a row of yesterday |\n"+tableEnds+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var c cli
	second := filepath.Join(t.TempDir(), "limits.md")
	if err := os.WriteFile(second, []byte(tableBegins+tableEnds), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"settings", "--into", name, "--into", second}
	k, err := newParser(t.Context(), &c, args)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := k.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Run(k); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	table := string(got)
	if other, err := os.ReadFile(second); err != nil || !strings.Contains(table, string(other)) || len(other) < 10_000 {
		t.Errorf("the second file has another table: %v", err)
	}
	if !strings.HasPrefix(table, "before\n"+tableBegins) || !strings.HasSuffix(table, tableEnds+"after\n") || strings.Contains(table, "yesterday") {
		t.Errorf("the table is not between its marks:\n%s", table)
	}
	for name, flag := range serverFlags(t) {
		if n := strings.Count(table, "--"+name+"`") + strings.Count(table, "--[no-]"+name+"`"); n != 1 {
			t.Errorf("--%s has %d rows, want 1", name, n)
		}
		if flag.Default != "" && !strings.Contains(table, name+"` | `"+flag.Default+"` |") {
			t.Errorf("--%s: its default %s is not in the table", name, flag.Default)
		}
	}
}

// serverFlags are the flags that the server obeys, by name.
func serverFlags(t *testing.T) map[string]*kong.Flag {
	t.Helper()
	var c cli
	k, err := newParser(t.Context(), &c, nil)
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]*kong.Flag{}
	for _, node := range append(k.Model.Children, k.Model.Node) {
		if node != k.Model.Node && node.Name != "serve" {
			continue
		}
		for _, flag := range node.Flags {
			if flag.Name != "help" {
				flags[flag.Name] = flag
			}
		}
	}
	return flags
}
