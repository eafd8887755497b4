//go:build !race

package storetest

// Race tells whether the race detector watches. It makes everything several
// times slower, and needs less data than a test without it to see the same.
const Race = false
