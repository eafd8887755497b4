package frame

import (
	"bytes"
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// View is what a page shows.
type View struct {
	Title   string // also the window's, which ends in the product's name
	Outcome string // pass, fail, error, running: goes into the window's title and icon

	Templates *Templates
	File      string // which of the templates; it defines "main"
	Data      any    // what the template finds as .Data

	// API is the call behind the page, path and query, for *as JSON* and *as curl*.
	API string

	// CSV writes the whole list, all pages of it, for *as CSV*.
	CSV func(*CSV) error

	// Pin is what the page is about, where that can be pinned: {{template "pin" $}}.
	Pin *Kept

	// Keeping is whether what the page is about stays whatever the rules of retention
	// say: {{template "keeping" $}}. nil: nobody asks.
	Keeping *Keeping

	// Live says that the page's stream is worth opening; Page.Live answers it.
	Live bool

	Status int // 0 is 200

	// Raw answers instead of a page: a picture, a feed.
	Raw func(http.ResponseWriter) error

	redirect, said string
}

// Shown is what a template finds as its dot.
type Shown struct {
	*View
	V    *Visit
	Site struct{ Build string }
	URL  string // of the page
	Form string // the token of forms: {{template "token" $}}
	Said string
	Curl string
	Part bool
}

// Menu lists the entries of the menu that the visitor may use.
func (s *Shown) Menu() []Link {
	var menu []Link
	if s.V.Me == nil {
		return nil
	}
	for _, p := range s.V.site.pages {
		if p.Menu == "" || len(p.Calls) > 0 && !s.V.May(p.Calls[0]) {
			continue
		}
		here := s.V.page != nil && (p == s.V.page || p.Menu == s.V.page.In)
		menu = append(menu, Link{Text: p.Menu, Href: address(p.Path, nil), Current: here})
	}
	return menu
}

// MayFind reports whether there is a page that searches.
func (s *Shown) MayFind() bool { return s.V.Me != nil && s.V.site.has("/ui/search") }

// LogsIn reports whether there is anything to log out from.
func (s *Shown) LogsIn() bool { return s.V.credential != "" && s.V.Me != nil }

// Icon is the name of the window's icon.
func (s *Shown) Icon() string {
	switch s.Outcome {
	case "pass", "fail", "error", "running":
		return "icon-" + s.Outcome + ".svg"
	}
	return "icon.svg"
}

// Mark is what stands before the title of the window.
func (s *Shown) Mark() string {
	return map[string]string{"pass": "✓ ", "fail": "✕ ", "error": "▲ ", "running": "▶ "}[s.Outcome]
}

// Roles are the visitor's, as words.
func (s *Shown) Roles() []string {
	var roles []string
	for _, r := range s.V.Me.Roles {
		roles = append(roles, string(r))
	}
	return roles
}

// As is the page's address with as set.
func (s *Shown) As(form string) string {
	q := s.V.HTTP.URL.Query()
	q.Set("as", form)
	return address(s.V.HTTP.URL.EscapedPath(), q)
}

// Link is a link with its text.
type Link struct {
	Text, Href string
	Current    bool
}

func (s *Site) has(path string) bool {
	for _, p := range s.pages {
		if p.Path == path {
			return true
		}
	}
	return false
}

// write answers with the view.
func (v *Visit) write(view *View) error {
	if view.redirect != "" {
		if view.said != "" {
			v.site.setCookie(v.w, v.HTTP, saidCookie, url.QueryEscape(view.said), time.Minute)
		}
		v.w.Header().Set("Location", v.site.config.Origin(v.HTTP).Prefix+view.redirect)
		v.w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	if view.Raw != nil {
		return view.Raw(v.w)
	}
	switch v.Query("as") {
	case "json":
		if view.API != "" {
			return v.writeJSON(view.API)
		}
	case "csv":
		if view.CSV != nil {
			return v.writeCSV(view)
		}
	}
	return v.writePage(view)
}

func (v *Visit) writePage(view *View) error {
	shown := &Shown{View: view, V: v, URL: address(v.HTTP.URL.EscapedPath(), v.HTTP.URL.Query()), Part: v.HTTP.Header.Get("Slipway-Part") != ""}
	shown.Site.Build = v.site.config.Build
	shown.Form = v.formToken()
	if !shown.Part {
		shown.Said = v.said()
	}
	if view.API != "" {
		shown.Curl = "curl -H \"Authorization: Bearer $SLIPWAY_TOKEN\" '" + v.Server() + strings.ReplaceAll(view.API, "'", "%27") + "'"
	}
	var b bytes.Buffer
	block := "page"
	if shown.Part {
		block = "part"
	}
	if err := view.Templates.execute(&b, view.File, block, shown); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Add("Vary", "Slipway-Part")
	v.w.WriteHeader(cmp.Or(view.Status, http.StatusOK))
	v.w.Write(v.Links(b.Bytes()))
	return nil
}

// said takes what the form before this page said.
func (v *Visit) said() string {
	c, err := v.HTTP.Cookie(saidCookie)
	if err != nil {
		return ""
	}
	v.site.setCookie(v.w, v.HTTP, saidCookie, "", 0)
	text, _ := url.QueryUnescape(c.Value) // a broken one says nothing
	return text
}

// Server is the address of the server as visitors see it, for commands.
func (v *Visit) Server() string { return v.site.config.Origin(v.HTTP).URL }

// Now is the server's clock.
func (v *Visit) Now() time.Time { return v.site.config.Now() }

// Links puts the server's prefix before the links of HTML. Templates write every link
// from the root of the server, such as /ui/runs. What visitors wrote cannot look like
// a link: in text and in attributes their quotes are escaped.
func (v *Visit) Links(html []byte) []byte {
	prefix := v.site.config.Origin(v.HTTP).Prefix
	if prefix == "" {
		return html
	}
	for _, root := range []string{"/ui", "/docs", "/v1"} {
		html = bytes.ReplaceAll(html, []byte(`="`+root), []byte(`="`+prefix+root))
	}
	return html
}
