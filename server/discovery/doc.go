// Package discovery tells which versions of the API exist and where, whether
// the server is well, and publishes the document itself.
//
// The version documents are those of Barbican's versions blueprint, extended
// by what keystoneauth, gophercloud and barbicanclient read; the home document
// is made from the OpenAPI document at start.
package discovery
