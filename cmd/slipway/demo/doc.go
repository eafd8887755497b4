// Package demo fills an empty server with a lab that looks as if it had run for a
// month: clouds and runs, kernels, products with agents at work, nodes and tasks,
// with regressions, flaky tests, known issues and damage among them.
//
// It speaks to a server of its own in this process, through the published
// operations, one after another in the order of their time. That server's clock is
// a Clock, which stands where the story is: so every row, event and comparison is
// what a server of that day would have made, and this package knows no table. A
// running server could not be filled so, because its times are its own clock's; for
// the same reason as an import, a demo is made in the store.
//
// The same seed tells the same story, relative to the time of its end. Only the steps
// of the lab's simulator overlap, so that their times differ by seconds.
package demo
