// Package server joins the areas into one HTTP server. It makes each area's
// handler, registers its operations behind the layers of package edge, and New
// fails when an operation of the document has no handler.
//
// This page is the map of the house. Each package says more about itself.
//
// # An area
//
// access, discovery, results, refstack, products, reports, lab, analysis and
// retention are areas. An area has one name in every place:
//
//	openapi/NN-*.yaml    its fragments of the document, marked with x-area
//	gen/<area>           generated: types, routes and the interface of its handler
//	server/<area>        its handlers and its settings (config.go)
//	store/<area>         its rows; access and discovery have none of their own
//	store/migrations     its tables, a file for SQLite and one for PostgreSQL
//
// An area never imports another one. What two areas share is a row in the store,
// or a package below both of them, such as edge/intake.
//
// # The way of a request
//
// For POST /api/v1.0/tasks, from the outside to the inside:
//
//	edge/front.go      gives it an id, finds the client's address, recovers panics
//	edge/cors.go       answers browsers; compression of bodies is around it
//	edge/version.go    makes /v1/tasks of the path
//	edge/route.go      finds the operation that the document names createTask
//	edge/admit.go      identifies the caller (package auth), checks the permission,
//	                   counts the call (edge/limit.go)
//	edge/validate.go   checks parameters and body (edge/bodycheck), or leaves the
//	                   body of an upload to the handler
//	gen/lab            binds it to a CreateTaskRequestObject
//	lab/task.go        CreateTask: checks what the schema cannot say, and answers
//	store/lab/task.go  reads and writes rows
//
// The handler returns a value of edge/call that writes itself, or an error, which
// edge/fault gives a status and edge/errors.go renders as the one Problem.
// edge/metrics.go counts the answer, edge/audit.go records it.
//
// An uploaded file takes the same way to its handler, such as results/post.go. From there
// edge/intake keeps it (edge/upload finds it in the body), reads it
// (edge/intake/subunit) and writes its tests (store/results/ingest.go); nobody
// sees them before the handler publishes the result.
//
// The other way, an address that came in a body is called through edge/reach only.
//
// # Whose rows
//
// A row belongs to the tenant of the token that wrote it, or to none. store/scope.go
// is the rule: a handler hands auth.From(ctx).Scope() to the store, whose queries
// take their condition from it, and what the caller does not see is
// store.ErrNotFound. Products, agents, events and webhooks are their tenant's
// alone; machines, nodes, tasks and designs have no tenant. tenants_test.go walks
// every operation with two of them.
//
// # The pages
//
// What people see at /ui is server/ui/pages: clients of the operations above, which
// they call in the process as everybody else does (people.go gives them the whole way
// of a request). How to add a page stands in that package. The guides at /docs/guide
// are server/ui/guide.
//
// # Where to add what
//
//   - An operation touches five files by hand: the fragment in openapi, the
//     handler and its test in server/<area>, the method and its test in
//     store/<area> and store/storetest. make generate does the rest. A new
//     permission is a row in openapi/05-permissions.yaml. What a tenant sees of
//     another's there is a row in tenants_table_test.go.
//   - A setting is one field of the area's Config. Its tags hold flag, default,
//     bounds and sentence; make generate prints it in README.
//   - A table is a migration for each database, a type in store/<area> and its
//     entry in the area's Schema (store/<area>/store.go).
//   - An area is the five places above, a line in store/areas, and in server.go
//     its settings in Config, its handler in areas and newAreas, and its routes
//     in register.
package server
