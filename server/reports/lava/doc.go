// Package lava reads what a LAVA server posts when one of its jobs has ended,
// and makes the bodies of a boot report and of a test group out of it, as
// kernelci-backend did (app/utils/callback/lava.py).
//
// The callback is a JSON object whose larger members are YAML texts inside it:
// the definition of the job, the results of each test suite, the log. What was
// tested stands in the metadata of the definition, in keys such as kernel.tree,
// that the lab's scheduler wrote there. The suite called lava holds the steps of
// LAVA itself; the others hold tests, the last one first.
//
// # No job that went wrong is green, and none is lost
//
// The original reads a job that is complete or incomplete, drops every other one, and
// fails on results that it cannot read. Here a job that has ended always becomes a
// group. What broke off has the test case job; whose fault it was says LAVA's error
// type: ERROR for the lab, LAVA and those at it, FAIL for what was tested. A definition
// that failed is a test of its suite, a suite that cannot be read is one test without a
// result, and tests beyond the limit are counted in one that is as bad as the worst.
//
// The package knows nothing of labs, tokens or databases. Its input is bounded by
// whoever reads the body, what it makes by Limits.
package lava
