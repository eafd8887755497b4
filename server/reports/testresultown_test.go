package reports_test

import (
	"net/url"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// Tests are found by the pattern of a name and by how long they took, whoever says so.
func TestSearchTestResults_Own(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for _, file := range []string{
			`<testsuite name="s"><testcase classname="lab.arm_1" name="lifts" time="2.5"/><testcase classname="lab.armX1" name="[x]*" time="0.5"/></testsuite>`,
			"time: 2026-01-01 00:00:00Z\ntest: lab.boots\ntime: 2026-01-01 00:00:04Z\nsuccess: lab.boots\ntest: LAB.quiet\nsuccess: LAB.quiet\n",
		} {
			if a := s.Do("POST", "/v1/post-result", file); a.Status != 201 {
				t.Fatalf("post-result: %d %s", a.Status, a.Body)
			}
		}
		post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{"name":"lab.case","status":"PASS","time":3}]}`)
		for query, want := range map[string]int{
			"name_glob=lab.*": 4, "name_glob=*": 5, "name_glob=lab.arm_1.*": 1, "name_glob=lab.arm?1.*": 2, "name_glob=LAB.*": 1, "name_glob=boots": 0,
			"name_glob=" + url.QueryEscape("*[x]?"): 1, "name_glob=lab.*&name_glob=*s": 2, "name_glob=%25": 0,
			"duration_ge=2.5&source=run": 2, "duration_ge=2.6": 2, "duration_ge=1e9": 0, "duration_ge=0.5&status=success": 3, "name_glob=lab.*&outcome=pass&source=run": 3,
			"duration_ge=1&duration_ge=3": 2, "ne=outcome,pass": 0, "outcome=fail&outcome=pass": 5, "source=case&source=boot": 1, "ne=source,run": 1,
		} {
			if got := searchTestResults(t, s, query+"&limit=1000"); len(got.Tests) != want {
				t.Errorf("test-results?%s: %d tests, want %d: %+v", query, len(got.Tests), want, got.Tests)
			}
		}
		for _, query := range []string{"name_glob=", "duration_ge=", "duration_ge=x", "duration_ge=-1", "duration_ge=NaN", "duration_ge=1e10", "name_glob=%00",
			"outcome=failed", "outcome=pass&outcome=FAIL", "ne=outcome,passed", "source=runs", "source=run&source=moon", "ne=source,moon"} {
			if a := s.Do("GET", "/v1/test-results?"+query, "", servertest.Admin()); a.Status != 400 {
				t.Errorf("test-results?%s: %d, want 400", query, a.Status)
			}
		}
	})
}
