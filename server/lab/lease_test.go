package lab_test

import (
	"time"

	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

type storeTx = store.Store

func leaseOf(root string, until time.Time) labstore.Lease {
	return labstore.Lease{Root: root, Owner: "a server that was killed", Until: until}
}
