// Package trigger decides what an advertisement sets off: given a product, its
// test specs and gold masters as they are stored, and something newly advertised
// (an image, a snap revision or a gold master), which test opportunities are to be
// made, in which order, and which older ones are superseded.
//
// SPI's own API reference left these rules open ("FIXME", docs/api-reference-products.md
// of tanuki-agent, 2016-01-04). The rules here are those of the project's SPI
// contract, section 6; testdata/scenarios.json plays them through.
//
// Everything is a plain value. The package reads no store and no clock, makes no
// random ids, and does not ask who is calling: Decide may be run again inside a
// transaction that is retried and answers the same.
package trigger
