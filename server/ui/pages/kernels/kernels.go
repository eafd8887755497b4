// Package kernels are the pages of kernels: how they build, boot and do in tests.
package kernels

import (
	"embed"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "kernels.html", "kernel.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{Path: "/ui/kernels", Menu: "Kernels", Calls: []string{"listJobs", "listBuilds", "listBoots", "listBuildValues", "listBootValues", "listTestGroupValues", "listComparisons"}, Show: kernels},
		{Path: "/ui/kernels/{job}/{kernel}", In: "Kernels", Calls: []string{"listJobs", "listBuilds", "listBoots", "listBuildValues", "listBootValues", "listTestGroupValues", "compareSets"}, Show: kernel},
		{Path: "/ui/kernels/file", In: "Kernels", Calls: []string{"getFile"}, Show: file},
	}
}

const (
	pageKernels = 30
	mostReports = 5000 // builds, or boots, that a page counts
)

// text is a nullable text, "" for none.
func text(n interface{ Get() (string, error) }) string {
	s, _ := n.Get()
	return s
}

// when is a time of a report.
func when(t *client.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.UnixMilli(t.Milliseconds).UTC()
}

// buildOutcome is the outcome of a build.
func buildOutcome(status string) picture.Outcome {
	switch strings.ToUpper(status) {
	case "PASS":
		return picture.Pass
	case "FAIL":
		return picture.Fail
	case "ERROR":
		return picture.Error
	}
	return picture.Unknown
}

// bootOutcome is the outcome of a boot. A device that is offline is the lab's error.
func bootOutcome(status string) picture.Outcome {
	switch strings.ToUpper(status) {
	case "PASS":
		return picture.Pass
	case "FAIL":
		return picture.Fail
	case "OFFLINE", "ERROR":
		return picture.Error
	case "UNTRIED":
		return picture.Skip
	}
	return picture.Unknown
}

// key names a kernel of a branch.
type key struct{ job, branch, kernel string }

// Ref is the kernel as a set of tests.
func (k key) ref() string {
	return "kernel:" + url.PathEscape(k.job) + "/" + url.PathEscape(k.branch) + "/" + url.PathEscape(k.kernel)
}

func (k key) href() string {
	return "/ui/kernels/" + url.PathEscape(k.job) + "/" + url.PathEscape(k.kernel) + "?" + url.Values{"branch": {k.branch}}.Encode()
}

type kernelRow struct {
	Job, Branch, Kernel string
	Href                string
	When                time.Time
	Builds, Boots       []picture.Outcome
	Made                *client.MadeComparison
	More                bool // tests came since it was made
}

// BuildCounts are the outcomes of the builds.
func (r *kernelRow) BuildCounts() picture.Counts { return picture.Count(r.Builds) }

// BootCounts are the outcomes of the boots.
func (r *kernelRow) BootCounts() picture.Counts { return picture.Count(r.Boots) }

// TestCounts are the outcomes of the tests, as far as they were compared.
func (r *kernelRow) TestCounts() picture.Counts {
	if r.Made == nil {
		return picture.Counts{}
	}
	return frame.CountsOf(r.Made.Head.Counts)
}

type kernelsShown struct {
	Rows  []*kernelRow
	Chips []frame.Chip
	Pager frame.Pager
	Empty frame.Empty
	Cut   bool
}

// kernels lists the kernels, the newest first.
func kernels(v *frame.Visit) (*frame.View, error) {
	job, branch := v.Query("job"), v.Query("branch")
	skip, _ := strconv.ParseInt(v.Query("after"), 10, 64)
	skip = max(skip, 0)
	data := kernelsShown{}
	next, err := data.read(v, job, branch, skip)
	if err != nil {
		return nil, err
	}
	data.Pager = v.Pager(next)
	for _, f := range []struct{ name, value string }{{"job", job}, {"branch", branch}} {
		if f.value != "" {
			data.Chips = append(data.Chips, v.Active(f.name+": "+f.value, f.name))
		}
	}
	switch {
	case len(data.Rows) > 0:
	case len(data.Chips) > 0:
		data.Empty = frame.Empty{Why: "No kernel is like that.", Link: frame.Link{Text: "All kernels", Href: "/ui/kernels"}}
	default:
		data.Empty = frame.Empty{
			Why: "No kernel was reported yet: a kernel is known when its job is.", Hint: "Report one:",
			Command: `curl -H "Authorization: Bearer $SLIPWAY_TOKEN" -H "Content-Type: application/json" -d '{"job": "mainline", "kernel": "v6.12", "git_branch": "master"}' ` + v.Server() + "/v1/job",
		}
	}
	return &frame.View{
		Title: "Kernels", Templates: templates, File: "kernels.html", Data: &data,
		CSV: func(out *frame.CSV) error { return kernelsCSV(v, job, branch, out) },
		API: frame.APIPath("/v1/job", "sort", "created_on", "sort_order", "-1", "limit", strconv.Itoa(pageKernels), "skip", v.Query("after"), "job", job, "git_branch", plainBranch(branch)),
	}, nil
}

