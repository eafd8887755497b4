package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/store"
)

// TestAudit_NoneIsMissed: entries appear in the order of their ids, however many
// write at once, so that whoever reads on from the last one misses none.
func TestAudit_NoneIsMissed(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		const writers, each = 8, 25
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					entry := store.AuditEntry{At: s.Now(), Event: "test", Object: fmt.Sprintf("%d/%d", w, i), Decision: "allowed"}
					if err := s.AddAudit(t.Context(), []store.AuditEntry{entry, entry}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			all.Wait()
			close(done)
		}()
		last, seen := int64(0), 0
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
			}
			list, err := s.ListAudit(t.Context(), store.AuditFilter{Page: store.Page{Limit: 1000}})
			if err != nil {
				t.Fatal(err)
			}
			old := 0
			for _, e := range list.Items {
				if e.ID <= last {
					old++
				}
			}
			if old != seen {
				t.Fatalf("there are %d entries up to id %d, but when that was the last one there were %d", old, last, seen)
			}
			if seen = len(list.Items); seen > 0 {
				last = list.Items[0].ID
			}
		}
		if seen != 2*writers*each {
			t.Errorf("%d entries, want %d", seen, 2*writers*each)
		}
	})
}
