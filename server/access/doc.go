// Package access lets callers manage API tokens and read the audit log. Who a
// caller is and what he may do is decided before, in package auth; what stands
// in the audit log is written by package server.
package access
