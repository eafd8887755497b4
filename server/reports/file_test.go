package reports_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// sendForm uploads files, names and contents by turns.
func sendForm(t testing.TB, s *servertest.Server, token string, fields map[string]string, files ...string) servertest.Answer {
	t.Helper()
	var text bytes.Buffer
	w := multipart.NewWriter(&text)
	for i := 0; i < len(files); i += 2 {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file%d"; filename="%s"`, i, files[i])}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte(files[i+1]))
	}
	for name, value := range fields {
		_ = w.WriteField(name, value)
	}
	_ = w.Close()
	return s.Send("POST", "/upload", &text, raw(token), servertest.With("Content-Type", w.FormDataContentType()))
}

func hasFile(s *servertest.Server, path string) bool {
	return s.Do("GET", "/v1/files/"+path, "", servertest.Admin()).Status == 200
}

// TestFiles_Limits holds files to their limits; what is refused leaves nothing.
func TestFiles_Limits(t *testing.T) {
	t.Parallel()
	small := func(c *server.Config) { c.Uploads.File, c.Reports.MaxFiles = 10, 2 }
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		folder := map[string]string{"path": "f"}
		for _, tt := range []struct {
			name   string
			answer servertest.Answer
			want   int
			file   string // that is there afterwards when the answer is good
		}{
			{"a file that just fits", s.Do("PUT", "/upload/f/fits", "0123456789", servertest.Admin()), 201, "f/fits"},
			{"a byte too many", s.Do("PUT", "/upload/f/large", "0123456789a", servertest.Admin()), 413, "f/large"},
			{"an empty file", s.Do("PUT", "/upload/f/empty", "", servertest.Admin()), 201, "f/empty"},
			{"a form that just fits", sendForm(t, s, servertest.AdminToken, folder, "a", "0123456789", "b", "x"), 200, "f/a"},
			{"a file too many", sendForm(t, s, servertest.AdminToken, folder, "c", "x", "d", "x", "e", "x"), 400, "f/c"},
			{"a large file in a form", sendForm(t, s, servertest.AdminToken, folder, "g", "x", "h", "0123456789a"), 413, "f/g"},
			{"a field that is too long", sendForm(t, s, servertest.AdminToken, map[string]string{"path": strings.Repeat("x", 5000)}, "i", "x"), 400, "f/i"},
			{"a path that is too long", sendForm(t, s, servertest.AdminToken, map[string]string{"path": strings.Repeat("x", 600)}, "i", "x"), 400, "f/i"},
			{"a bad name after a good one", sendForm(t, s, servertest.AdminToken, folder, "j", "x", "../k", "x"), 400, "f/j"},
		} {
			if tt.answer.Status != tt.want {
				t.Errorf("%s: %d %s, want %d", tt.name, tt.answer.Status, tt.answer.Body, tt.want)
			}
			if got, want := hasFile(s, tt.file), tt.want/100 == 2; got != want {
				t.Errorf("%s: is %s there? %v, want %v", tt.name, tt.file, got, want)
			}
		}
	}, small)
}

// TestFiles_ManyOfABuild: a build for arm comes with more than a thousand device trees
// in one form, and a builder of 2018 tries for ever when it is refused.
func TestFiles_ManyOfABuild(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		var files []string
		for i := range 1100 {
			files = append(files, fmt.Sprintf("dtbs/board-%d.dtb", i), "x")
		}
		files = append(files, "dtbs/board-0.dtb", "y")
		for i, want := range []int{1100, 0} {
			a := sendForm(t, s, servertest.AdminToken, map[string]string{"path": "next/arm"}, files...)
			if got := strings.Count(string(a.Body), `"status":201`); a.Status != 200 || got != want {
				t.Fatalf("upload %d: %d, %d new files, want %d: %.300s", i, a.Status, got, want, a.Body)
			}
		}
		if a := s.Do("GET", "/v1/files/next/arm/dtbs/board-0.dtb", "", servertest.Admin()); string(a.Body) != "y" {
			t.Errorf("of two files with one name: %d %s, want the last", a.Status, a.Body)
		}
		if !hasFile(s, "next/arm/dtbs/board-1099.dtb") {
			t.Error("the last file is not there")
		}
	})
}