// read reads a page of kernels with what became of them, and returns where the next one
// begins; "" at the end.
func (d *kernelsShown) read(v *frame.Visit, job, branch string, skip int64) (next string, err error) {
	params := &client.ListJobsParams{
		Sort: []string{"created_on"}, SortOrder: new(int32(-1)), Limit: new(int64(pageKernels + 1)), Skip: &skip,
		Field: []string{"job", "kernel", "git_branch", "created_on"}, Job: one(job), GitBranch: one(plainBranch(branch)),
	}
	answer, err := v.API.ListJobsWithResponse(v.Context(), params)
	if err != nil {
		return "", err
	}
	byKey := map[key]*kernelRow{}
	for n, j := range answer.JSON200.Result {
		if n == pageKernels {
			next = strconv.FormatInt(skip+pageKernels, 10)
			break
		}
		k := key{text(j.Job), text(j.GitBranch), text(j.Kernel)}
		if byKey[k] != nil {
			continue
		}
		row := &kernelRow{Job: k.job, Branch: k.branch, Kernel: k.kernel, Href: k.href(), When: when(j.CreatedOn)}
		byKey[k] = row
		d.Rows = append(d.Rows, row)
	}
	if len(byKey) > 0 {
		for _, read := range []func(*frame.Visit, map[key]*kernelRow) error{d.reports, d.tests} {
			if err := read(v, byKey); err != nil && !frame.Refused(err) {
				return "", err
			}
		}
	}
	return next, nil
}

// one is a filter of one value, nil for none.
func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// reports counts builds and boots of all kernels of the page, with a call for each.
func (d *kernelsShown) reports(v *frame.Visit, byKey map[key]*kernelRow) error {
	jobs, names := named(byKey)
	field := []string{"job", "kernel", "git_branch", "status"}
	builds, err := v.API.ListBuildsWithResponse(v.Context(), &client.ListBuildsParams{Job: jobs, Kernel: names, Field: field, Limit: new(int64(mostReports)), Sort: []string{"created_on"}, SortOrder: new(int32(-1))})
	if err != nil {
		return err
	}
	for _, b := range builds.JSON200.Result {
		if row := byKey[key{text(b.Job), plainBranch(text(b.GitBranch)), text(b.Kernel)}]; row != nil {
			row.Builds = append(row.Builds, buildOutcome(text(b.Status)))
		}
	}
	boots, err := v.API.ListBootsWithResponse(v.Context(), &client.ListBootsParams{Job: jobs, Kernel: names, Field: field, Limit: new(int64(mostReports)), Sort: []string{"created_on"}, SortOrder: new(int32(-1))})
	if err != nil {
		return err
	}
	for _, b := range boots.JSON200.Result {
		if row := byKey[key{text(b.Job), plainBranch(text(b.GitBranch)), text(b.Kernel)}]; row != nil {
			row.Boots = append(row.Boots, bootOutcome(text(b.Status)))
		}
	}
	d.Cut = len(builds.JSON200.Result) == mostReports || len(boots.JSON200.Result) == mostReports
	return nil
}

// tests takes the counts of tests from the comparisons of the kernels, with one call.
func (d *kernelsShown) tests(v *frame.Visit, byKey map[key]*kernelRow) error {
	if !v.May("listComparisons") {
		return nil
	}
	jobs, names := named(byKey)
	_, tested, err := branchesOf(v, jobs, names)
	if err != nil {
		return err
	}
	byRef, heads := map[string]*kernelRow{}, []string{}
	for k, row := range byKey {
		branches := like(tested, k.branch)
		if len(branches) == 0 {
			branches = []string{k.branch}
		}
		for _, branch := range branches {
			ref := key{k.job, branch, k.kernel}.ref()
			byRef[plainRef(ref)] = row
			heads = append(heads, ref)
		}
	}
	made, err := frame.Comparisons(v, heads)
	if err != nil {
		return err
	}
	for ref, one := range made {
		row := byRef[plainRef(ref)]
		if row == nil {
			continue
		}
		row.More = row.More || one.Changed
		if row.Made == nil || broken(one) > broken(row.Made) {
			row.Made = one
		}
	}
	return nil
}

// broken is how many tests of a comparison's head did not do what they should: of
// several spellings of a branch, the worst is shown.
func broken(made *client.MadeComparison) int64 { return made.Head.Counts.Fail + made.Head.Counts.Error }

// named are the jobs and the kernels of a page.
func named(byKey map[key]*kernelRow) (jobs, kernels []string) {
	for k := range byKey {
		jobs, kernels = append(jobs, k.job), append(kernels, k.kernel)
	}
	slices.Sort(jobs)
	slices.Sort(kernels)
	return slices.Compact(jobs), slices.Compact(kernels)
}

// plainRef is a reference without escapes, which may be written in several ways.
func plainRef(ref string) string {
	parts := strings.Split(ref, "/")
	for i, part := range parts {
		if text, err := url.PathUnescape(part); err == nil {
			parts[i] = strings.ReplaceAll(text, "/", "\x00")
		}
	}
	return strings.Join(parts, "/")
}

// kernelsCSV writes all pages of the list.
func kernelsCSV(v *frame.Visit, job, branch string, out *frame.CSV) error {
	err := out.Row("job", "branch", "kernel", "created", "builds_passed", "builds_failed", "boots_passed", "boots_failed", "boots_error", "tests_passed", "tests_failed", "tests_error")
	for skip, more := int64(0), true; more && err == nil; skip += pageKernels {
		page := kernelsShown{}
		next, failed := page.read(v, job, branch, skip)
		if failed != nil {
			return failed
		}
		more = next != ""
		for _, r := range page.Rows {
			builds, boots, tests := r.BuildCounts(), r.BootCounts(), r.TestCounts()
			if err == nil {
				err = out.Row(r.Job, r.Branch, r.Kernel, r.When, builds.Pass, builds.Fail, boots.Pass, boots.Fail, boots.Error, tests.Pass, tests.Fail, tests.Error)
			}
		}
	}
	return err
}
