package guide

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// contentSecurityPolicy is the pages', without forms and scripts: a guide has neither.
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// root is where the guides are served.
const root = "/docs/guide"

var (
	//go:embed *.md page.html guide.css
	embedded embed.FS

	page = template.Must(template.ParseFS(embedded, "page.html"))

	// order is the table of contents.
	order = []string{
		"first-minute", "ci-job", "refstack-runner", "kernelci-lab", "lava-callback", "spi-agent", "drydock-lab", "clients",
		"keystone", "postgresql", "standby", "backup", "upgrade", "security", "limits",
	}

	comment = regexp.MustCompile(`(?s)<!--.*?-->\n?`)

	markdown = goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()))
)

// Guide is one guide.
type Guide struct {
	Name  string // as in its address
	Title string
	About string // its first paragraph, for the table of contents
	Text  string // Markdown

	html template.HTML
}

// All returns the guides in the order of the table of contents. It panics when one of
// them is broken: a test notices.
func All() []Guide {
	var all []Guide
	for _, name := range order {
		text, err := fs.ReadFile(embedded, name+".md")
		if err != nil {
			panic(fmt.Sprintf("guide: %v", err))
		}
		all = append(all, read(name, string(text)))
	}
	return all
}

func read(name, text string) Guide {
	g := Guide{Name: name, Text: text}
	heading, rest, _ := strings.Cut(text, "\n")
	g.Title = strings.TrimPrefix(heading, "# ")
	if g.Title == heading {
		panic("guide: " + name + " does not begin with its title")
	}
	g.About, _, _ = strings.Cut(strings.TrimSpace(rest), "\n\n")
	g.About = strings.Join(strings.Fields(g.About), " ")
	var out bytes.Buffer
	if err := markdown.Convert([]byte(comment.ReplaceAllString(text, "")), &out); err != nil {
		panic(fmt.Sprintf("guide: %s: %v", name, err))
	}
	html := scrolling.Replace(out.String())
	g.html = template.HTML(between.ReplaceAllString(html, `href="$1$2"`)) //nolint:gosec // made of our own text, and raw HTML in it is left out
	return g
}

// scrolling lets a wide table scroll by itself, and a keyboard reach what scrolls.
var scrolling = strings.NewReplacer("<table>", `<div class="scroll" tabindex="0" role="group" aria-label="Table"><table class="list">`, "</table>", "</table></div>", "<pre>", `<pre tabindex="0">`)

// between are links from one guide to another, as they work between files.
var between = regexp.MustCompile(`href="([a-z-]+)\.md(#[a-z0-9-]*)?"`)

// shown is what page.html gets.
type shown struct {
	Prefix, Title string
	Guides        []Guide
	Name          string
	HTML          template.HTML
	Before, After *Guide
}

// pages are all of them by path, rendered when somebody asks for the first: most servers
// start without that.
var pages = sync.OnceValue(func() map[string]shown {
	guides := All()
	pages := map[string]shown{root: {Title: "Guides", Guides: guides}}
	for i, g := range guides {
		one := shown{Title: g.Title, Guides: guides, Name: g.Name, HTML: g.html}
		if i > 0 {
			one.Before = &guides[i-1]
		}
		if i+1 < len(guides) {
			one.After = &guides[i+1]
		}
		pages[root+"/"+g.Name] = one
	}
	return pages
})

// Handler answers the table of contents at /docs/guide/ and each guide at
// /docs/guide/NAME, for GET and HEAD. Any other path and method is left to missing.
//
// The prefix function is that of the explorer: see ui.Handler.
func Handler(prefix func(*http.Request) string, missing http.Handler) http.Handler {
	style, err := embedded.ReadFile("guide.css")
	if err != nil {
		panic(fmt.Sprintf("guide: %v", err))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, root) {
			missing.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		one, ok := pages()[strings.TrimSuffix(r.URL.Path, "/")]
		isStyle := r.URL.Path == root+"/guide.css"
		if !ok && !isStyle || r.Method != http.MethodGet && r.Method != http.MethodHead {
			missing.ServeHTTP(w, r)
			return
		}
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if isStyle {
			serve(w, r, "text/css; charset=utf-8", style)
			return
		}
		one.Prefix = prefix(r)
		var text bytes.Buffer
		if err := page.Execute(&text, one); err != nil {
			panic(fmt.Sprintf("guide: page.html: %v", err)) // of our making, never of the visitor's
		}
		serve(w, r, "text/html; charset=utf-8", text.Bytes())
	})
}

// serve answers with a content, or with 304 when the client has just that.
func serve(w http.ResponseWriter, r *http.Request, mediaType string, content []byte) {
	sum := sha256.Sum256(content)
	h := w.Header()
	h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", mediaType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
