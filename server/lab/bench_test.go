package lab_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// largeSite is the sample design with more nodes, up to 1500, in wider networks.
func largeSite(tb testing.TB, nodes int) string {
	tb.Helper()
	text := strings.TrimSuffix(strings.TrimSpace(site(tb)), "...")
	text = strings.NewReplacer("10.40.0.0/24", "10.40.0.0/21", "10.40.8.0/22", "10.40.8.0/21").Replace(text)
	var b strings.Builder
	b.WriteString(text)
	for i := range nodes - 8 {
		fmt.Fprintf(&b, "\n---\nschema: drydock/BaremetalNode/v1\nmetadata: {schema: metadata/Document/v1, name: oak-n%04d}\n"+
			"data:\n  host_profile: worker-host\n  addressing:\n    - {network: lab-oob, address: 10.40.%d.%d}\n    - {network: lab-data, address: 10.40.%d.%d}\n"+
			"  metadata: {tags: [gpu], rack: rack-a, boot_mac: '52:54:01:00:%02x:%02x'}\n",
			i, 1+i/250, 1+i%250, 9+i/250, 1+i%250, i/256, i%256)
	}
	return b.String()
}

// serve measures a call on designs that the server has not seen before, so that
// nothing is remembered from the last time.
func serve(b *testing.B, path, member string) {
	text := largeSite(b, 1000)
	n := 0
	designs := designServer(b, 200, "")
	designs.Config.Handler = serveText(func() string {
		n++
		return fmt.Sprintf("%s\n# %d\n", text, n)
	})
	s := servertest.New(b, hosts("127.0.0.1"))
	body := fmt.Sprintf(`{"%s":"%s/site.yaml"}`, member, designs.URL)
	for b.Loop() {
		if a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON()); a.Status != 200 && a.Status != 400 || len(a.Body) < 1000 {
			b.Fatalf("%d %.500s", a.Status, a.Body)
		}
	}
}

func BenchmarkValidateDesign_1000_nodes(b *testing.B) { serve(b, "/api/v1.0/validatedesign", "href") }

func BenchmarkFilterNodes_1000_nodes(b *testing.B) { serve(b, "/api/v1.0/nodefilter", "design_ref") }

// One task deploys 500 nodes whose steps take no time: what is measured is the
// orchestration and its transactions.
func BenchmarkDeploy_500_nodes(b *testing.B) {
	s := servertest.New(b, func(c *server.Config) { c.Lab.Engine.Simulator.Signals = true })
	s.Work()
	ref := storeDesign(b, s, largeSite(b, 500))
	for b.Loop() {
		id := createTask(b, s, "deploy_nodes", ref).TaskID
		var got task
		for got.Status != "complete" {
			time.Sleep(20 * time.Millisecond)
			got = getTask(b, s, id, "")
		}
		if len(got.Result.Successes) != 500 {
			b.Fatalf("%s", mustJSON(b, got.Result)[:500])
		}
	}
	b.ReportMetric(float64(b.N*500)/b.Elapsed().Seconds(), "nodes/s")
}

// One answer with ten thousand tasks, as Shipyard asks for after a failure.
func BenchmarkListTasks_10000(b *testing.B) {
	s := servertest.New(b)
	stop := s.Work()
	ref := storeDesign(b, s, largeSite(b, 500))
	for n := 0; n < 10_000; n += 1001 { // one step for each node, and under it the node's own
		finished(b, s, createTask(b, s, "relabel_nodes", ref).TaskID)
	}
	stop()
	size := 0
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.URL+"/api/v1.0/tasks", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", servertest.AdminToken)
		resp, err := http.DefaultClient.Do(r) // the client of s would check every byte
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if size = int(n); err != nil || resp.StatusCode != 200 || size < 1_000_000 {
			b.Fatalf("%d, %d bytes, %v", resp.StatusCode, n, err)
		}
	}
	b.ReportMetric(float64(size)/1e6, "MB/answer")
}
