// Package bodycheck decides whether the body and the parameters of a request
// satisfy the OpenAPI 3.0 schemas of its operation, and says in plain English
// what is wrong with them.
//
// A schema is compiled once, at start, into a tree of rules. A body is then
// read token by token against that tree: nothing is decoded, and a valid body
// of ordinary size is checked without allocating. Only oneOf, anyOf, not and an
// allOf that cannot be merged read a part of the body more than once, and how
// often is limited.
//
// What is right is decided as kin-openapi v0.152 decides it for a request
// (openapi3.Schema.VisitJSON with VisitAsRequest); the tests compare the two.
// The check is stricter where a later step would fail or where two readers
// could understand a body differently: duplicate member names, bytes after the
// JSON value, invalid UTF-8, numbers beyond a 64-bit float (but not in a value
// that is kept as raw JSON, which nobody decodes), integers that only
// look whole after rounding, dates that are not in the calendar, and format
// uuid. differential_test.go lists these differences.
//
// A parameter is text: it is read as a value of its type (parameter.go) and then
// held against the same rules, so that both are refused in the same words. What
// openapi3filter.ValidateParameter decides is the measure there.
//
// Messages name the rule and never repeat a received value, which may be a
// secret. Defaults of members are not applied, those of parameters are. Bodies that
// are neither JSON nor a form (uploads) are not for this package.
package bodycheck
