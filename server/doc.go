// Package server joins the areas into one HTTP server: it makes each area's
// handler, registers its operations on the layers of package edge, and fails
// when an operation of the document has no handler.
//
// What a request passes before and after its handler is package edge's. Here is
// one line for each area, and what runs beside the requests.
package server
