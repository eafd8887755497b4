// Command bench measures a running server from outside and prints what it found as
// a table and as JSON. `make bench-service ARGS="…"` builds the server and runs it.
//
// A scenario starts each of its subjects anew, on fresh data that is the same in
// every run: the server of this tree, with -against one of another commit, and the
// peers that tests/bench/peers/get has built. The subjects of a scenario take turns
// within one run, so that a slow minute of the machine meets all of them; compare
// figures of one run only.
//
// Load is open: a request is due at a time that was fixed before, whatever became
// of the one before it, and its latency counts from then. Where a figure is a
// throughput, every connection is kept busy instead.
package main
