// Package query reads the questions that KernelCI clients put into a query
// string and says what they mean: text in, conditions out. It knows no
// resource, no database and no HTTP. The fields of a resource come in as a
// Catalogue, and what comes out is a Query of plain values, which a store
// turns into a statement with bound values. Nothing in a value is ever an
// operator.
//
// kernelci-backend never refused a filter (app/handlers/common/query.py): an
// unknown key, a number that is none, a range without a comma are dropped and
// the answer is 200. Its clients rely on that, so it stays. Four things are
// refused, with a *SyntaxError: limit and skip that are no whole numbers,
// sort_order that is no integer (the original crashed on these), text that is
// not UTF-8, and more values than the Parser allows.
//
// Where the original dropped a filter that it could not understand and so
// answered with the whole collection, two cases differ on purpose: a malformed
// id matches nothing, and a selection for DELETE (ParseSelection) refuses what
// it cannot use, since there a dropped filter destroys data. ParseStrict refuses
// it for resources that KernelCI does not have.
package query
