package lab_test

import (
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// get fetches an address without any credential, as a machine does that boots.
func get(t *testing.T, s *servertest.Server, address string, want int) string {
	t.Helper()
	a := s.Do("GET", strings.TrimPrefix(address, s.URL), "")
	if a.Status != want {
		t.Fatalf("GET %s: %d, want %d\n%s", address, a.Status, want, a.Body)
	}
	return string(a.Body)
}

// scriptOf returns the address of the script of a MAC address.
func scriptOf(t *testing.T, s *servertest.Server, mac string) string {
	t.Helper()
	var n struct{ Script string }
	decode(t, s.Do("GET", "/v1/netboot", "", servertest.Admin()), &n)
	return strings.Replace(n.Script, "${netX/mac}", mac, 1)
}

// seedOf finds the address of the seed in a script.
func seedOf(script string) string {
	_, rest, _ := strings.Cut(script, "ds=nocloud-net;s=")
	address, _, _ := strings.Cut(rest, " ")
	return strings.TrimSpace(address)
}

// A machine that only boots from the network is installed and reports.
func TestNetboot(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		everywhere := strings.Replace(site(t), "- {filter_type: union, rack_names: [rack-a]}\n      - {filter_type: union, node_tags: [worker, spare]}", "- {filter_type: intersection}", 1)
		ref := storeDesign(t, s, everywhere)
		script := scriptOf(t, s, "52:54:00:CE:DA:08")
		get(t, s, script, 404) // no task has named the node
		m := register(t, s, n08, 201)
		id := createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID
		w := m.poll(t, s)
		for ; w.Action != "deploy_node"; w = m.poll(t, s) {
			if text := get(t, s, script, 200); !strings.HasSuffix(text, "\nexit 1") {
				t.Errorf("during %s the machine is to boot\n%s", w.Action, text)
			}
			m.report(t, s, w, `{"status":"success"}`, 200)
		}
		text := get(t, s, script, 200)
		if !strings.Contains(text, "\nkernel http://images.cedarlab.example/noble/ga-24.04/vmlinuz ") &&
			!strings.Contains(text, "\nset slipway-images http://images.cedarlab.example\nkernel ${slipway-images}/noble/") {
			t.Errorf("the script is\n%s", text)
		}
		seed := seedOf(text)
		if meta := get(t, s, seed+"meta-data", 200); meta != "instance-id: "+w.TaskID+"\nlocal-hostname: cedar-n08" {
			t.Errorf("meta data %s", meta)
		}
		get(t, s, seed+"vendor-data", 200)
		var user struct {
			FQDN       string
			Keys       []string `yaml:"ssh_authorized_keys"`
			Packages   []any
			WriteFiles []struct{ Content string } `yaml:"write_files"`
			RunCmd     [][]string
		}
		if err := yaml.Unmarshal([]byte(get(t, s, seed+"user-data", 200)), &user); err != nil {
			t.Fatal(err)
		}
		var manifest struct {
			Key, Seed string
			BootData  struct{ Files, Units string } `json:"boot_data"`
			Packages  []struct{ Name string }
		}
		decode(t, s.Do("GET", "/v1/nodes/cedar-n08/manifest", "", servertest.Admin()), &manifest)
		if len(user.Packages) == 0 || len(user.Packages) != len(manifest.Packages) || len(user.Keys) == 0 || len(user.RunCmd) != 1 {
			t.Errorf("user data %+v", user)
		}
		for _, want := range []string{manifest.Key, manifest.BootData.Files, manifest.BootData.Units, seed + "report"} {
			if !strings.Contains(user.WriteFiles[0].Content, want) {
				t.Errorf("the late commands do not know %s:\n%s", want, user.WriteFiles[0].Content)
			}
		}
		if manifest.Seed != seed {
			t.Errorf("the manifest's seed is %s, the script's %s", manifest.Seed, seed)
		}

		report := strings.TrimPrefix(seed, s.URL) + "report"
		for body, want := range map[string]int{`{"status":"running","message":"half way"}`: 200, `{"status":"odd"}`: 400} {
			if a := s.Do("POST", report, body, servertest.JSON()); a.Status != want {
				t.Errorf("report %s: %d, want %d\n%s", body, a.Status, want, a.Body)
			}
		}
		if a := s.Do("POST", report, `{"status":"success","message":"installed"}`, servertest.JSON()); a.Status != 200 {
			t.Fatalf("report: %d %s", a.Status, a.Body)
		}
		if a := s.Do("POST", report, `{"status":"success"}`, servertest.JSON()); a.Status != 409 {
			t.Errorf("second report: %d %s", a.Status, a.Body)
		}
		if text := get(t, s, script, 200); !strings.HasSuffix(text, "\nexit 1") {
			t.Errorf("after its installation the machine is to boot\n%s", text)
		}
		a := s.Do("POST", "/v1/bootaction/"+actionID(t, s, "cedar-n08", manifest.Key), `{"status":"success"}`, key(manifest.Key), servertest.JSON())
		if a.Status != 200 {
			t.Fatalf("signal: %d %s", a.Status, a.Body)
		}
		if got := finished(t, s, id); got.Result.Status != "success" {
			t.Errorf("deploy: %s", mustJSON(t, got.Result))
		}
		get(t, s, seed+"user-data", 404) // the deployment is over
	}, agents, func(c *server.Config) { c.Lab.Boot.Images = "http://images.cedarlab.example" })
}

func TestNetboot_refuse(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	ref := storeDesign(t, s, site(t))
	deploying(t, s, ref, "cedar-n08")
	script := scriptOf(t, s, "52-54-00-ce-da-08")
	text := get(t, s, script, 200)
	seed := seedOf(text)
	if !strings.Contains(text, "simulator") || !strings.Contains(text, "isset ${slipway-images} || set slipway-images http://${next-server}/images") {
		t.Errorf("the simulator's script is\n%s", text)
	}
	if a := s.Do("POST", strings.TrimPrefix(seed, s.URL)+"report", `{"status":"success"}`, servertest.JSON()); a.Status != 409 {
		t.Errorf("a report nobody waits for: %d %s", a.Status, a.Body)
	}
	get(t, s, strings.Replace(script, "52-54-00-ce-da-08", "52-54-00-00-00-01", 1), 404)
	get(t, s, strings.Replace(script, "52-54-00-ce-da-08", "n08", 1), 400)
	get(t, s, strings.Replace(seed, "cedar-n08", "cedar-n07", 1)+"user-data", 404)
	for _, address := range []string{script, seed + "user-data", seed + "meta-data", seed + "vendor-data"} {
		key := address[strings.Index(address, "slwb_"):][:len("slwb_")+64]
		for _, wrong := range []string{"x", "slwb_" + strings.Repeat("0", 64), strings.ToUpper(key)} {
			if body := get(t, s, strings.Replace(address, key, wrong, 1), 404); strings.Contains(body, key) {
				t.Errorf("an error tells the key: %s", body)
			}
		}
	}
	// Addresses go into logs and errors without their keys.
	path := strings.TrimPrefix(seed, s.URL)
	if got := auth.Redact(path); got != "/v1/seeds/slwb_***/cedar-n08/" {
		t.Errorf("Redact(%s) = %s", path, got)
	}
	for option, want := range map[string]int{s.Token(auth.Operator): http.StatusForbidden, servertest.AdminToken: http.StatusOK} {
		if a := s.Do("GET", "/v1/netboot", "", servertest.With("X-Auth-Token", option)); a.Status != want {
			t.Errorf("GET /v1/netboot: %d, want %d", a.Status, want)
		}
	}
}
