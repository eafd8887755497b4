package refstack_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

var updateGolden = flag.Bool("update", false, "write the golden files in testdata anew")

// sendBytes sends a recorded request as it is and returns the answer, which the
// document must know.
func sendBytes(t *testing.T, s *servertest.Server, request string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	asked, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), asked)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := servertest.Check(asked.Method, asked.URL.EscapedPath(), resp.StatusCode, resp.Header, body); err != nil {
		t.Errorf("%s %s answered %d against the document: %v", asked.Method, asked.URL, resp.StatusCode, err)
	}
	if resp.Header.Get("Content-Encoding") == "gzip" { // the client asks for it
		body = unzip(t, body)
	}
	return resp.StatusCode, string(body)
}

func unzip(t *testing.T, body []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var (
	anyUUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyTime = regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:]{8}`)
)

// checkGolden compares with a file in which ids and times are neutral.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	got = anyTime.ReplaceAllString(anyUUID.ReplaceAllString(got, "UUID"), "TIME")
	file := filepath.Join("testdata", "client", name)
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\ngot  %s\nwant %s", name, got, want)
	}
}

// TestRefstackClient replays what refstack-client (its last version, under
// Python 3.11) sent to upload, to upload signed, and to list; the key is the one
// whose registration its command "sign" printed.
func TestRefstackClient(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me := owner(t, s, "me")
		status, _ := sendBytes(t, s, sample(t, "client/signed_upload.http"))
		if status != 401 {
			t.Errorf("signed upload before the key is known: %d, want 401", status)
		}
		decode[string](t, s.Do("POST", "/v1/profile/pubkeys", sample(t, "client/key.json"), servertest.JSON(), servertest.As(me)), 201)
		for _, tt := range []struct {
			request, answer string
			want            int
		}{
			{"upload.http", "upload.json", 201},
			{"signed_upload.http", "upload.json", 201},
			{"list.http", "list.json", 200},
		} {
			status, body := sendBytes(t, s, sample(t, "client/"+tt.request))
			if status != tt.want {
				t.Errorf("%s: %d, want %d\n%.500s", tt.request, status, tt.want, body)
			}
			checkGolden(t, tt.answer, body)
		}
		mine := decode[page](t, s.Do("GET", "/v1/results?signed=1", "", servertest.As(me)), 200)
		if len(mine.Results) != 1 {
			t.Fatalf("signed results: %+v", mine.Results)
		}
		r := decode[result](t, s.Do("GET", "/v1/results/"+mine.Results[0].ID, "", servertest.As(me)), 200)
		if len(r.Results) != 106 || r.DurationSeconds != 612 {
			t.Errorf("the signed result has %d tests in %d s", len(r.Results), r.DurationSeconds)
		}
	})
}

// TestRefstackClient_Bytes checks that what is stored is what the client sent.
func TestRefstackClient_Bytes(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	request := sample(t, "client/upload.http")
	_, body, _ := strings.Cut(request, "\r\n\r\n")
	if status, text := sendBytes(t, s, request); status != 201 {
		t.Fatalf("%d %s", status, text)
	}
	raw := s.Do("GET", "/v1/runs/1/results/current/raw", "", servertest.Admin())
	if raw.Status != 200 || !bytes.Equal(raw.Body, []byte(body)) {
		t.Errorf("%d: stored %d bytes, sent %d", raw.Status, len(raw.Body), len(body))
	}
}
