package bootfiles

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

// sample is what Drydock rendered of the sample design's boot actions.
type sample struct {
	ActionID  string `json:"action_id"`
	ActionKey string `json:"action_key"`
	ReportURL string `json:"report_url"`
	DesignRef string `json:"design_ref"`
	Nodes     []struct {
		Name       string
		Tags       []string
		Labels     map[string]string
		Addressing map[string]string
	}
	BootActions []struct {
		Name     string
		Rendered map[string][]struct {
			Type, Path, Mode, Text string
		}
	}
}

func readSample(tb testing.TB) sample {
	tb.Helper()
	raw, err := os.ReadFile("testdata/site_effective.json")
	if err != nil {
		tb.Fatal(err)
	}
	var s sample
	if err := json.Unmarshal(raw, &s); err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s sample) context(node string) Context {
	c := Context{Action: ActionContext{ID: s.ActionID, Key: s.ActionKey, ReportURL: s.ReportURL, DesignRef: s.DesignRef}}
	cidr := map[string]string{"lab-oob": "10.40.0.0/24", "lab-data": "10.40.8.0/22"}
	domain := map[string]string{"lab-oob": "local", "lab-data": "data.cedarlab.example"}
	for _, n := range s.Nodes {
		if n.Name != node {
			continue
		}
		c.Node = NodeContext{Hostname: n.Name, Domain: domain["lab-data"], Tags: n.Tags, PrimaryNetwork: "lab-data"}
		for key, value := range n.Labels {
			c.Node.Labels = append(c.Node.Labels, Label{key, value})
		}
		for network, ip := range n.Addressing {
			c.Node.Networks = append(c.Node.Networks, NetworkContext{network, ip, cidr[network], domain[network]})
		}
	}
	return c
}

// siteAssets are the assets of a boot action in the sample design.
func siteAssets(tb testing.TB, action string) []Asset {
	tb.Helper()
	raw, err := os.ReadFile("testdata/site.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var doc struct {
			Schema   string
			Metadata struct{ Name string }
			Data     struct {
				Assets []struct {
					Type, Path, Permissions string
					Data                    yaml.Node
					DataPipeline            []string `yaml:"data_pipeline"`
				}
			}
		}
		if err := dec.Decode(&doc); err != nil {
			tb.Fatalf("boot action %s: %v", action, err)
		}
		if doc.Schema != "drydock/BootAction/v1" || doc.Metadata.Name != action {
			continue
		}
		var assets []Asset
		for _, a := range doc.Data.Assets {
			mode, _ := strconv.ParseInt(a.Permissions, 8, 64)
			assets = append(assets, Asset{Path: a.Path, Mode: mode, Data: a.Data.Value, DataPipeline: a.DataPipeline})
		}
		return assets
	}
}

func TestRenderer_File_sample(t *testing.T) {
	t.Parallel()

	want := readSample(t)
	files := 0
	for _, action := range want.BootActions {
		for node, rendered := range action.Rendered {
			for i, w := range rendered {
				if w.Type == "pkg_list" {
					continue
				}
				files++
				got, err := new(Renderer).File(t.Context(), siteAssets(t, action.Name)[i], want.context(node))
				if err != nil {
					t.Errorf("%s on %s: %v", action.Name, node, err)
					continue
				}
				if string(got.Data) != w.Text || got.Path != w.Path || strconv.FormatInt(got.Mode, 8) != w.Mode {
					t.Errorf("%s on %s, %s %o:\n got %q\nwant %q", action.Name, node, got.Path, got.Mode, got.Data, w.Text)
				}
			}
		}
	}
	if files != 10 {
		t.Errorf("compared %d files, want 10", files)
	}
}

