package results

import (
	"bytes"
	"testing"
	"time"
)

func FuzzEarliestTime(f *testing.F) {
	for _, seed := range []string{
		`<testsuite timestamp="2018-05-04T10:00:00"><testcase timestamp='2017-05-04T10:00:00'/>`, "<!-- -->", "<![CDATA[ ]]>", `<a "`, "\x1f\x8b", "<testsuite",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		at, suite, err := earliestTime(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if !at.IsZero() && (!suite || at.Location() != time.UTC) {
			t.Errorf("%v, %v", at, suite)
		}
	})
}