// TestFiles_FormNames: KernelCI's builders send names with folders, and others
// send names that try to get out.
func TestFiles_FormNames(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	a := sendForm(t, s, servertest.AdminToken, map[string]string{"path": "next/master"}, "dtbs/vendor/board.dtb", "x", "Image", "y")
	if a.Status != 200 || !strings.Contains(string(a.Body), `"filename":"dtbs/vendor/board.dtb"`) || !hasFile(s, "next/master/dtbs/vendor/board.dtb") {
		t.Errorf("a name with folders: %d %s", a.Status, a.Body)
	}
	// As kernelci-core names the files of a folder, and shells the folder itself.
	a = sendForm(t, s, servertest.AdminToken, map[string]string{"path": "./next/./dot/"}, "./kernel.config", "x", "logs/./kernel.log", "y")
	if a.Status != 200 || !strings.Contains(string(a.Body), `"filename":"./kernel.config"`) || !hasFile(s, "next/dot/kernel.config") || !hasFile(s, "next/dot/logs/kernel.log") {
		t.Errorf("a name that begins where it stands: %d %s", a.Status, a.Body)
	}
	for _, name := range []string{"../evil", "../../evil", "a/../../evil", "%2e%2e/evil", "..%2fevil", "/etc/evil", `..\\evil`, "a//evil", ".", "./../evil", "./."} {
		if a := sendForm(t, s, servertest.AdminToken, map[string]string{"path": "d"}, name, "x"); a.Status != 400 {
			t.Errorf("%s: %d %s, want 400", name, a.Status, a.Body)
		}
	}
}

// TestLabToken_OwnLabOnly: whatever a lab's token may do, it may do for its lab.
func TestLabToken_OwnLabOnly(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		all := newToken(t, s, `{"email":"e","post":1,"delete":1,"lab":1,"upload":1,"test_lab":1,"get":1}`)
		post(t, s, 201, "/lab", fmt.Sprintf(`{"name":"lab-a","token":%q,"contact":{"name":"a","surname":"b","email":"c"}}`, all))
		newLab(t, s, "lab-b")
		boot := `{"lab_name":%q,"job":"j","kernel":"k","defconfig":"d","board":"b"}`
		group := `{"lab_name":%q,"name":"g","job":"j","kernel":"k","test_cases":[{"name":"c"}]}`
		post(t, s, 202, "/boot", fmt.Sprintf(boot, "lab-b"))
		post(t, s, 201, "/test/group", fmt.Sprintf(group, "lab-b"))
		theirs := func(path string) string {
			return get(t, s, path+"?lab_name=lab-b").Result[0]["_id"].(map[string]any)["$oid"].(string)
		}
		bootB, groupB, caseB := theirs("/boot"), theirs("/test/group"), theirs("/test/case")
		for _, tt := range []struct {
			method, path, body string
			want               int
			words              bool // of the original
		}{
			{"POST", "/boot", fmt.Sprintf(boot, "lab-a"), 202, false},
			{"POST", "/boot", fmt.Sprintf(boot, "lab-b"), 403, true},
			{"POST", "/callback/lava/test?lab_name=lab-a", lavaJob(t, nil), 202, false},
			{"POST", "/callback/lava/test?lab_name=lab-b", lavaJob(t, nil), 403, true},
			{"POST", "/callback/lava/boot?lab_name=lab-b", lavaJob(t, nil), 403, true},
			{"POST", "/test/group", fmt.Sprintf(group, "lab-a"), 201, false},
			{"POST", "/test/group", fmt.Sprintf(group, "lab-b"), 403, true},
			{"PUT", "/test/group/" + groupB, `{"lab_name":"lab-a"}`, 403, true},
			{"PUT", "/test/case/" + caseB, `{"status":"FAIL"}`, 403, true},
			{"POST", "/test/case", fmt.Sprintf(`{"name":"d","test_group_id":%q}`, groupB), 403, true},
			{"DELETE", "/test/case/" + caseB, "", 403, true},
			{"DELETE", "/test/group/" + groupB, "", 403, true},
			{"DELETE", "/boot/" + bootB, "", 403, false},
			{"DELETE", "/boot?job=j", "", 200, false},
			{"PUT", "/upload/next/lab-a/log.txt", "x", 201, false},
			{"PUT", "/upload/next/lab-b/log.txt", "x", 403, false},
			{"PUT", "/upload/next/lab-a", "x", 403, false},
		} {
			a := s.Do(tt.method, tt.path, tt.body, servertest.JSON(), raw(all))
			if a.Status != tt.want || tt.words && !strings.Contains(string(a.Body), "Provided authentication token is not associated with lab 'lab-b' or is not valid") {
				t.Errorf("%s %s %.60s: %d %s, want %d", tt.method, tt.path, tt.body, a.Status, a.Body, tt.want)
			}
		}
		fields := map[string]string{"job": "j", "git_branch": "b", "kernel": "k", "arch": "a", "defconfig": "d", "lab_name": "lab-b"}
		if a := sendForm(t, s, all, fields, "x", "x"); a.Status != 403 {
			t.Errorf("files for another lab: %d %s", a.Status, a.Body)
		}
		fields["lab_name"] = "lab-a"
		if a := sendForm(t, s, all, fields, "x", "x"); a.Status != 200 {
			t.Errorf("files for the own lab: %d %s", a.Status, a.Body)
		}
		if n := get(t, s, "/boot?lab_name=lab-b").Count; n != 1 || get(t, s, "/boot?lab_name=lab-a").Count != 0 {
			t.Errorf("a deletion by a lab: %d boots of the other lab are left, want 1", n)
		}
	})
}
