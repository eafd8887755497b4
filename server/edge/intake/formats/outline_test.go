package formats_test

import (
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// A file is told by its members also where one of them is longer than what a format
// is told by.
func TestFind_longMembers(t *testing.T) {
	t.Parallel()
	text := `"` + strings.Repeat(`\u00e4 \" [{,`, 20_000) + `"`
	list := `[` + strings.Repeat(`{"a":[1,2]},`, 20_000) + `1]`
	object := `{"k":1` + strings.Repeat(`,"key":{"a":"b"}`, 20_000) + `}`
	for name, test := range map[string]struct {
		text string
		want report.Format
	}{
		"a log":         {`{"boot":{"result":"fail","log":` + text + `},"net":"pass"}`, "squad"},
		"environment":   {`{"exitcode":1,"environment":` + object + `,"tests":[{"nodeid":"a","outcome":"failed"}]}`, "pytest-json-report"},
		"configuration": {`{"config":{"projects":` + list + `},"suites":[{"title":"a","specs":[]}],"errors":[],"stats":{}}`, "playwright"},
		"coverage":      {`{"coverageMap":` + object + `,"numTotalTests":1,"success":true,"testResults":[]}`, "jest"},
		"whiteboard":    {`{"tests":[{"whiteboard":` + text + `,"id":"1-a","status":"FAIL"}],"job_id":"x"}`, "avocado"},
		"console":       {`{"results":[{"io_log":` + text + `,"id":"a","category_id":"c","outcome":"fail"}]}`, "checkbox"},
		"log of LTP":    {`{"results":[{"test":{"log":` + text + `},"test_fqn":"a","status":"fail"}]}`, "ltp"},
		"comments":      {`[{"comments":` + list + `,"name":"F","elements":[{"type":"scenario","name":"S"}]}]`, "cucumber"},
		"no report":     {`{"text":` + text + `,"list":` + list + `}`, "json"},
		"deep":          {strings.Repeat("[", 1<<20), "json"},
		"a kernel's":    {strings.Repeat("[    1.000000] some driver says hello\n", 4000) + "[    9.000000] KTAP version 1\n[    9.000000] 1..0\n", "ktap"},
	} {
		in := report.Input{ReaderAt: strings.NewReader(test.text), Size: int64(len(test.text))}
		prefix, err := formats.Prefix(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := formats.Find(formats.All(), in, prefix)
		if err != nil || got == nil || got.Info().Format != test.want {
			t.Errorf("%s: %v, error %v, want %s", name, got, err, test.want)
		}
	}
}
