package storetest_test

import (
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// What a database does not wait for is named; SQLite waits for all.
func TestUndurable(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		for _, setting := range []string{"on", "off"} {
			here := cfg
			if cfg.Database != "" {
				here.Database += "&synchronous_commit=" + setting
			}
			off, err := storetest.Open(t, here).Undurable(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if named, want := slices.Contains(off, "synchronous_commit"), cfg.Database != "" && setting == "off"; named != want {
				t.Errorf("synchronous_commit=%s: %v", setting, off)
			}
			if cfg.Database == "" && len(off) > 0 {
				t.Errorf("SQLite: %v", off)
			}
		}
	})
}
