package server_test

import (
	"net/http"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
	"github.com/slipway-lab/slipway/store/storetest/proxy"
)

// A standby that goes away in the middle of a question costs nobody an answer: the
// primary gives it.
func TestStandby_GoesAway(t *testing.T) {
	t.Parallel()
	pair := storetest.NewPair(t)
	between := proxy.New(t, pair.Standby)
	db := storetest.Open(t, store.Config{DataDir: t.TempDir(), Database: pair.Primary, DatabaseRead: between.URL, MaxConns: 4})
	s := servertest.On(t, db)
	const junit = `<testsuite name="s"><testcase classname="c" name="red"><failure message="m"/></testcase></testsuite>`
	for range 2 {
		if a := s.Do("POST", "/v1/post-result", junit, servertest.With("Content-Type", "application/xml")); a.Status != http.StatusCreated {
			t.Fatalf("upload: %d %s", a.Status, a.Body)
		}
	}
	for _, path := range []string{"/v1/test-results?status=fail", "/v1/test-history?name=c.red", "/v1/compare?base=run:1&head=run:2"} {
		// Only what reads rows has FROM; what is asked of the standby before has not.
		between.CutBefore("FROM", 1)
		await.That(t, path+" was to be read from the standby", func() bool {
			a := s.Do("GET", path, "", servertest.Admin())
			if a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s", path, a.Status, a.Body)
			}
			return between.Cuts() == 0
		})
	}
}
