// Package auth says who is calling and what they may do.
//
// A credential comes in one of three headers; Authenticator turns it into an
// Identity, and the permission table says what that Identity may do. Which
// permission an operation needs stands in the document (x-permission). The
// package reads headers and the token rows of the store, never a request body.
package auth
