package frame

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/slipway-lab/slipway/server/ui/picture"
)

// asset is one file that is the same for everybody.
type asset struct {
	name, media, tag string
	content          []byte
}

// assets are the style, the script and the icons. The icons differ in their mark
// only.
var assets = append([]*asset{
	newAsset("ui.css", "text/css; charset=utf-8", []byte(read("ui.css")+read("triage.css")+picture.Style)),
	newAsset("ui.js", "text/javascript; charset=utf-8", []byte(read("ui.js"))),
}, icons()...)

func read(name string) string {
	content, err := files.ReadFile("files/" + name)
	if err != nil {
		panic("frame: " + err.Error()) // a broken build
	}
	return string(content)
}

func newAsset(name, media string, content []byte) *asset {
	sum := sha256.Sum256(content)
	return &asset{name: name, media: media, tag: `"` + hex.EncodeToString(sum[:12]) + `"`, content: content}
}

// ServeHTTP answers with the file, or with 304 when the browser has just that.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", a.media)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}

func icons() []*asset {
	marks := map[string]string{
		"icon.svg":         `<path d="M2 15L18 5M2 17.5h16" fill="none" stroke="#0a58a8" stroke-width="2.4" stroke-linecap="round"/><path d="M6 9l4-5 3 3.2z" fill="#0a58a8"/>`,
		"icon-pass.svg":    `<circle cx="10" cy="10" r="9" fill="#3f9d7c"/><path d="M5.6 10.4l3 3 5.6-6.3" fill="none" stroke="#0c1a14" stroke-width="2.4"/>`,
		"icon-fail.svg":    `<rect x="1" y="1" width="18" height="18" rx="2" fill="#ab1220"/><path d="M6 6l8 8M14 6l-8 8" stroke="#fff" stroke-width="2.4"/>`,
		"icon-error.svg":   `<path d="M10 1l9.5 18H.5z" fill="#5b2183"/><path d="M10 7.5v5.5" stroke="#fff" stroke-width="2.2"/><circle cx="10" cy="15.8" r="1.3" fill="#fff"/>`,
		"icon-running.svg": `<circle cx="10" cy="10" r="8" fill="#fff" stroke="#3f7ee5" stroke-width="2"/><path d="M8 6v8l6-4z" fill="#3f7ee5"/>`,
	}
	var list []*asset
	for name, mark := range marks {
		list = append(list, newAsset(name, "image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">`+mark+`</svg>`)))
	}
	return list
}
