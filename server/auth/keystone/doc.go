// Package keystone asks an OpenStack Keystone (Identity v3) whose token a text
// is. It keeps a token of its own for that, remembers answers for a short time,
// and asks once however many requests carry the same token at the same moment.
//
// It says what Keystone knows of a token, and nothing about what that allows
// here: package auth maps the roles.
package keystone
