// Package report is what every reader of results produces: records of single
// tests, damage and warnings, and the rules that make one outcome of them.
//
// A format is a Reader. It finds out from the first bytes whether a file is
// its own, and hands what stands in the file to a Sink, one record at a time,
// so that memory does not grow with the file. Nothing in a file is an error: what
// cannot be read is damage, what is odd a warning. Package intake has the table
// of the readers and turns records into rows.
package report
