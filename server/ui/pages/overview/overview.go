// Package overview is the page of what needs a person now.
package overview

import (
	"embed"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "overview.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{{
		Path: "/ui", Menu: "Overview", Calls: []string{"listEvents"}, Show: show,
		Live: frame.OnEvents(func(*frame.Visit) client.ListEventsParams { return client.ListEventsParams{} }),
	}}
}

func show(v *frame.Visit) (*frame.View, error) {
	return &frame.View{Title: "Overview", Templates: templates, File: "overview.html", Live: v.May("listEvents")}, nil
}
