// Package runs are the pages of RefStack's runs.
package runs

import (
	"embed"
	"strconv"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "runs.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{Path: "/ui/runs", Menu: "Runs", Calls: []string{"listRuns", "listClouds"}, Show: list},
	}
}

type listed struct {
	Runs  []client.Run
	Pager frame.Pager
	Empty frame.Empty
}

func list(v *frame.Visit) (*frame.View, error) {
	params := &client.ListRunsParams{After: frame.Optional(v.Query("after"))}
	if cloud, err := strconv.ParseInt(v.Query("cloud"), 10, 64); err == nil {
		params.CloudID = &cloud
	}
	answer, err := v.API.ListRunsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := listed{Runs: answer.JSON200.Runs, Pager: v.Pager(answer.JSON200.Next)}
	return &frame.View{Title: "Runs", Templates: templates, File: "runs.html", Data: data, API: "/v1/runs"}, nil
}
