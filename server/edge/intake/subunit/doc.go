// Package subunit turns an uploaded test result into records of single tests.
//
// It reads subunit v2 (binary packets), subunit v1 (lines), the four JSON
// shapes that RefStack's runners and servers have used, and hands JUnit XML to
// its own reader. The format is found from the bytes alone. [Parse] reads a stored upload twice,
// once to find the format and once to read it, and hands every record to a
// callback as soon as its test has ended; what it keeps in memory is a window
// of a few MiB and the tests that are open at the moment. [Gunzip] takes one
// gzip layer off beforehand, because attachments are reported as places in the
// decompressed bytes and not copied.
//
// Uploads come from strangers and are often damaged: cut off, mixed with build
// output, concatenated from several tools. Nothing in them is an error here.
// The parser never stops at the first fault, never guesses a result, and lists
// what was wrong as [Damage] in the [Report]. Errors are kept for a file that
// cannot be read and for a callback that refuses to go on.
//
// The package stops at records. It folds them into one status per test id and
// one outcome per upload ([Tally], [Counts.Outcome]), but knows nothing of
// runs, storage or HTTP.
//
// Where python-subunit (testing-cabal/subunit) and testtools do something odd
// that clients rely on, it is done here too and named at its place; where they
// lose data, it is not.
package subunit
