package storetest_test

import (
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// Used: tokens and settings are no use; a row of an area is.
func TestUsed(t *testing.T) {
	t.Parallel()
	for i, a := range areas.Schemas() {
		if len(a.Roots) == 0 {
			t.Errorf("area %d names no tables", i)
		}
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.CheckFingerprint(t.Context(), []byte("fingerprint")); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateToken(t.Context(), &store.Token{Kind: "u", Name: "n", Owner: "o", Prefix: "p", Hash: make([]byte, 32)}); err != nil {
			t.Fatal(err)
		}
		if table, err := s.Used(t.Context()); table != "" || err != nil {
			t.Errorf("a new store: %q %v, want none", table, err)
		}
		if err := results.New(s).CreateRun(t.Context(), &results.Run{}); err != nil {
			t.Fatal(err)
		}
		if table, err := s.Used(t.Context()); table != "runs" || err != nil {
			t.Errorf("with a run: %q %v, want runs", table, err)
		}
	})
}
