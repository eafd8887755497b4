// Package guide is the guides at /docs/guide/: how to do one thing from its beginning
// to its end, each in a Markdown file of this directory that is rendered when the
// server starts. Whoever may see the explorer may see them.
//
// Every command of a guide is run by tests/guide_test.go, from the guide's own text, on
// a fresh server:
//
//   - A block "sh" is run. All blocks of a guide are one script for bash, which ends at
//     the first command that fails. The server is where the guide says (127.0.0.1:8080),
//     unless the guide starts one itself, and slwu_… is its token.
//   - A block "text" is what the commands print: each of its lines must be printed, and
//     … stands for anything.
//   - A block "yaml" or "groovy" is a file for another system: the test reads it and runs
//     the commands that it holds.
//   - A block "console" is for what a test cannot have, such as somebody's cloud.
//
// A new guide is a file, and a name in order. Links between guides are written with
// .md, so that they work between the files as well.
package guide
