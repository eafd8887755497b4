// Package tap reads TAP 12 to 14 and KTAP, the kernel's form of it: reports of
// lines, one for each test, with subtests indented before the line of their
// parent.
//
// What a line means is in TAP's specification (testanything.org) and, for KTAP,
// in the kernel's Documentation/dev-tools/ktap.rst. Where producers differ from
// them (perl's Test::More, node, bats, tape, ava, mocha, KUnit, kselftest) the
// place says so.
//
// A parent is known only after its subtests, so these are held until its line
// comes. Nothing else is held but the names of each level, eight bytes a name.
package tap
