// Package store keeps everything Slipway knows: in one SQLite file by default,
// in PostgreSQL when several replicas share the work. It is the only package
// that knows GORM and SQL; everybody else sees plain structs and the errors of
// errors.go.
//
// # Writing
//
// Every change runs inside [Store.InTx]. On SQLite one writer collects the
// closures that are waiting and commits them together (group commit), so a
// closure
//
//   - may run again when the database asks for it, and must therefore have no
//     effect outside the transaction; such effects belong in [Store.AfterCommit],
//   - must be quick: everybody else's writes wait for it, so nothing slow, no
//     network, no large parse,
//   - must use the store it is given. Using the outer store inside a closure
//     reads old data, and writing through it waits for itself forever.
//
// When InTx returns nil the change is on disk.
//
// # Writing a new area
//
// One file per thing. The file registers its models and the columns that name
// blobs (see register.go), its tables come with a migration per dialect (see
// migrate.go for the numbers), and its behaviour is tested in storetest on both
// databases. Reads go through s.read(ctx), writes through tx.db inside InTx; the
// field db is nil outside a transaction so that a stray write fails at once.
package store
