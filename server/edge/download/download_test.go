package download

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

func send(t *testing.T, name, rangeHeader string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if rangeHeader != "" {
		r.Header.Set("Range", rangeHeader)
	}
	w := httptest.NewRecorder()
	const content = "0123456789"
	err := File{Name: name, Tag: "t", Modified: time.Unix(1, 0), Size: int64(len(content)), Content: strings.NewReader(content)}.Send(w, &call.Info{HTTP: r})
	return w, err
}

func TestFile_Send_Names(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"result.txt":             "attachment; filename=result.txt",
		"two words":              `attachment; filename="two words"`,
		`quote".txt`:             `attachment; filename="quote\".txt"`,
		"../../etc/passwd":       "attachment; filename=.._.._etc_passwd",
		"a\r\nSet-Cookie: x=y":   `attachment; filename="a__Set-Cookie: x=y"`,
		"":                       "attachment; filename=file",
		strings.Repeat("x", 999): "attachment; filename=file",
		"ünïcode":                "attachment; filename*=utf-8''%C3%BCn%C3%AFcode",
	} {
		w, err := send(t, name, "")
		if got := w.Header().Get("Content-Disposition"); err != nil || got != want {
			t.Errorf("name %.30q: %q, %v; want %q", name, got, err, want)
		}
	}
}

// FuzzRange holds checkRange against net/http: what it lets through is never
// answered with net/http's own 416, and what is no range gives the whole file.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-3", "bytes=-1", "bytes=5-", "bytes=9-2", "bytes=10-", "bytes=0-0,2-3", "bytes=", "x", "bytes=-0", "bytes= 1-2 , 3-4", "bytes=99999999999999999999-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		w, err := send(t, "x", header)
		if err != nil {
			if got := fault.From(err).Status; got != http.StatusRequestedRangeNotSatisfiable {
				t.Errorf("Range %q: fault %d", header, got)
			}
			return
		}
		switch w.Code {
		case http.StatusOK:
			if w.Body.String() != "0123456789" {
				t.Errorf("Range %q: 200 with %q", header, w.Body)
			}
		case http.StatusPartialContent:
		default:
			t.Errorf("Range %q: %d from net/http itself", header, w.Code)
		}
	})
}
