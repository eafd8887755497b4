// Package terminal is how the commands speak with whoever calls them: tables that
// fit, JSON, YAML and CSV for programs, progress, and exit codes. It knows nothing
// of the server's documents beyond their being JSON.
package terminal
