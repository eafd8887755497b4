// Package scratch lays the tables of a dump out in a database of its own, so that rows
// are found by what they refer to: a dump has them in the order of their tables' names,
// and what belongs together stands far apart. The database is a file without a name that
// goes with the process, as large as the wanted tables are, and memory holds little of
// it. It is no part of what an import keeps: one that goes on reads the dump again.
//
// A dump is SQL text, compressed or not, or a SQLite file itself.
package scratch
