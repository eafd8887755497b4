// Package analysis answers what changed between two sets of tests, how a test
// behaves over time, and which failures are known, over the results of every
// source. What that means is decided in its engine; package known explains failures
// for the other areas as well. It changes nothing but known issues.
package analysis
