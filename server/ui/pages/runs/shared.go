package runs

import (
	"cmp"
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

// fewOfLine is how many runs of a line a feed has.
const fewOfLine = 30

// line reads the newest runs of the line that the address names.
func line(v *frame.Visit) (*client.RunLine, error) {
	params := &client.GetRunLineParams{Cloud: frame.Optional(v.Query("cloud")), Window: new(int32(fewOfLine))}
	if v.HTTP.URL.Query().Has("name") {
		params.Name = new(v.Query("name"))
	}
	answer, err := v.API.GetRunLineWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	return answer.JSON200, nil
}

// wordsOf is what a line is called.
func wordsOf(l *client.RunLine) string {
	cloud, _ := l.Cloud.Get()
	name, _ := l.Name.Get()
	return strings.TrimSpace(cloud + " " + name)
}

// shownOf is a run of a line as its page would show it.
func shownOf(r *client.RunOfLine) shown {
	return shown{Verdict: Verdict{
		Mark: frame.ResultMark(r.Outcome), Word: string(r.Outcome), Counts: frame.CountsOf(r.Counts),
		Result: &client.RunResult{Outcome: r.Outcome, Attempt: r.Attempt},
	}}
}

// badge answers a picture of the newest run with a result of the line that the address
// names. Where nothing is known it says so: a badge that is not there looks like good
// news.
func badge(v *frame.Visit) (*frame.View, error) {
	l, err := line(v)
	if err != nil {
		return nil, err
	}
	mark, text := "unknown", "no result"
	if len(l.Runs) > 0 {
		s := shownOf(&l.Runs[0])
		mark, text = s.Mark, s.Sentence()
	}
	picture := drawBadge(cmp.Or(wordsOf(l), "tests"), mark, text)
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
	l, err := line(v)
	if err != nil {
		return nil, err
	}
	own := url.Values{}
	for _, name := range []string{"cloud", "name"} {
		if value := v.Query(name); value != "" {
			own.Set(name, value)
		}
	}
	page := v.Server() + "/ui/runs"
	if len(own) > 0 {
		page += "?" + own.Encode()
	}
	out := atomFeed{ID: page, Title: "Slipway: runs " + wordsOf(l), Author: atomAuthor{"Slipway"}, Updated: "1970-01-01T00:00:00Z",
		Links: []atomLink{{Rel: "alternate", Href: page}}}
	for i := range l.Runs {
		entry := entryOf(v, &l.Runs[i])
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

// entryOf is a run in a feed. A further attempt is an entry of its own.
func entryOf(v *frame.Visit, r *client.RunOfLine) atomEntry {
	s := shownOf(r)
	id := strconv.FormatInt(r.TestID, 10)
	link := v.Server() + "/ui/runs/" + id + "?attempt=" + strconv.Itoa(int(r.Attempt))
	entry := atomEntry{ID: link, Title: badgeMarks[s.Mark] + " run " + id + ": " + s.Sentence(), Updated: r.CreatedOn.UTC().Format(time.RFC3339), Link: atomLink{"alternate", link}}
	if change, err := r.Changes.Get(); err == nil {
		entry.Summary = fmt.Sprintf("Against the run before: %d new failures, %d still failing, %d fixed, %d errors.",
			change.NewFailure+change.NewFailing, change.StillFailing, change.Fixed, change.Error)
	}
	return entry
}
