// Package auth says who is calling and what they may do.
//
// A credential comes in one of three headers, and on Drydock's operations in a
// fourth one, in which a service says who it is; Authenticator turns it into an
// Identity, and the permission table says what that Identity may do. Which
// permission an operation needs stands in the document (x-permission). The
// package reads headers and the token rows of the store, never a request body.
//
// The texts of tokens are made here, or brought along by labs that have some
// already; nobody else sees one, and Redact keeps them out of what is said.
package auth
