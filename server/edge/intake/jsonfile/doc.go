// Package jsonfile is the ground under all readers of results in JSON: it walks
// a document member by member, or a file with a value on each line, and hands the
// values over one at a time, so that memory does not grow with the file. Nothing
// in a file is an error: what cannot be read is damage with its place.
//
// A reader of a format is a package beside this one, and says only which member
// means what.
package jsonfile
