package kernels

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// plainBranch is a branch as jobs have it. They keep what follows its last slash;
// builds, boots and test groups keep a branch as it was sent, such as local/master
// or for-next/core (KernelCI).
func plainBranch(branch string) string { return branch[strings.LastIndexByte(branch, '/')+1:] }

// like are those of some branches that a job has under the same name, sorted.
func like(branches []string, branch string) []string {
	var list []string
	for _, b := range branches {
		if b != "" && plainBranch(b) == plainBranch(branch) {
			list = append(list, b)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// branchesOf asks under which branches builds of some kernels were reported, and
// boots and tests; nothing of what the caller may not read.
func branchesOf(v *frame.Visit, jobs, kernels []string) (built, tested []string, err error) {
	of := func(_ context.Context, r *http.Request) error {
		q := r.URL.Query()
		q["job"], q["kernel"] = jobs, kernels
		r.URL.RawQuery = q.Encode()
		return nil
	}
	const field = "git_branch"
	builds, err := v.API.ListBuildValuesWithResponse(v.Context(), field, nil, of)
	if err == nil {
		built = values(builds.JSON200)
	} else if !frame.Refused(err) {
		return nil, nil, err
	}
	boots, err := v.API.ListBootValuesWithResponse(v.Context(), field, nil, of)
	if err == nil {
		tested = values(boots.JSON200)
	} else if !frame.Refused(err) {
		return nil, nil, err
	}
	groups, err := v.API.ListTestGroupValuesWithResponse(v.Context(), field, nil, of)
	if err == nil {
		tested = append(tested, values(groups.JSON200)...)
	} else if !frame.Refused(err) {
		return nil, nil, err
	}
	return built, tested, nil
}

func values(answer *client.ReportValues) []string {
	var list []string
	for _, value := range answer.Result {
		if text, err := value.Get(); err == nil {
			list = append(list, text)
		}
	}
	return list
}
