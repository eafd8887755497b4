// Package clients runs the clients that labs already have, unchanged, against
// the whole server. A client that the machine lacks is skipped, and the test
// says which Debian package brings it.
package clients
