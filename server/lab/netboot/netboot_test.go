package netboot

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var install = Boot{
	Node: "cedar-n08", About: "Slipway installs it.", Install: true, Images: "http://images.cedarlab.example/", Image: "noble", Kernel: "ga-24.04",
	Parameters: "console=ttyS0,115200n8 hugepagesz=1G", Seed: "https://lab.example.org/v1/seeds/slwb_x/cedar-n08/",
}

func TestScript(t *testing.T) {
	t.Parallel()

	open := install
	open.Images, open.Image, open.Kernel, open.Parameters = "", "a/b ${x}", "", ""
	tests := []struct {
		name string
		boot Boot
		want string
	}{
		{"an installation", install, `#!ipxe
# Node cedar-n08. Slipway installs it.
set slipway-images http://images.cedarlab.example
kernel ${slipway-images}/noble/ga-24.04/vmlinuz initrd=initrd ip=dhcp ds=nocloud-net;s=https://lab.example.org/v1/seeds/slwb_x/cedar-n08/ console=ttyS0,115200n8 hugepagesz=1G
initrd --name initrd ${slipway-images}/noble/ga-24.04/initrd
boot
`},
		{"no images, an odd image and no kernel", open, `#!ipxe
# Node cedar-n08. Slipway installs it.
isset ${slipway-images} || set slipway-images http://${next-server}/images
kernel ${slipway-images}/a%2Fb%20%24%7Bx%7D/default/vmlinuz initrd=initrd ip=dhcp ds=nocloud-net;s=https://lab.example.org/v1/seeds/slwb_x/cedar-n08/
initrd --name initrd ${slipway-images}/a%2Fb%20%24%7Bx%7D/default/initrd
boot
`},
		{"nothing to do", Boot{Node: "n1", About: "Nothing is to be installed."}, "#!ipxe\n# Node n1. Nothing is to be installed.\nexit 1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got, err := Script(tt.boot); err != nil || got != tt.want {
				t.Errorf("Script: %v\n%s\nwant\n%s", err, got, tt.want)
			}
		})
	}
	for _, bad := range []string{"quiet\nshell", "a\x00b", "x=${password}"} {
		b := install
		b.Parameters = bad
		var parameter *ParameterError
		if _, err := Script(b); !errors.As(err, &parameter) {
			t.Errorf("Script with parameters %q: %v, want a *ParameterError", bad, err)
		}
	}
}

// Whatever a design says, the script has exactly its own commands.
func FuzzScript(f *testing.F) {
	f.Add("noble", "ga-24.04", "console=ttyS0", "n1")
	f.Add("..", "${x}", "a\nshell", "n\r")
	f.Fuzz(func(t *testing.T, image, kernel, parameters, node string) {
		b := install
		b.Image, b.Kernel, b.Parameters, b.Node = image, kernel, parameters, node
		text, err := Script(b)
		if err != nil {
			return
		}
		lines := strings.Split(text, "\n")
		if len(lines) != 7 || !strings.HasPrefix(lines[3], "kernel ${slipway-images}/") || strings.Count(text, "${") != 2 {
			t.Errorf("a design changes the script:\n%s", text)
		}
	})
}

var seed = Seed{
	Instance: "ef2fea55-f973-45ee-85f2-3c6f7564c54f", Hostname: "cedar-n08", FQDN: "cedar-n08.data.cedarlab.example", Keys: []string{"ssh-ed25519 AAAA lab"},
	Packages: []Package{{Name: "chrony"}, {Name: "jq", Version: "1.6-2.1"}},
	Files:    "https://lab/files", Units: "https://lab/units", Key: "00ff", Report: "https://lab/report",
}

func TestUserData(t *testing.T) {
	t.Parallel()

	text, err := UserData(seed)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if !strings.HasPrefix(string(text), "#cloud-config\n") || yaml.Unmarshal(text, &got) != nil {
		t.Fatalf("not cloud-init's configuration:\n%s", text)
	}
	packages, err := yaml.Marshal(got["packages"])
	if want := "- chrony\n- - jq\n  - 1.6-2.1\n"; err != nil || string(packages) != want {
		t.Errorf("packages %s, want %s", packages, want)
	}
	if got["hostname"] != "cedar-n08" || got["fqdn"] != seed.FQDN || got["package_update"] != true {
		t.Errorf("user data\n%s", text)
	}
	meta, err := MetaData(seed)
	if want := "instance-id: ef2fea55-f973-45ee-85f2-3c6f7564c54f\nlocal-hostname: cedar-n08\n"; err != nil || string(meta) != want {
		t.Errorf("meta data %s, want %s", meta, want)
	}
}

// The late commands run for real, against programs that only note what they are
// asked for.
func TestLateCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	tests := []struct {
		name, key, curl string
		want            []string
	}{
		{"two archives", "it's", `case "$*" in *https*units*) tar -czPf "$out" "$dir/a.service";; *files*) tar -czPf "$out" "$dir/a.file";; esac`, []string{
			`header = "X-Bootaction-Key: it's"`, "systemctl daemon-reload", "systemctl enable a.service", "systemctl --no-block start default.target", `"status":"success"`,
		}},
		{"no boot actions", "", "", []string{`"status":"success"`}},
		{"the server refuses", "k", `case "$*" in *files*) exit 22;; esac`, []string{`"status":"failure"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil { //nolint:gosec // a program
					t.Fatal(err)
				}
			}
			write("a.service", "[Unit]\n")
			write("a.file", "x\n")
			write("systemctl", "#!/bin/sh\necho systemctl \"$@\" >>"+dir+"/log\n")
			write("curl", "#!/bin/sh\ndir="+dir+"\nout=\nfor a; do [ \"$last\" = --output ] && out=$a; last=$a; done\n"+
				"echo \"$@\" >>$dir/log\ncase \"$*\" in *--config*) cat >>$dir/log;; esac\n"+tt.curl+"\nexit 0\n")
			s := seed
			s.Key = tt.key
			write("late", lateProgram(s))
			cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "late"))
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
			out, _ := cmd.CombinedOutput()
			log, err := os.ReadFile(filepath.Join(dir, "log"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(log), want) {
					t.Errorf("nobody is told %q; the log is\n%s\nand the output\n%s", want, log, out)
				}
			}
			if strings.Count(string(log), `"status"`) != 1 {
				t.Errorf("not exactly one report:\n%s", log)
			}
		})
	}
}
