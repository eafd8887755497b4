// Package reports answers for the KernelCI part: jobs, builds, boots, labs,
// tokens, test groups and test cases, and the questions that people ask about
// them. Its contract is kernelci-backend's API v1.
//
// Four packages stand behind it. document knows what the reports look like and
// reads their bodies, lava reads what LAVA posts, query reads the questions, and
// store keeps and finds. A resource joins document, query and store for one sort
// of report; list, get, values, count and aggregate are written once over it, only
// the writes differ.
//
// A search goes: query string (400) to conditions, conditions to SQL in the
// store, rows to documents, documents through the projection into the envelope
// {"code","result","count","limit","skip"}. It is streamed: up to 256 KiB are
// held back, so that a small answer has an ETag and an error still has a status;
// of a longer one memory holds a chunk of rows.
//
// A write goes: rights (403), Content-Type (415), body under its limit (413),
// JSON (422), object and keys (400), the lab's token (403), the store. What is
// answered with 202 is on disk.
//
// The identity of a report is taken before the build fills in what the report
// lacks: the branch may change with that. A report without branch or build
// environment belongs to the newest build with the other fields equal.
//
// Rights. The permission table in server/auth admits by role, or, for tokens
// that were made by POST /token or with a lab, by KernelCI's own flags. What
// depends on the report is checked here: a lab's token reports for its labs
// only, and deletes only what they reported. A lab holds the id of its token,
// the token the names of its labs. A token is KernelCI's other shape of the one
// that server/auth knows: its _id is a digest of the public id, its text is shown
// when it is made and never again.
//
// Tenants. The store of the area has the scope of whoever asks: Handler.seen for
// reading, changing and deleting, Handler.writer for what is added, which sees less
// where the caller sees everything, so that nothing of a tenant gets into a report that
// everybody reads. What goes along with a deletion is of the same tenant. The identity
// of a report is one for each tenant; Collection.Seen in the store says what hides what.
//
// What the original has and this server does not answers 501 (absent.go).
package reports