func TestRenderer_File_pipelines(t *testing.T) {
	t.Parallel()

	latin := string([]byte{0xe9})
	tests := []struct {
		name     string
		pipeline []string
		data     string
		want     string
		err      string
	}{
		{"nothing", nil, "{{ x }}\n", "{{ x }}\n", ""},
		{"a template loses one newline", []string{"utf8_decode", "template"}, "a\n\n", "a\n", ""},
		{"a template takes bytes", []string{"template"}, "{{ node.hostname }}", "cedar-n02", ""},
		{"but only UTF-8", []string{"template"}, latin, "", "pipeline segment 1 (template): the bytes are not UTF-8"},
		{"text is encoded", []string{"utf8_decode", "base64_encode"}, "é", "w6k=", ""},
		{"bytes stay bytes", []string{"utf8_encode", "base64_encode"}, latin, "6Q==", ""},
		{"bytes that are no text", []string{"utf8_decode"}, latin, "", "pipeline segment 1 (utf8_decode): the bytes are not UTF-8"},
		{"base64 with line breaks", []string{"base64_decode"}, "aGVs\nbG8g \td29y*bGQ=\n", "hello world", ""},
		{"base64 ends with its padding", []string{"base64_decode"}, "aGk=aGk=", "hi", ""},
		{"a stray pad is no end", []string{"base64_decode"}, "a=Gk=", "hi", ""},
		{"base64 that is cut", []string{"base64_decode"}, "aGk", "", "pipeline segment 1 (base64_decode): the base64 data are not padded to a multiple of 4 characters"},
		{"base64 text", []string{"utf8_decode", "base64_decode"}, "aGk=", "hi", ""},
		{"an unknown segment", []string{"rot13"}, "", "", "pipeline segment 1 (rot13): there is no such segment"},
	}
	c := readSample(t).context("cedar-n02")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := new(Renderer).File(t.Context(), Asset{Path: "/f", Data: tt.data, DataPipeline: tt.pipeline}, c)
			if tt.err != "" {
				var wrong *RenderError
				if !errors.As(err, &wrong) || err.Error() != "/f: "+tt.err {
					t.Errorf("error %v, want /f: %s", err, tt.err)
				}
				return
			}
			if err != nil || string(got.Data) != tt.want {
				t.Errorf("got %q, %v, want %q", got.Data, err, tt.want)
			}
		})
	}
}

func TestRenderer_locations(t *testing.T) {
	t.Parallel()

	down := errors.New("no route")
	r := &Renderer{Fetch: func(_ context.Context, location string, most int) ([]byte, error) {
		switch location {
		case "http://h/cedar-n02.tmpl":
			return []byte("on {{ node.hostname }}"), nil
		case "http://h/packages":
			return []byte(`{"a": null, "b": "1-1"}`), nil
		case "http://h/large":
			return make([]byte, most+1), nil
		}
		return nil, down
	}}
	c := readSample(t).context("cedar-n02")
	a := Asset{Path: "/f", Location: "http://h/{{ node.hostname }}.tmpl", LocationPipeline: []string{Template}, DataPipeline: []string{UTF8Decode, Template}}
	if got, err := r.File(t.Context(), a, c); err != nil || string(got.Data) != "on cedar-n02" {
		t.Errorf("File: %q, %v", got.Data, err)
	}
	for _, location := range []string{"http://h/none", "http://h/large"} {
		_, err := r.File(t.Context(), Asset{Path: "/f", Location: location}, c)
		var failed *FetchError
		if !errors.As(err, &failed) {
			t.Errorf("File from %s: %v, want a *FetchError", location, err)
		}
	}
	list, err := r.Packages(t.Context(), Asset{Location: "http://h/packages"}, c)
	if want := []Package{{"a", ""}, {"b", "1-1"}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("Packages: %v, %v, want %v", list, err, want)
	}
	if _, err := new(Renderer).File(t.Context(), a, c); err == nil {
		t.Error("File without Fetch: no error")
	}
}

