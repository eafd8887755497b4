// Package imports takes over what another system has kept: it reads a dump piece by
// piece, hands the pieces to whoever knows the system, and keeps in the database how
// far it has come.
//
// How far an import of a file has come stands in the same transaction as the rows of
// that part (Run). A process that is killed loses at most a part that was not
// committed, and the next one goes on behind the last part that was, with its counts:
// it ends with the report that an undisturbed one would have had. A file that is not
// the same up to that place is read from its beginning, which is safe, since everything
// keeps its id and what is there already stays as it is.
//
// The package knows no system. Each area has the side of its own system: server/reports
// that of kernelci-backend, server/refstack that of RefStack, server/results those of
// subunit2sql and of folders with JUnit files, server/lab that of Drydock. Dumps in SQL are
// read by package sqldump and laid out by package scratch; a run of another system becomes
// a result in package runs.
package imports
