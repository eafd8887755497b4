package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestFarTimes: a time that no answer could write is refused where a person names it,
// and kept as the last one that can be written where a file does. Before, it was
// stored, and the list that it stands in was a 500 for good.
func TestFarTimes(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		a := s.Do("POST", "/v1/known-issues", `{"title":"t","match":{"name":"y"},"expires_on":"2190-01-01T00:00:00.1234565+02:00"}`, servertest.Admin(), servertest.JSON())
		if !strings.Contains(string(a.Body), `"expires_on":"2189-12-31T22:00:00.123456Z"`) {
			t.Errorf("the answer says another time than is kept: %s", a.Body)
		}
		run := s.Do("POST", "/v1/runs", "{}", servertest.Admin(), servertest.JSON())
		var made struct {
			TestID json.Number `json:"test_id"`
		}
		if err := json.Unmarshal(run.Body, &made); err != nil || run.Status != 201 {
			t.Fatalf("%d %s", run.Status, run.Body)
		}
		for _, at := range []string{"9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.9999999Z", "0000-01-01T00:00:00+01:00"} {
			for path, body := range map[string]string{
				"/v1/access-tokens":   `{"name":"n","roles":["runner"],"expires_at":%q}`,
				"/v1/known-issues":    `{"title":"t","match":{"name":"x"},"expires_on":%q}`,
				"/v1/retention/keeps": `{"set":"run:` + made.TestID.String() + `","reason":"r","until":%q}`,
			} {
				if a := s.Do("POST", path, fmt.Sprintf(body, at), servertest.Admin(), servertest.JSON()); a.Status != 400 {
					t.Errorf("POST %s with %s: %d %s, want 400", path, at, a.Status, a.Body)
				}
				if a := s.Do("GET", path, "", servertest.Admin()); a.Status != 200 {
					t.Errorf("GET %s behind %s: %d %s", path, at, a.Status, a.Body)
				}
			}

			events := fmt.Sprintf("{\"Time\":%q,\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"T\"}\n{\"Time\":%q,\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"T\"}\n", at, at)
			sent := s.Do("POST", "/v1/post-result?test_id="+made.TestID.String(), events, servertest.Admin(), servertest.With("Content-Type", "application/octet-stream"))
			if sent.Status != 201 {
				t.Fatalf("a file with %s: %d %s", at, sent.Status, sent.Body)
			}
			a := s.Do("GET", "/v1/runs/"+made.TestID.String()+"/results/current/tests", "", servertest.Admin())
			var list struct {
				Tests []struct{ ID, Status, Start string }
			}
			if err := json.Unmarshal(a.Body, &list); err != nil || a.Status != 200 || len(list.Tests) == 0 || list.Tests[0].Status != "fail" {
				t.Errorf("the tests of a file with %s: %d %s", at, a.Status, a.Body)
			}
		}
	})
}
