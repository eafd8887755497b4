// Package results is RefStack's side: clouds under test, runs of tests on
// them, what runners say about a run, and the results they upload.
//
// A run is what RefStack calls a test; on the wire its id stays test_id. An
// uploaded file is stored first, as it came, and read from there: its format is
// found from the bytes, and its single tests become rows in slices, so that a
// large upload never keeps other writers waiting. It becomes visible with its
// last slice. A file that cannot be understood is kept all the same, and never
// counts as a pass.
package results
