// Package pages joins the pages at /ui, which are for people. Each is a client of
// the published operations: it calls them through gen/client in the process, with the
// credential of whoever looks, so that permissions, tenants, limits and the audit log
// hold as for everybody else. What a page needs and the API lacks is added to the
// document first. Package frame is what pages share; pictures are in server/ui/picture.
//
// # A page in ten lines
//
// Make a package beside overview, such as server/ui/pages/agents, with a template and
// a list of its pages, and give it a line in Table (pages.go):
//
//	//go:embed *.html
//	var files embed.FS
//	var templates = frame.Parse(files, "agents.html")
//
//	func Pages() []frame.Page {
//		return []frame.Page{{Path: "/ui/agents", Menu: "Agents", Calls: []string{"listAgents"}, Show: list}}
//	}
//
//	func list(v *frame.Visit) (*frame.View, error) {
//		answer, err := v.API.ListAgentsWithResponse(v.Context(), &client.ListAgentsParams{After: frame.Optional(v.Query("after"))})
//		if err != nil {
//			return nil, err // a *client.Problem becomes the page of its status
//		}
//		return &frame.View{Title: "Agents", Templates: templates, File: "agents.html", Data: answer.JSON200, API: "/v1/agents"}, nil
//	}
//
// and agents.html defines "main" with its dot a *frame.Shown: {{.Data}} is the view's,
// {{.V}} the visit.
//
//	{{define "main"}}<div class="head"><h1>Agents</h1></div>
//	{{range .Data.Agents}}<p>{{id .Name}} {{when .LastSeen}}</p>{{end}}{{end}}
//
// # What holds for all
//
//   - Links are written from the root, as /ui/runs: the frame puts a proxy's prefix in
//     front. No style attribute, no inline script, nothing from another host: the
//     Content-Security-Policy forbids it, and the walk in pages_test.go looks.
//   - One call of the API for a list and its pictures, never one for each row. Pages by
//     cursor: Visit.Pager and {{template "pager"}}. Filters and order are in the address:
//     Visit.With, Toggle, OutcomeChips and {{template "chips"}}; the default ones are
//     chips too.
//   - View.API gives *as JSON* and *as curl*, View.CSV the whole list as CSV.
//   - What can be pinned has View.Pin and {{template "pin" $}}, a list whose filters are
//     worth a name {{template "saved" $}}, outside other forms; both are kept in a
//     cookie. What retention may remove has View.Keeping and {{template "keeping" $}}.
//   - An action is a form: <form method="post">{{template "token" $}}…</form> and
//     Page.Do, which returns Visit.Redirect. It is offered only where Visit.May says so;
//     the API refuses anyhow.
//   - A live page has Page.Live (mostly frame.OnEvents), View.Live, {{template "live"}},
//     and elements with an id and data-live that are fetched anew. Links and forms with
//     data-part swap #main, or the elements with an id and data-parts, and the address.
//   - Outcomes are {{outcome .Outcome}} and {{icon .Outcome}}; numbers {{num}}, {{count 3
//     "test"}}, {{dur}}, {{size}}, {{share}}; times {{when}}; long ids {{id}}, or
//     {{group}}, {{leaf}} and {{attrs}} of a test's name; parts of a path {{seg}}.
//     Errors are counted apart from failures everywhere.
//   - Where there is nothing: {{template "empty" .Empty}} with a frame.Empty, that says
//     why and names a command that works.
//   - A table with the classes "list cards" becomes cards of two lines on a narrow
//     screen; see ui.css for which cell goes where.
package pages
