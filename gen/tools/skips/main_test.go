package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	t.Parallel()

	const good = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"=== RUN   TestOne\n"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"chatter\n"}
{"Action":"pass","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Test":"TestTwo","Output":"=== RUN   TestTwo\n"}
{"Action":"output","Package":"a","Test":"TestTwo","Output":"    two_test.go:7: curl is missing: install it\n"}
{"Action":"output","Package":"a","Test":"TestTwo","Output":"--- SKIP: TestTwo (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestTwo"}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
{"Action":"start","Package":"b"}
{"Action":"output","Package":"b","Output":"?   \tb\t[no test files]\n"}
{"Action":"skip","Package":"b"}
`
	for name, tt := range map[string]struct {
		in, want string
		failed   bool
	}{
		"all well": {good, "ok  \ta\t0.1s\n?   \tb\t[no test files]\n\nSkipped (1):\n  TestTwo (a): curl is missing: install it\n", false},
		"a failure": {`{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"    one_test.go:3: wrong\n"}
{"Action":"fail","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Output":"FAIL\n"}
{"Action":"fail","Package":"a"}
`, "    one_test.go:3: wrong\nFAIL\n", true},
		"a panic": {`{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"panic: no\n"}
{"Action":"fail","Package":"a"}
`, "panic: no\n", true},
		"what does not compile": {`{"ImportPath":"a","Action":"build-output","Output":"a.go:1: no\n"}
{"ImportPath":"a","Action":"build-fail"}
`, "a.go:1: no\n", true},
		"a stream that is cut": {`{"Action":"start","Package":"a"}` + "\n", "FAIL\ta\tended without a result\n", true},
		"what is no JSON":      {"go: downloading x\n", "go: downloading x\n", false},
	} {
		var out strings.Builder
		failed, err := report(strings.NewReader(tt.in), &out)
		if err != nil || failed != tt.failed || out.String() != tt.want {
			t.Errorf("%s: %v, %v, printed\n%s\nwant %v\n%s", name, failed, err, out.String(), tt.failed, tt.want)
		}
	}
}
