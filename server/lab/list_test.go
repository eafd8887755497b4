package lab_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// TestLists_Arrays: without a limit Drydock's arrays come whole, and with one they go on
// where Link says.
func TestLists_Arrays(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		st := labstore.New(s.Store)
		for i := range 5 {
			if err := st.UpdateNode(t.Context(), fmt.Sprintf("n%d", i), func(*labstore.Node) {}); err != nil {
				t.Fatal(err)
			}
			if err := st.AddBuildData(t.Context(), &labstore.BuildData{Node: "n1", Generator: fmt.Sprintf("g%d", i), Format: "text/plain", Data: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"/v1/nodes?", "/v1/nodes/n1/builddata?", "/v1/nodes/n1/builddata?latest=true&"} {
			get := func(target string) (items []json.RawMessage, next string) {
				t.Helper()
				a := s.Do("GET", target, "", servertest.Admin())
				if err := json.Unmarshal(a.Body, &items); a.Status != 200 || err != nil {
					t.Fatalf("GET %s: %d %s", target, a.Status, a.Body)
				}
				next, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
				return items, next
			}
			whole, next := get(path)
			if len(whole) != 5 || next != "" {
				t.Errorf("%s: %d items, next %q; want all", path, len(whole), next)
			}
			var walked []json.RawMessage
			pages := 0
			for target := path + "limit=2"; target != ""; pages++ {
				var items []json.RawMessage
				items, target = get(target)
				walked = append(walked, items...)
			}
			if got, want := fmt.Sprintf("%s", walked), fmt.Sprintf("%s", whole); got != want || pages != 3 {
				t.Errorf("%s by two in %d pages: %s, want %s", path, pages, got, want)
			}
		}
		if a := s.Do("GET", "/v1/nodes/none/builddata?limit=2", "", servertest.Admin()); a.Status != 404 {
			t.Errorf("build data of nobody: %d %s", a.Status, a.Body)
		}
	})
}
