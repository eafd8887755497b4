// Package document holds what the KernelCI part knows about its resources
// apart from HTTP and the store: which fields a job, build, boot, lab, token,
// test group or test case has, what a posted body may look like, what its
// defaults and second names are, which fields make two reports the same one,
// and how a document looks on the wire.
//
// A Schema is a table of fields; the tables are in job.go, build.go, boot.go
// and so on. Everything that differs between resources is in the tables or in a
// short function beside them.
//
// # What a body may look like
//
// The labs' clients are old, and many were never fixed: they send null for
// whatever they do not know, numbers as text, and keys that never existed
// (LAVA's boot report has dt_test). kernelci-backend took all of that
// (app/utils/validator.py), so Intake does: keys it does not know are dropped
// and named in a warning, null is as good as absent, numbers and their texts
// are the same. What is refused, with an *InvalidError that names the field, is
// a missing mandatory key, a list where a text belongs, a number that is none,
// a status that does not exist, an id that is none.
//
// # Values
//
// A value of a Document is nil, string, bool, int64, float64, []string (a list
// of ids) or Raw, the bytes of a JSON object or list, kept as they came. Times
// and durations are int64 milliseconds, ids 24 lower-case hex digits; only
// AppendJSON dresses them as {"$date":…} and {"$oid":…}.
package document
