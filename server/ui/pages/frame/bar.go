package frame

import (
	"fmt"
	"html/template"
	"strings"
)

// Bar draws counts as a bar, red first.
func Bar(c Counts, height int) template.HTML {
	parts := []struct {
		word string
		n    int64
	}{{"fail", c.Fail}, {"error", c.Error}, {"unknown", c.Unknown}, {"skip", c.Skip}, {"pass", c.Pass}, {"running", c.Running}, {"waiting", c.Waiting}}
	var label []string
	width, total := make([]float64, len(parts)), 0.0
	for i, p := range parts {
		if p.n > 0 {
			label = append(label, fmt.Sprintf("%d %s", p.n, p.word))
			width[i] = max(float64(p.n)/float64(c.Total())*100, 0.9)
			total += width[i]
		}
	}
	text := strings.Join(label, ", ")
	if text == "" {
		text = "no tests"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bar" width="100%%" height="%d" role="img" aria-label="%s"><title>%s</title>`, height, text, text)
	x := 0.0
	for i, p := range parts {
		if p.n > 0 {
			w := width[i] * 100 / total
			fmt.Fprintf(&b, `<rect x="%.2f%%" y="0" width="%.2f%%" height="%d" class="f-%s"/>`, x, max(w-0.25, 0.6), height, p.word)
			x += w
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
