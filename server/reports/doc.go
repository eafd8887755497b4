// Package reports answers for the KernelCI part: jobs, builds, boots, labs,
// tokens, test groups and test cases, and the questions that people ask about
// them. Its contract is kernelci-backend's API v1.
package reports
