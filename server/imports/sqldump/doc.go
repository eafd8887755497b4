// Package sqldump reads the rows out of a database's dump in SQL: what mysqldump,
// mariadb-dump, pg_dump and the program sqlite3 (.dump) write. It runs no SQL and
// knows no schema; of the statements it understands those that bring rows (INSERT,
// REPLACE, COPY), those that name columns (CREATE TABLE) and those that say how texts
// are written (SET NAMES, SET client_encoding, SET standard_conforming_strings), and it
// passes over all others.
//
// Nothing in a dump is an error: what cannot be read comes as Damage with its line, and
// reading goes on behind it. Damage says whether rows may have been lost with it, since
// whoever counts them must know. A text is never taken for a statement: behind a break
// only a line that begins like one of the dump's own begins another statement, and the
// break itself has been told by then.
//
// Memory holds one row, of which the longest has a limit (Options.MaxRow).
package sqldump
