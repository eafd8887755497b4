//go:build race

package bootfiles

// allocationFactor allows for the race detector, under which many allocations
// are larger.
const allocationFactor = 2
