package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// assets are all files of the explorer but the page itself, under the names
// that they have below /docs/.
var assets = []*asset{
	plainAsset("document.js", "document.js", "text/javascript; charset=utf-8"),
	plainAsset("init.js", "init.js", "text/javascript; charset=utf-8"),
	plainAsset("page.css", "page.css", "text/css; charset=utf-8"),
	plainAsset("problem.css", "problem.css", "text/css; charset=utf-8"),
	packedAsset("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
	packedAsset("swagger-ui.css", "text/css; charset=utf-8"),
	plainAsset("LICENSE", "swagger/LICENSE", "text/plain; charset=utf-8"),
	plainAsset("NOTICE", "swagger/NOTICE", "text/plain; charset=utf-8"),
	plainAsset("swagger-ui-bundle.js.LICENSE.txt", "swagger/swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"),
}

// asset is one embedded file. A file that is embedded compressed is sent so,
// and is only unpacked, once, when a client comes that cannot read it.
type asset struct {
	name      string
	mediaType string
	packed    func() body // gzip; nil when the file is embedded as it is
	plain     func() body
}

// body is what an answer carries, with the entity tag that names exactly these
// bytes.
type body struct {
	content []byte
	tag     string
}

func newBody(content []byte) body {
	sum := sha256.Sum256(content)
	return body{content: content, tag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

func plainAsset(name, file, mediaType string) *asset {
	return &asset{name: name, mediaType: mediaType, plain: sync.OnceValue(func() body {
		return newBody(mustRead(file))
	})}
}

func packedAsset(name, mediaType string) *asset {
	packed := sync.OnceValue(func() body { return newBody(mustRead("swagger/" + name + ".gz")) })
	plain := sync.OnceValue(func() body { return newBody(mustUnpack(name, packed().content)) })
	return &asset{name: name, mediaType: mediaType, packed: packed, plain: plain}
}

// ServeHTTP answers with the file in the coding that the client understands.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.packed == nil {
		serve(w, r, a.mediaType, a.plain())
		return
	}
	w.Header().Add("Vary", "Accept-Encoding")
	if !acceptsGzip(r.Header.Values("Accept-Encoding")) {
		serve(w, r, a.mediaType, a.plain())
		return
	}
	packed := a.packed()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", strconv.Itoa(len(packed.content))) // ServeContent leaves it out for coded content
	serve(w, r, a.mediaType, packed)
}

// serve answers with a body, or with 304 when the client has just that. The
// names carry no version, so a browser must ask every time; after an upgrade it
// would else mix old files with new ones.
func serve(w http.ResponseWriter, r *http.Request, mediaType string, b body) {
	h := w.Header()
	h.Set("ETag", b.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", mediaType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.content))
}

// mustRead and mustUnpack panic when the program was built with broken files,
// which a test notices.
func mustRead(file string) []byte {
	content, err := embedded.ReadFile(file)
	if err != nil {
		panic(fmt.Sprintf("ui: %v", err))
	}
	return content
}

func mustUnpack(name string, packed []byte) []byte {
	unpacker, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(fmt.Sprintf("ui: %s: %v", name, err))
	}
	plain, err := io.ReadAll(unpacker)
	if err != nil {
		panic(fmt.Sprintf("ui: %s: %v", name, err))
	}
	return plain
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip by name, or by *
// when it is not named, with a weight that is not zero.
func acceptsGzip(headers []string) bool {
	byStar := false
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return wanted(parameters)
		case "*":
			byStar = wanted(parameters)
		}
	}
	return byStar
}

// wanted tells whether the weight in parameters is not zero. A weight that is
// no number counts as unwanted: plain content is never wrong.
func wanted(parameters string) bool {
	name, value, found := strings.Cut(parameters, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return true
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && weight > 0
}
