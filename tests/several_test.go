package tests

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// form is a body of several files, and its type.
func form(t *testing.T, files ...string) (body, media string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i, text := range files {
		p, err := w.CreateFormFile("file", fmt.Sprintf("%d.subunit", i))
		if err == nil {
			_, err = p.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), w.FormDataContentType()
}

// Files that were posted together, or added, are in the backup, and neither it nor the
// doctor misses a file that there never was: the name of their list is no file's.
func TestBackup_SeveralFiles(t *testing.T) {
	t.Parallel()
	data, dir, restored := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	p := startProcess(t, data, "--min-free", "0")
	posted := [][]string{{oneRed, "success: b\n"}, {"success: one\n"}, {"", "success: c\n"}}
	for i, files := range posted {
		body, media := form(t, files...)
		if status, text, err := p.call("POST", "/v1/post-result", media, body); err != nil || status != http.StatusCreated {
			t.Fatalf("upload: %d %s %v", status, text, err)
		}
		added := fmt.Sprintf("failure: added [\n%d\n]\n", i)
		body, media = form(t, added)
		if status, text, err := p.call("POST", fmt.Sprintf("/v1/post-result?add=true&test_id=%d", i+1), media, body); err != nil || status != http.StatusCreated {
			t.Fatalf("add: %d %s %v", status, text, err)
		}
		posted[i] = append(files, added)
	}
	if out, err := command(t, "backup", dir, "--data", data); err != nil {
		t.Errorf("slipway backup: %v\n%s", err, out)
	}
	if out, _ := command(t, "doctor", "--deep", "--data", data); !strings.Contains(out, "ok     blobs") || !strings.Contains(out, "0 files more than are named") {
		t.Errorf("slipway doctor:\n%s", out)
	}
	if out, err := command(t, "restore", dir, "--data", restored); err != nil {
		t.Fatalf("slipway restore: %v\n%s", err, out)
	}
	p.kill(t)
	p = startProcess(t, restored)
	for i, files := range posted {
		for n, want := range files {
			path := fmt.Sprintf("/v1/runs/%d/results/current/files/%d", i+1, n)
			if status, body, err := p.call("GET", path, "", ""); err != nil || status != http.StatusOK || string(body) != want {
				t.Errorf("%s after the restore: %d %.80q %v, want %q", path, status, body, err, want)
			}
		}
	}
}
