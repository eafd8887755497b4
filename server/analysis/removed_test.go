package analysis_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

const aLab = `{"name":"l","contact":{"name":"a","surname":"b","email":"c@example.org"}}`

// oid is the id of a document of KernelCI.
func oid(document any) string {
	return document.(map[string]any)["_id"].(map[string]any)["$oid"].(string)
}

// TestKernels_Removed: a kernel whose last test was removed, or went to another kernel
// with its group, is no set, takes no place among the newest ones of its job, and
// begins anew when it is reported again.
func TestKernels_Removed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		send(t, s, "POST", "/v1/lab", aLab, 201, servertest.JSON())
		boot := func(kernel, status string) {
			send(t, s, "POST", "/v1/boot", fmt.Sprintf(`{"lab_name":"l","board":"b1","job":"j","kernel":%q,"git_branch":"m","defconfig":"d","boot_result":%q}`, kernel, status), 202, servertest.JSON())
		}
		boot("v1", "FAIL")
		boot("v2", "PASS")
		boot("v3", "PASS")
		for _, kernel := range []string{"v2", "v3"} {
			list := send(t, s, "GET", "/v1/boot?job=j&kernel="+kernel, "", 200)["result"].([]any)
			send(t, s, "DELETE", "/v1/boot/"+oid(list[0]), "", 200)
			send(t, s, "GET", "/v1/compare?base=none&head="+url.QueryEscape("kernel:j/m/"+kernel), "", 404)
		}
		tests := send(t, s, "GET", "/v1/flaky-tests?job=j&window=2&verdict=too_few", "", 200)["tests"].([]any)
		if len(tests) != 1 {
			t.Errorf("of the newest two kernels: %v, want the boot of v1", tests)
		}
		boot("v4", "PASS")
		boot("v2", "FAIL")
		c := send(t, s, "GET", "/v1/compare?head="+url.QueryEscape("kernel:j/m/v2"), "", 200)
		if ref := c["base"].(map[string]any)["ref"]; ref != "kernel:j/m/v4" {
			t.Errorf("before v2, which was reported again, comes %v, want v4", ref)
		}

		group := send(t, s, "POST", "/v1/test/group", `{"name":"ltp","lab_name":"l","job":"g","kernel":"v1","git_branch":"m","test_cases":[{"name":"a","status":"FAIL"}]}`, 201, servertest.JSON())
		send(t, s, "PUT", "/v1/test/group/"+oid(group["result"].([]any)[0]), `{"kernel":"v9"}`, 200, servertest.JSON())
		send(t, s, "GET", "/v1/compare?base=none&head="+url.QueryEscape("kernel:g/m/v1"), "", 404)
		send(t, s, "GET", "/v1/compare?base=none&head="+url.QueryEscape("kernel:g/m/v9"), "", 200)
	})
}

// TestGroups_Line: a group inside another one is in no line with one of the same name
// that stands alone, or inside a third: their tests have other names.
func TestGroups_Line(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		send(t, s, "POST", "/v1/lab", aLab, 201, servertest.JSON())
		post := func(kernel, text string) string {
			return oid(send(t, s, "POST", "/v1/test/group", fmt.Sprintf(`{"lab_name":"l","job":"j","kernel":%q,"git_branch":"m",`, kernel)+text+`}`, 201, servertest.JSON())["result"].([]any)[0])
		}
		const inner = `"sub_groups":[{"name":"ltp","test_cases":[{"name":"a","status":"PASS"}]}]`
		first := post("v1", `"name":"ltp","test_cases":[{"name":"a","status":"FAIL"}]`)
		around := post("v2", `"name":"net",`+inner)
		post("v2", `"name":"far","sub_groups":[{"name":"net",`+inner+`}]`)
		last := post("v3", `"name":"ltp","test_cases":[{"name":"a","status":"FAIL"}]`)
		c := send(t, s, "GET", "/v1/compare?history=9&head=group:"+last, "", 200)
		if ref := c["base"].(map[string]any)["ref"]; ref != "group:"+first {
			t.Fatalf("the group before is %v, want %s: %v", ref, first, c)
		}
		if item := c["items"].([]any)[0].(map[string]any); item["class"] != "still_failing" || item["history"] != "ff" {
			t.Errorf("%v, want still_failing after ff", item)
		}
		last = post("v4", `"name":"net",`+inner)
		inside := func(id string) string {
			groups := send(t, s, "GET", "/v1/test/group?name=ltp&parent_id="+id, "", 200)["result"].([]any)
			return "group:" + oid(groups[0])
		}
		c = send(t, s, "GET", "/v1/compare?head="+inside(last), "", 200)
		if ref := c["base"].(map[string]any)["ref"]; ref != inside(around) {
			t.Errorf("the inner group before is %v, want %s", ref, inside(around))
		}
	})
}

// TestFlaky_KernelOfTwo: a kernel that a tenant and nobody's lab report is one of the
// newest kernels, not two.
func TestFlaky_KernelOfTwo(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		tenant := servertest.As(s.TokenOf("red", auth.Admin))
		for _, as := range []servertest.Option{servertest.Admin(), tenant} {
			send(t, s, "POST", "/v1/lab", aLab, 201, servertest.JSON(), as)
		}
		boot := func(kernel, board, status string, as servertest.Option) {
			send(t, s, "POST", "/v1/boot", fmt.Sprintf(`{"lab_name":"l","board":%q,"job":"j","kernel":%q,"git_branch":"m","defconfig":"d","boot_result":%q}`, board, kernel, status), 202, servertest.JSON(), as)
		}
		boot("v1", "b1", "FAIL", tenant)
		boot("v2", "b2", "PASS", tenant)
		boot("v2", "b3", "PASS", servertest.Admin())
		tests := send(t, s, "GET", "/v1/flaky-tests?job=j&window=2&verdict=too_few", "", 200, tenant)["tests"].([]any)
		if len(tests) != 3 {
			t.Errorf("of two kernels: %v, want three boots", tests)
		}
	})
}
