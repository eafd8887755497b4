package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// An object store that says another size than was sent has lost nothing yet: who
// uploads is told to send it again, not that the bytes are gone.
func TestObjectStore_Lies(t *testing.T) {
	t.Parallel()

	objects := objectstore.Start(t)
	place, err := url.Parse(objects.URL("lab"))
	if err != nil {
		t.Fatal(err)
	}
	query := place.Query()
	behind, err := url.Parse(query.Get("endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	var lies atomic.Bool
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host },
		ModifyResponse: func(r *http.Response) error {
			if lies.Load() && r.Request.Method == http.MethodHead && r.StatusCode == http.StatusOK {
				r.Header.Set("Content-Length", "1")
			}
			return nil
		},
	})
	t.Cleanup(front.Close)
	query.Set("endpoint", front.URL)
	place.RawQuery = query.Encode()
	s := servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir(), Blobs: place.String(), BlobCredentials: objects.Credentials}))
	lies.Store(true)
	const file = `<testsuite><testcase name="a"/></testsuite>`
	a := post(s, "/v1/post-result", file, servertest.With("Content-Type", "application/xml"))
	if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(string(a.Body), "nothing was changed") {
		t.Errorf("an upload whose object has another size: %d %s", a.Status, a.Body)
	}
	lies.Store(false)
	if a := post(s, "/v1/post-result", file, servertest.With("Content-Type", "application/xml")); a.Status != http.StatusCreated {
		t.Errorf("the same again: %d %s", a.Status, a.Body)
	}
}
