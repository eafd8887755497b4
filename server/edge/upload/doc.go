// Package upload reads request bodies the way test runners really send them:
// an uploaded file with a few short text fields around it. It streams. The
// file goes to a writer of the caller while it arrives, and memory stays the
// same for one byte and for a gigabyte.
//
// It stops at bytes and text: what is in the file, which run an id names and
// which status an error gets are for others to say. Content-Encoding is
// undone by the caller before the body comes here.
//
// Why not the standard library's ParseForm and ParseMultipartForm: both lose
// requests that runners of RefStack (2014) send. ParseForm drops a pair with a
// semicolon or a lone percent sign, which is what curl --data makes of
// "status=step 1; 50% done", and stops at 10 MiB; ParseMultipartForm takes a
// part without a filename for text and refuses it above its memory limit.
//
// # What counts as the file
//
// The file can come in five ways. The numbers are those of the wire forms that
// runners are known to use.
//
//   - multipart/form-data (1, 3, 4): every part named as the file, with or
//     without a filename, with or without its own Content-Type.
//   - application/x-www-form-urlencoded (2): every field named as the file.
//     python-requests posts an open file as one field per line of the file
//     (refstack tools/tester/tester at 4ad1633), so the values are joined in
//     order, byte for byte.
//   - the same Content-Type, but the body does not start with a known name and
//     "=" (5): curl --data-binary says "form" about any bytes. The body itself
//     is the file.
//   - application/json (6): the body is the file, but if it is an object that
//     has a member named as the file, that member is (see [Section]).
//   - anything else, or no Content-Type (7): the body is the file.
//
// Several fields named as the file are one file: their contents are joined in
// order. So are several parts, unless the caller wants to know where each begins
// (Options.Part). The runner of April 2014 joins its numbered result files
// before it posts them.
//
// # Rules for text
//
// A form is split at "&" only. "+" is a space, and a "%" that two hexadecimal
// digits do not follow stays a "%". Text fields are repaired to UTF-8, a U+FFFD
// for each wrong byte; the file is bytes and never touched. The query string
// follows the same rules. Fields that the caller does not name are passed over.
//
// One field may be given in several places (path, query, body). Equal values
// are one value, an empty value is no value, and different values are an error
// of kind [Conflict].
package upload
