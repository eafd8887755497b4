// Package store keeps everything Slipway knows: in one SQLite file by default,
// in PostgreSQL when several replicas share the work. Only it and the packages
// below it know GORM and SQL; everybody else sees plain structs and the errors of
// package storeerr.
//
// This package opens the database, runs transactions, and keeps what every area
// writes: tokens, the audit log, the event log, answers to idempotency keys, blobs.
// The rows of an area are in a package of the area's name:
//
//	results   clouds, runs, results and their tests; what was read from any upload
//	refstack  what RefStack's later API says of results, public keys
//	products  products, opportunities, agents, webhooks
//	reports   KernelCI's collections and files
//	lab       tasks, designs, machines, nodes
//	search    single tests, whoever reported them
//
// Package areas names them all. storetest holds the tests that every database
// passes, storeerr the errors, internal what the packages of the areas share.
//
// # Writing
//
// Every change runs inside [Store.InTx]. On SQLite the closures that are waiting
// at the same time share a transaction and are committed together (group commit),
// so a closure
//
//   - may run again, when the database asks for it or another closure failed that
//     shared its transaction, and must therefore have no effect outside the
//     transaction; such effects belong in [Store.AfterCommit],
//   - must be quick: everybody else's writes wait for it, so nothing slow, no
//     network, no large parse,
//   - must use the store it is given. Using the outer store inside a closure
//     reads old data, and writing through it waits for itself forever.
//
// When InTx returns nil the change is on disk.
//
// # Blobs
//
// Uploaded bytes lie in one place: a directory (fileblob.go) or a bucket
// (objectblob.go, on package bucket). The row in which the database names the place is
// asked whenever a blob is begun and committed (placedblob.go), so that all servers
// follow a move (blobmove.go). In a bucket the name of an object says nothing: the
// table blobs leads from a content to its object, and its row is durable before any
// row that names the content.
//
// # Partitions
//
// On PostgreSQL the event log and single tests lie in partitions (partition.go).
//
// # A new area
//
// The area's Store has a *Store inside, so that its transactions may also append
// events, make tokens and wake those who wait, and an InTx of its own that gives
// closures the area's Store. It reaches its tables through [Store.DB]:
// s.db.Read(ctx) reads, tx.db.Tx writes inside InTx and is nil outside, so that a
// stray write fails at once. The area's Schema lists its models and the columns
// that name blobs, and goes into the list of package areas. Its tables come with a
// migration per dialect (see migrate.go), its tests into storetest.
package store
