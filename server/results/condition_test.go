package results_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestDownload_Conditions: a client that goes on with a file gets its rest or the
// whole of it, and never the rest of something else.
func TestDownload_Conditions(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	content := "test: a\nfailure: a [\n" + strings.Repeat("0123456789\n", 50) + "]\n"
	got := mustSave(t, s.Do("POST", "/v1/post-result", content))
	path := fmt.Sprintf("/v1/runs/%d/results/current/raw", got.TestID)
	get := func(headers ...string) servertest.Answer {
		options := []servertest.Option{servertest.Admin(), servertest.With("Accept-Encoding", "identity")}
		for i := 0; i < len(headers); i += 2 {
			options = append(options, servertest.With(headers[i], headers[i+1]))
		}
		return s.Do("GET", path, "", options...)
	}
	whole := get()
	tag, modified := whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
	if whole.Status != 200 || !strings.HasPrefix(tag, `"`) {
		t.Fatalf("%d, ETag %q", whole.Status, tag)
	}
	packed := s.Send("GET", path, nil, servertest.Admin(), servertest.With("Accept-Encoding", "gzip"))
	if packed.Header.Get("ETag") != "W/"+tag {
		t.Errorf("the compressed answer has the ETag %q, want it weak: its parts are others", packed.Header.Get("ETag"))
	}

	const old, later = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
	for _, tt := range []struct {
		headers []string
		status  int
		bytes   int // of the body
	}{
		{[]string{"Range", "bytes=0-3", "If-Range", tag}, 206, 4},
		{[]string{"Range", "bytes=0-3", "If-Range", "W/" + tag}, 200, len(whole.Body)},
		{[]string{"Range", "bytes=0-3,5-6"}, 200, len(whole.Body)},
		{[]string{"If-None-Match", "W/" + tag}, 304, 0},
		{[]string{"If-Match", tag}, 200, len(whole.Body)},
		{[]string{"If-Match", "*"}, 200, len(whole.Body)},
		{[]string{"If-Match", `"x", ` + tag}, 200, len(whole.Body)},
		{[]string{"If-Match", `"x"`}, 412, -1},
		{[]string{"If-Match", "W/" + tag}, 412, -1},
		{[]string{"If-Match", `"x"`, "Range", "bytes=0-3"}, 412, -1},
		{[]string{"If-Match", `"x"`, "If-None-Match", tag}, 412, -1},
		{[]string{"If-Match", tag, "If-Unmodified-Since", old}, 200, len(whole.Body)},
		{[]string{"If-Unmodified-Since", old}, 412, -1},
		{[]string{"If-Unmodified-Since", modified}, 200, len(whole.Body)},
		{[]string{"If-Unmodified-Since", later}, 200, len(whole.Body)},
		{[]string{"If-Unmodified-Since", "yesterday"}, 200, len(whole.Body)},
	} {
		a := get(tt.headers...)
		if a.Status != tt.status || tt.bytes >= 0 && len(a.Body) != tt.bytes {
			t.Errorf("%q: %d with %d bytes, want %d with %d", tt.headers, a.Status, len(a.Body), tt.status, tt.bytes)
		}
		if tt.status == 412 && !strings.Contains(string(a.Body), `"id":"precondition-failed"`) {
			t.Errorf("%q: %s", tt.headers, a.Body)
		}
	}
}
