package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestDelete_OneWinner: of many who delete the same thing at once one is told that it
// is gone by them, and the others that there is none.
func TestDelete_OneWinner(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		send := func(method, path, body string) servertest.Answer {
			t.Helper()
			return s.Do(method, path, body, servertest.Admin(), servertest.JSON())
		}
		for round := range 5 {
			var machine struct{ ID string }
			a := send("POST", "/v1/machines", fmt.Sprintf(`{"macs":["52:54:00:00:00:%02x"]}`, round))
			if err := json.Unmarshal(a.Body, &machine); err != nil || a.Status != 201 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			name := fmt.Sprintf("lab-%d", round)
			if a := send("POST", "/v1/lab", `{"name":"`+name+`","contact":{"name":"a","surname":"b","email":"a@example.org"}}`); a.Status != 201 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			_, rest, _ := strings.Cut(string(send("GET", "/v1/lab?name="+name, "").Body), `"_id":{"$oid":"`)
			lab, _, _ := strings.Cut(rest, `"`)

			for _, path := range []string{"/v1/machines/" + machine.ID, "/v1/lab/" + lab} {
				const many = 8
				var statuses [many]int
				var all sync.WaitGroup
				for i := range many {
					all.Go(func() { statuses[i] = s.Do("DELETE", path, "", servertest.Admin()).Status })
				}
				all.Wait()
				won := 0
				for _, status := range statuses {
					switch status {
					case 200, 204:
						won++
					case 404:
					default:
						t.Errorf("DELETE %s: %d", path, status)
					}
				}
				if won != 1 {
					t.Errorf("DELETE %s: %d won: %v", path, won, statuses)
				}
			}
		}
	})
}
