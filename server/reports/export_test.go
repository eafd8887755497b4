package reports

import "testing"

// QueryCase and its functions are for the tests over HTTP, which stand outside
// the package because the server imports it.
type QueryCase = queryCase

// Cases reads testdata/query_cases.json.
func Cases(t *testing.T) []QueryCase { return queryCases(t) }

// CheckCase compares what came back with what the case expects.
func CheckCase(t *testing.T, c QueryCase, count int, result []map[string]any) {
	t.Helper()
	c.check(t, count, result)
}
