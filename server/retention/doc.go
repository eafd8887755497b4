// Package retention says over HTTP how long what is stored is kept, and removes in
// the background what has expired. What goes is decided in store/retention.
package retention
