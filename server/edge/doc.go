// Package edge is the way of a request to its handler and back: everything that
// is the same for all operations.
//
// A request passes, in this order: front.go (id, log, panics, who asks) ->
// compression -> cors.go -> decompression -> version.go (the three ways to name
// the version) -> pages for people -> HEAD as GET -> route.go (Echo's router) ->
// admit.go (who may call, how often: limit.go) -> validate.go (is the request
// as the document says) -> generated binding -> the area's handler. On the way
// back metrics.go counts it, audit.go records it, and errors of every layer end
// in errors.go as the one Problem.
//
// The document decides: routes, second names, security, limits and validation
// are read from it at start (operation.go), and a slip in it stops the start.
// Echo is used here and nowhere else.
package edge
