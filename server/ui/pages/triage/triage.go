// Package triage is the pages of somebody who asks what broke: two sets compared, one
// test with its logs, a test through time, flaky tests, and known issues.
package triage

import (
	"embed"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "compare.html", "comparisons.html", "test.html", "history.html", "flaky.html", "issues.html")

// Pages are the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{
			Path: "/ui/compare", Menu: "Compare", Show: compare,
			Calls: []string{"compareSets", "listComparisons", "listRuns", "getRun", "listBuilds"},
		},
		{
			Path: "/ui/tests", In: "Runs", Show: test,
			Calls: []string{"compareSets", "getTest", "getResultTest", "getAttachment", "getResultAttachment", "getTestCase", "getBoot", "getRunResult", "getTestResult"},
		},
		{Path: "/ui/history", In: "Compare", Show: history, Calls: []string{"getTestHistory"}},
		{Path: "/ui/flaky", Menu: "Flaky", Show: flaky, Calls: []string{"listFlakyTests", "listClouds", "listProducts"}},
		{
			Path: "/ui/issues", Menu: "Issues", Show: issues, Do: changeIssue,
			Calls: []string{"listKnownIssues", "getKnownIssue", "createKnownIssue", "updateKnownIssue", "deleteKnownIssue", "previewKnownIssue", "listClouds"},
		},
		{Path: "/ui/tests/attachment", In: "Runs", Show: attached, Calls: []string{"getAttachment", "getResultAttachment"}},
	}
}

const (
	stripLength = 17 // outcomes of the strip beside a test
	rowsShown   = 100
	candidates  = 30 // sets that a picker offers
)

// isGone reports whether an error of the API says that something has expired.
func isGone(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Status == http.StatusGone
}

// sentence is what an error of the API says.
func sentence(err error) string {
	var p *client.Problem
	if errors.As(err, &p) {
		return p.Detail
	}
	return err.Error()
}

// contextFields are the fields beside a test's name, in the order in which they are
// written.
var contextFields = []string{
	"device_type", "lab_name", "arch", "board", "defconfig_full", "build_environment", "platform", "primary_snap_name", "spec_name",
}

// pairs are a context as pairs of names and values, for addresses.
func pairs(context client.TestContext) []string {
	var list []string
	for _, field := range contextFields {
		if value, ok := context[field]; ok {
			list = append(list, field, value)
		}
	}
	return list
}

// contextWords are the values of a context as a reader wants them.
func contextWords(context client.TestContext) string {
	var list []string
	for _, field := range contextFields {
		if value := context[field]; value != "" && !slices.Contains(list, value) { // a board is often called as its device
			list = append(list, value)
		}
	}
	return strings.Join(list, " · ")
}

// contextOf is the context that the address names.
func contextOf(v *frame.Visit) client.TestContext {
	context := client.TestContext{}
	for _, field := range contextFields {
		if v.HTTP.URL.Query().Has(field) {
			context[field] = v.Query(field)
		}
	}
	return context
}

// within reports whether all fields of part are in whole.
func within(part, whole client.TestContext) bool {
	for field, value := range part {
		if whole[field] != value {
			return false
		}
	}
	return true
}

func sameContext(a, b client.TestContext) bool { return maps.Equal(a, b) }

// testHref is the page of one test of a set, told apart by its context.
func testHref(set, name string, context client.TestContext) string {
	to := frame.TestPage(set, name)
	q := url.Values{}
	for i, list := 0, pairs(context); i+1 < len(list); i += 2 {
		q.Set(list[i], list[i+1])
	}
	if len(q) > 0 {
		to += "&" + q.Encode()
	}
	return to
}

// link makes an address of ours with pairs of names and values, of which the empty
// ones are left out.
func link(path string, more ...string) string { return frame.APIPath(path, more...) }

// failing are the outcomes of which somebody has to look.
func failing(outcome string) bool { return outcome == "fail" || outcome == "error" }

// value is a nullable value, or the zero one.
func value[T any](v T, err error) T {
	if err != nil {
		var zero T
		return zero
	}
	return v
}

// unescaped is a part of a reference as it was named.
func unescaped(part string) string {
	text, err := url.PathUnescape(part)
	if err != nil {
		return part
	}
	return text
}

// joined are the words that are there.
func joined(separator string, words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), separator)
}
