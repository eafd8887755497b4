// Package products is SPI: products and their test specs, what is advertised for
// them, the test opportunities that follow, the agents that run them, their
// results, and the event log and webhooks through which all of it is followed.
//
// The rules live in packages of plain values: trigger decides what an
// advertisement makes, lifecycle what may become of an opportunity, waiting why
// it waits, dates what a date means. This package loads rows, asks them, and
// stores the answer with its events in one transaction.
//
// A caller sees the products of its tenant; everybody else's do not exist for
// it. Documents of SPI's clients go through unchanged where the contract calls
// them opaque, which is why answers are written by this package (answer.go) and
// not by an encoder that would strip white space.
package products
