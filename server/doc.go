// Package server joins the areas into one HTTP server.
//
// A request travels so: front (id, log, panics, who asks) -> compression ->
// CORS -> decompression -> version naming -> HEAD as GET -> Echo's router ->
// admission of the operation (who may, how often, is the request as the
// document says) -> generated binding -> the area's handler -> store. Errors
// of every layer end in errors.go as the one Problem.
//
// The document decides: routes, second names, security, limits and validation
// are read from it at start, and a slip in it stops the start. Echo is used
// here and nowhere else.
package server
