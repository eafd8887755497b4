package edge

import (
	"context"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// unversioned are the paths that stand outside the version: nothing is put
// before them.
var unversioned = []string{
	"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/openapi.yaml", "/ui", "/favicon.ico", "/v3", "/versions",
}

// nameVersion brings the three ways to name version 1 together: the prefix
// /v1, Drydock's prefix /api/v1.0, or no prefix and a version in the Accept
// header (KernelCI). It collapses repeated slashes, drops a trailing one and
// never redirects, because curl and the runners follow no redirect after a POST.
func nameVersion(next http.Handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, named := versionedPath(cleanPath(r.URL.EscapedPath()))
		if err := checkVersions(r, path, named); err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, withPath(r, path))
	})
}

// checkVersions reads the headers that may ask for a version. What stands
// outside the version answers whatever they say.
func checkVersions(r *http.Request, path string, named bool) error {
	if !under(path, "/v1") {
		return nil
	}
	if !named {
		if err := checkAcceptVersion(r.Header.Values("Accept")); err != nil {
			return err
		}
	}
	return checkMicroversion(r.Header.Values("OpenStack-API-Version"))
}

// cleanPath works on the escaped path, so that %2F inside a segment stays what
// it is.
func cleanPath(path string) string {
	var b strings.Builder
	b.Grow(len(path) + 1)
	slash := false
	for _, c := range []byte("/" + path) {
		if c != '/' || !slash {
			b.WriteByte(c)
		}
		slash = c == '/'
	}
	if clean := b.String(); len(clean) > 1 {
		return strings.TrimSuffix(clean, "/")
	}
	return "/"
}

// versionedPath returns the path as the document has it, and whether the caller
// named the version in it (or asked for something outside the version).
func versionedPath(path string) (as string, named bool) {
	if path == "/" || slices.ContainsFunc(unversioned, func(p string) bool { return under(path, p) }) {
		return path, true
	}
	if under(path, "/v1") {
		return path, true
	}
	if rest, ok := strings.CutPrefix(path, "/api/v1.0"); ok && (rest == "" || rest[0] == '/') {
		return "/v1" + rest, true
	}
	return "/v1" + path, false
}

func under(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}

var acceptVersion = regexp.MustCompile(`^application/v([0-9]+)$`)

// checkAcceptVersion answers 406 when every media range of the Accept header
// asks, in KernelCI's way, for a version that does not exist. A range that asks
// for no version, or that cannot be read, is content with version 1; one of
// weight 0 asks for nothing.
func checkAcceptVersion(lines []string) error {
	refused := false
	for _, item := range mediaRanges(strings.Join(lines, ",")) {
		media, params, err := mime.ParseMediaType(item)
		if err != nil {
			if strings.TrimSpace(item) != "" {
				return nil
			}
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		if m := acceptVersion.FindStringSubmatch(media); m == nil || m[1] == "1" {
			return nil
		}
		refused = true
	}
	if !refused {
		return nil
	}
	return fault.New(http.StatusNotAcceptable, "version-not-acceptable",
		"the Accept header asks for a version of the API that does not exist; there is application/v1")
}

// mediaRanges takes a list apart at its commas, but those inside quotes.
func mediaRanges(list string) (ranges []string) {
	start, quoted := 0, false
	for i := range len(list) {
		switch c := list[i]; {
		case c == '"' && (i == 0 || list[i-1] != '\\'):
			quoted = !quoted
		case c == ',' && !quoted:
			ranges = append(ranges, list[start:i])
			start = i + 1
		}
	}
	return append(ranges, list[start:])
}

var microversion = regexp.MustCompile(`^([1-9][0-9]*)\.([1-9][0-9]*|0)$`)

// serviceType is what OpenStack-API-Version calls this service.
const serviceType = "test-lab"

// checkMicroversion reads OpenStack-API-Version. Entries of other services are
// ignored; ours must be 1.0 or latest, the only microversion there is.
func checkMicroversion(lines []string) error {
	for _, line := range lines {
		for _, item := range strings.Split(line, ",") {
			fields := strings.Fields(item)
			if len(fields) == 0 || fields[0] != serviceType {
				continue
			}
			if len(fields) != 2 {
				return badMicroversion()
			}
			if fields[1] == "latest" {
				continue
			}
			m := microversion.FindStringSubmatch(fields[1])
			if m == nil {
				return badMicroversion()
			}
			if major, err := strconv.Atoi(m[1]); err != nil || major != 1 || m[2] != "0" {
				return noMicroversion()
			}
		}
	}
	return nil
}

// noMicroversion says which ones there are where OpenStack's clients look for it
// (api-sig: guidelines/microversion_specification.rst).
func noMicroversion() error {
	const version = "1.0"
	f := fault.New(http.StatusNotAcceptable, "version-not-acceptable",
		"OpenStack-API-Version asks for a microversion that does not exist; min_version is %s and max_version is %s", version, version)
	f.MinVersion, f.MaxVersion = version, version
	f.Errors = []fault.Entry{{In: "header", Parameter: "OpenStack-API-Version", Message: "asks for a microversion that does not exist"}}
	return f
}

func badMicroversion() error {
	return fault.InvalidField("header", "OpenStack-API-Version", `must read "%s 1.0" or "%s latest"`, serviceType, serviceType)
}

// withPath returns a request for another escaped path.
func withPath(r *http.Request, escaped string) *http.Request {
	if escaped == r.URL.EscapedPath() && r.URL.RawPath == "" {
		return r
	}
	r2 := r.WithContext(r.Context())
	u := *r.URL
	u.Path, u.RawPath = unescape(escaped), escaped
	if u.Path == escaped {
		u.RawPath = ""
	}
	r2.URL = &u
	return r2
}

// headAsGet lets HEAD reach the operation of GET; net/http drops the body and
// keeps the length.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

type headKey struct{}
