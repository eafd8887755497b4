//go:build !race

package bootfiles

const allocationFactor = 1
