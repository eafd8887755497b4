package lab_test

import (
	"time"

	"github.com/slipway-lab/slipway/store"
)

type storeTx = store.Store

func leaseOf(root string, until time.Time) store.LabLease {
	return store.LabLease{Root: root, Owner: "a server that was killed", Until: until}
}