func TestParsePackages(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"":                 "the package list must be an object of packages and versions",
		"[a]":              "the package list must be an object of packages and versions",
		"a: 1.5":           "line 1: a version must be a string or null",
		"b: x\na: [1]":     "line 2: a version must be a string or null",
		"1: x":             "line 1: a package name must be a string",
		"a: b: c":          "the package list is not readable as YAML or JSON",
		"a: x\nb: x\nc: x": "the package list has 3 entries, at most 2 are allowed",
	} {
		if list, err := parsePackages([]byte(text), 2); err == nil || err.Error() != want {
			t.Errorf("parsePackages(%q) = %v, %v, want %s", text, list, err, want)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()

	secret := []byte("secret")
	key := Key(secret, "d1", "n1")
	if len(key) != KeyLength || strings.ToLower(key) != key {
		t.Errorf("Key gives %q, want 64 lower-case hex digits", key)
	}
	if key != Key(secret, "d1", "n1") {
		t.Error("Key differs from one call to the next")
	}
	for name, other := range map[string]string{
		"another secret": Key([]byte("other"), "d1", "n1"), "another deployment": Key(secret, "d2", "n1"),
		"another node": Key(secret, "d1", "n2"), "another cut": Key(secret, "d1n", "1"),
	} {
		if other == key {
			t.Errorf("%s has the same key", name)
		}
	}
	for sent, want := range map[string]bool{
		key: true, strings.ToUpper(key): true, "": false, key[1:]: false, key + "00": false,
		"zz" + key[2:]: false, strings.Repeat("0", 64): false,
	} {
		if got := SameKey(key, sent); got != want {
			t.Errorf("SameKey(key, %q) = %v", sent, got)
		}
	}
}

func TestWriteArchive(t *testing.T) {
	t.Parallel()

	long := "/" + strings.Repeat("d/", 100) + "name"
	files := []File{
		{"/usr/local/bin/x.sh", 0o755, []byte("#!/bin/sh\n")},
		{"/etc/empty", 0o600, nil},
		{long, 0o4755, []byte{0, 1, 2}},
	}
	var first, second bytes.Buffer
	if err := errors.Join(WriteArchive(t.Context(), &first, files), WriteArchive(t.Context(), &second, files)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of the same files differ")
	}
	zip, err := gzip.NewReader(&first)
	if err != nil {
		t.Fatal(err)
	}
	if !zip.ModTime.IsZero() || zip.Name != "" {
		t.Errorf("gzip header has time %v, name %q", zip.ModTime, zip.Name)
	}
	archive := tar.NewReader(zip)
	for _, want := range files {
		h, err := archive.Next()
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(archive)
		if h.Name != want.Path || h.Mode != want.Mode || h.ModTime.Unix() != 0 || h.Uid != 0 || h.Gid != 0 ||
			h.Typeflag != tar.TypeReg || !bytes.Equal(content, want.Data) {
			t.Errorf("entry %+v holds %q, want %+v", h, content, want)
		}
	}
	if _, err := archive.Next(); err != io.EOF {
		t.Errorf("after the last entry: %v", err)
	}
}

// TestWriteArchive_gone: an archive that nobody waits for any more is not finished.
func TestWriteArchive_gone(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	w := writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	noise := make([]byte, 8<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // never fails
	if err := WriteArchive(ctx, w, []File{{"/f", 0o644, noise}}); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteArchive: %v, want %v", err, context.Canceled)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestWriteArchive_empty(t *testing.T) {
	t.Parallel()

	var buf bytes.Buffer
	if err := WriteArchive(t.Context(), &buf, nil); err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tar.NewReader(zip).Next(); err != io.EOF {
		t.Errorf("an empty archive has an entry: %v", err)
	}
}

// TestWriteArchive_unpacks hands an archive to the tar of the machine, as the
// install template does.
func TestWriteArchive_unpacks(t *testing.T) {
	t.Parallel()

	path, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar here")
	}
	dir := t.TempDir()
	target := filepath.Join(dir, "out", "hello.service")
	if err := os.Mkdir(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := WriteArchive(t.Context(), &buf, []File{{target, 0o640, []byte("[Unit]\n")}}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-xzvPf", "-")
	cmd.Stdin = &buf
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != target {
		t.Fatalf("tar: %v, printed %q, want %q", err, out, target)
	}
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("unpacked file: %v, %v, want mode 640", info, err)
	}
}

// withoutDevices blanks the device numbers, which GNU tar leaves empty for files and
// Go's writer sets to 0, and the checksums, in all headers.
func withoutDevices(archive []byte) []byte {
	for at := 0; at+512 <= len(archive); at += 512 {
		if block := archive[at : at+512]; bytes.Equal(block[257:265], []byte("ustar  \x00")) {
			clear(block[148:156])
			clear(block[329:345])
		}
	}
	return archive
}

// TestWriteArchive_as_GNU_tar compares the archive byte for byte with what GNU tar
// makes of the same files.
func TestWriteArchive_as_GNU_tar(t *testing.T) {
	t.Parallel()

	path, err := exec.LookPath("tar")
	if version, _ := exec.Command("tar", "--version").Output(); err != nil || !bytes.Contains(version, []byte("GNU tar")) {
		t.Skip("no GNU tar here")
	}
	dir := t.TempDir()
	files := []File{
		{filepath.Join(dir, "a.sh"), 0o755, []byte("#!/bin/sh\n")},
		{filepath.Join(dir, "empty"), 0o400, nil},
		{filepath.Join(dir, "ünïcode"), 0o600, bytes.Repeat([]byte{0, 255}, 700)},
		{filepath.Join(dir, "setuid"), 0o4711, []byte("x")},
	}
	args := []string{"--create", "--file=-", "--format=gnu", "--absolute-names", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--blocking-factor=1"}
	for _, f := range files {
		if err := os.WriteFile(f.Path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Chmod(f.Path, uint32(f.Mode)); err != nil {
			t.Fatal(err)
		}
		args = append(args, f.Path)
	}
	want, err := exec.Command(path, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := WriteArchive(t.Context(), &buf, files); err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := withoutDevices(got), withoutDevices(want); !bytes.Equal(got, want) {
		for i := 0; i < min(len(got), len(want)); i += 512 {
			if !bytes.Equal(got[i:i+512], want[i:i+512]) {
				t.Fatalf("block %d\n got %q\nwant %q", i/512, got[i:i+512], want[i:i+512])
			}
		}
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

func TestArchiveName(t *testing.T) {
	t.Parallel()

	if got := ArchiveName("cedar-n08", "file"); got != "cedar-n08-file.tar.gz" {
		t.Errorf("ArchiveName = %s", got)
	}
}

// TestContext_vars walks the context in the order of the design, which Python's
// maps keep.
func TestContext_vars(t *testing.T) {
	t.Parallel()

	c := Context{Node: NodeContext{
		Hostname: "h", PrimaryNetwork: "z", Labels: []Label{{"zone", "1"}, {"area", "2"}},
		Networks:   []NetworkContext{{"z", "1.2.3.4", "1.0.0.0/8", "d"}, {"a", "2.2.3.4", "2.0.0.0/8", "e"}},
		Interfaces: []InterfaceContext{{Name: "y"}, {Name: "b", SRIOV: true, VFCount: 3}},
	}}
	for text, want := range map[string]string{
		"{{ node.labels }}": "{'zone': '1', 'area': '2'}",
		"{% for k, v in node.labels.items() %}{{ k }}{{ v }} {% endfor %}":    "zone1 area2 ",
		"{% for k in node.labels %}{{ k }} {% endfor %}":                      "zone area ",
		"{% for k, v in node.labels | items %}{{ k }}{{ v }} {% endfor %}":    "zone1 area2 ",
		"{% for k, v in node.labels | dictsort %}{{ k }}{{ v }} {% endfor %}": "area2 zone1 ",
		"{% for n in node.network.values() %}{{ n.ip }} {% endfor %}":         "1.2.3.4 1.2.3.4 2.2.3.4 ",
		"{{ node.network | list | join(' ') }}":                               "z default a",
		"{{ node.network.default.cidr }} {{ node.network['a'].dns_suffix }}":  "1.0.0.0/8 e",
		"{{ node.interfaces }}": "{'y': {'sriov': False}, 'b': {'sriov': True, 'vf_count': 3, 'trustedmode': False}}",
		"{{ node.labels.get('nope', 'x') }}{{ 'zone' in node.labels }}{{ node.labels | length }}": "xTrue2",
		"{% if node.tags %}tags{% else %}none{% endif %}":                                         "none",
	} {
		if got, err := expand(t.Context(), DefaultLimits, text, c.vars()); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	c.Node.PrimaryNetwork, c.Node.Labels = "none", nil
	if got, err := expand(t.Context(), DefaultLimits, "{{ node.network.default }}{% if node.labels %}labels{% endif %}", c.vars()); err != nil || got != "" {
		t.Errorf("no primary network and no labels: %q, %v", got, err)
	}
}
