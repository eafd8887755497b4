package runs

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// fewOfLine is how many runs of a line a feed has, and how many of them a badge looks
// at for one with a result.
const fewOfLine = 30

// badge answers a picture of the newest run with a result of the line that the address
// names. Where nothing is known it says so: a badge that is not there looks like good
// news.
func badge(v *frame.Visit) (*frame.View, error) {
	runs, q, err := newest(v, fewOfLine)
	if err != nil {
		return nil, err
	}
	label := q.cloud
	if name := v.Query("name"); name != "" {
		label = strings.TrimSpace(label + " " + name)
	}
	if label == "" {
		label = "tests"
	}
	mark, text := "unknown", "no result"
	for i := range runs {
		if what := verdict(&runs[i], v.Now()); what.Result != nil {
			s := shown{Verdict: what}
			mark, text = what.Mark, s.Sentence()
			break
		}
	}
	picture := drawBadge(label, mark, text)
	return &frame.View{Raw: func(w http.ResponseWriter) error {
		h := w.Header()
		h.Set("Content-Type", "image/svg+xml; charset=utf-8")
		h.Set("Cache-Control", "private, no-cache, max-age=60") // what a stranger may not read is in no cache that others use
		_, err := w.Write([]byte(picture))
		return err
	}}, nil
}

// The colours of badges, which stand on other pages: those of the light theme.
var badgeColours = map[string]string{
	"pass": "#12684b", "fail": "#a01020", "error": "#6a2396", "skip": "#535c66", "unknown": "#535c66", "running": "#1f5cc0", "waiting": "#82500a",
}

// badgeMarks say by their shape what the colour says.
var badgeMarks = map[string]string{"pass": "✓", "fail": "✕", "error": "▲", "skip": "−", "unknown": "?", "running": "▶", "waiting": "◷"}

func drawBadge(label, mark, text string) string {
	text = badgeMarks[mark] + " " + text
	left, right := badgeWidth(label), badgeWidth(text)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s"><title>%[2]s: %[3]s</title>`+
		`<rect width="%[4]d" height="20" rx="3" fill="#3b434c"/><rect x="%[4]d" width="%[5]d" height="20" rx="3" fill="%[6]s"/>`+
		`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"><text x="%[7]d" y="14">%[2]s</text><text x="%[8]d" y="14">%[3]s</text></g></svg>`+"\n",
		left+right, template.HTMLEscapeString(label), template.HTMLEscapeString(text), left, right, badgeColours[mark], left/2, left+right/2)
}

// badgeWidth is about how wide a text is, with room at both sides.
func badgeWidth(text string) int {
	width := 10
	for _, r := range text {
		if r < utf8.RuneSelf {
			width += 7
		} else {
			width += 12
		}
	}
	return width
}

// Atom's elements (RFC 4287).
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Link    atomLink `xml:"link"`
	Summary string   `xml:"summary"`
}

// feed answers the runs of a line that have a result, newest first.
func feed(v *frame.Visit) (*frame.View, error) {
	runs, q, err := newest(v, fewOfLine)
	if err != nil {
		return nil, err
	}
	changes, err := readChanges(v.Context(), v)
	if err != nil {
		return nil, err
	}
	own := url.Values{}
	for _, name := range []string{"cloud", "name", "outcome"} {
		if value := v.Query(name); value != "" {
			own.Set(name, value)
		}
	}
	page := v.Server() + "/ui/runs"
	if len(own) > 0 {
		page += "?" + own.Encode()
	}
	out := atomFeed{ID: page, Title: "Slipway: runs " + strings.TrimSpace(q.cloud+" "+v.Query("name")), Author: atomAuthor{"Slipway"}, Updated: "1970-01-01T00:00:00Z",
		Links: []atomLink{{Rel: "alternate", Href: page}}}
	for i := range runs {
		entry, ok := entryOf(v, &runs[i], changes[setOf(&runs[i])])
		if !ok {
			continue
		}
		out.Entries = append(out.Entries, entry)
		out.Updated = max(out.Updated, entry.Updated)
	}
	text, err := xml.MarshalIndent(out, "", " ")
	if err != nil {
		return nil, err
	}
	return &frame.View{Raw: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
		_, err := w.Write(append([]byte(xml.Header), text...))
		return err
	}}, nil
}

// entryOf is a run in a feed; ok is false while it has no result. A further attempt is
// an entry of its own.
func entryOf(v *frame.Visit, r *client.Run, change *client.ClassCounts) (entry atomEntry, ok bool) {
	what := verdict(r, v.Now())
	if what.Result == nil {
		return entry, false
	}
	s := shown{Verdict: what}
	id := strconv.FormatInt(r.TestID, 10)
	link := v.Server() + "/ui/runs/" + id + "?attempt=" + strconv.Itoa(int(what.Result.Attempt))
	entry = atomEntry{ID: link, Title: badgeMarks[what.Mark] + " run " + id + ": " + s.Sentence(), Updated: what.Result.CreatedAt.UTC().Format(time.RFC3339), Link: atomLink{"alternate", link}}
	if change != nil {
		entry.Summary = fmt.Sprintf("Against the run before: %d new failures, %d still failing, %d fixed, %d errors.",
			change.NewFailure+change.NewFailing, change.StillFailing, change.Fixed, change.Error)
	}
	return entry, true
}
