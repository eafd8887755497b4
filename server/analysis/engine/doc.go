// Package engine decides what changed between two sets of tests, which tests are
// flaky, and which failures are known. It is plain Go over plain values: sets come
// to it as sorted streams, and it holds one test of each at a time.
package engine
