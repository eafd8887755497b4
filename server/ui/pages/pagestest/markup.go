package pagestest

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// markup is what has been seen of a page so far.
type markup struct {
	t        testing.TB
	page     string
	within   string // the element that the text belongs to
	title    string
	headings int
	ids      map[string]bool
}

// checkMarkup reads the elements of a page. It is no pattern, which would try every
// place of a large page several times.
func checkMarkup(t testing.TB, page, body string) {
	t.Helper()
	m := markup{t: t, page: page, ids: map[string]bool{}}
	tokens := html.NewTokenizer(strings.NewReader(body))
	for {
		switch tokens.Next() {
		case html.ErrorToken: // the end: a string fails no other way
			m.end()
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			m.element(tokens.Token())
		case html.EndTagToken:
			m.within = ""
		case html.TextToken:
			m.text(string(tokens.Text()))
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func (m *markup) end() {
	m.t.Helper()
	if name, ours := strings.CutSuffix(m.title, " · Slipway"); !ours || name == "" {
		m.t.Errorf("%s has no title: %q", m.page, m.title)
	}
	if m.headings != 1 {
		m.t.Errorf("%s has %d headings of the first order, want 1", m.page, m.headings)
	}
}

func (m *markup) text(text string) {
	m.t.Helper()
	switch {
	case m.within == "title" && m.title == "": // a picture may have one, too
		m.title = text
	case m.within == "script":
		m.t.Errorf("%s has an inline script: %s", m.page, text)
	}
}

// element looks for what the Content-Security-Policy refuses.
func (m *markup) element(e html.Token) {
	m.t.Helper()
	m.within = e.Data
	switch e.Data {
	case "style":
		m.t.Errorf("%s has an inline style: %s", m.page, e)
	case "h1":
		m.headings++
	}
	for _, a := range e.Attr {
		loads := a.Key == "src" || a.Key == "href" && (e.Data == "link" || e.Data == "use")
		switch {
		case a.Key == "id":
			if m.ids[a.Val] {
				m.t.Errorf("%s has the id %s twice", m.page, a.Val)
			}
			m.ids[a.Val] = true
		case a.Key == "style":
			m.t.Errorf("%s has an inline style: %s", m.page, e)
		case strings.HasPrefix(a.Key, "on"), strings.HasPrefix(strings.TrimSpace(strings.ToLower(a.Val)), "javascript:"):
			m.t.Errorf("%s has an inline script: %s", m.page, e)
		case loads && (strings.HasPrefix(a.Val, "//") || strings.Contains(a.Val, "://")):
			m.t.Errorf("%s has a file of another host: %s", m.page, e)
		}
	}
}
