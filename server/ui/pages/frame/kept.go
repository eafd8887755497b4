package frame

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Kept is something that a visitor keeps in the browser: a pinned thing, or a filter
// with a name. It is an address of ours with words for it, and opens no door: whoever
// follows it is asked as everybody is.
type Kept struct {
	Kind string `json:"k"` // run, line, kernel, product, or filter
	Name string `json:"n"`
	Href string `json:"h"`
}

// The kinds of what is kept. All but filters are pins, which the overview shows.
const (
	KeptRun     = "run"
	KeptLine    = "line"
	KeptKernel  = "kernel"
	KeptProduct = "product"
	KeptFilter  = "filter"
)

var keptKinds = []string{KeptRun, KeptLine, KeptKernel, KeptProduct, KeptFilter}

const (
	mostKept    = 40   // in all
	mostName    = 80   // characters of a name
	mostCookie  = 3800 // bytes: browsers keep 4096
	keptForDays = 400  // browsers keep no cookie longer
)

// keptCookie is the name of the visitor's cookie. People who share a browser have one
// each.
func (v *Visit) keptCookie() string {
	owner := ""
	if v.Me != nil {
		owner = v.Me.Tenant + "\x00" + v.Me.Owner
	}
	sum := sha256.Sum256([]byte("slipway kept " + owner))
	return "slipway_kept_" + hex.EncodeToString(sum[:4])
}

// kept reads the cookie. What is none of ours is left out.
func (v *Visit) kept() []Kept {
	c, err := v.HTTP.Cookie(v.keptCookie())
	if err != nil || len(c.Value) > mostCookie {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var all []Kept
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return slices.DeleteFunc(all[:min(len(all), mostKept)], func(k Kept) bool { return !k.good() })
}

// good reports whether it leads to a page of ours and has a name to show.
func (k *Kept) good() bool {
	return slices.Contains(keptKinds, k.Kind) && k.Name != "" && utf8.ValidString(k.Name) && utf8.RuneCountInString(k.Name) <= mostName &&
		strings.HasPrefix(k.Href, "/ui/") && safeNext(k.Href) == k.Href
}

// Pins are the things that the visitor has pinned, the newest first.
func (v *Visit) Pins() []Kept {
	return slices.DeleteFunc(v.kept(), func(k Kept) bool { return k.Kind == KeptFilter })
}

// Filters are the filters that the visitor has given a name: those of a page, or all
// when the path is empty.
func (v *Visit) Filters(path string) []Kept {
	return slices.DeleteFunc(v.kept(), func(k Kept) bool {
		of, _, _ := strings.Cut(k.Href, "?")
		return k.Kind != KeptFilter || path != "" && of != path
	})
}

// Pinned reports whether something is pinned.
func (v *Visit) Pinned(href string) bool {
	return slices.ContainsFunc(v.Pins(), func(k Kept) bool { return k.Href == href })
}

// Question is the address of the page as it may be kept: the whole question, without
// the place in its answer. It is empty where nothing is asked.
func (v *Visit) Question() string {
	q := v.HTTP.URL.Query()
	for _, name := range []string{"after", "from", "as", "token"} {
		q.Del(name)
	}
	if len(q) == 0 {
		return ""
	}
	return address(v.HTTP.URL.Path, q)
}

// keep takes the forms that pin something, or give a filter a name, and those that
// take them away. Neither needs a script.
func (s *Site) keep(v *Visit) (*View, error) {
	one := Kept{Kind: v.Form("kind"), Name: shortName(v.Form("name")), Href: v.Form("href")}
	if u, err := url.Parse(one.Href); err == nil && u.Scheme == "" && u.Host == "" {
		one.Href = u.RequestURI() // as it is compared
	}
	if one.Name == "" {
		return nil, v.Invalid("What is kept needs a name.")
	}
	if !one.good() {
		return nil, v.Invalid("Only pages of this server can be kept: runs, lines, kernels, products and filters.")
	}
	all := slices.DeleteFunc(v.kept(), func(k Kept) bool {
		return k.Kind == one.Kind && (k.Href == one.Href || one.Kind == KeptFilter && k.Name == one.Name && samePath(k.Href, one.Href))
	})
	said := one.Name + " is not kept any more."
	if v.Form("do") != "forget" {
		all = slices.Insert(all, 0, one)
		said = one.Name + " is pinned to the overview of this browser."
		if one.Kind == KeptFilter {
			said = "The filter is kept in this browser as “" + one.Name + "”."
		}
	}
	if len(all) > mostKept {
		return nil, v.Invalid("A browser keeps at most 40 pins and filters; take some away first.")
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	value := base64.RawURLEncoding.EncodeToString(text)
	if len(value) > mostCookie {
		return nil, v.Invalid("The cookie for pins and filters is full; take some away first.")
	}
	if len(all) == 0 {
		value = ""
	}
	s.setCookie(v.w, v.HTTP, v.keptCookie(), value, keptForDays*24*time.Hour)
	return v.Redirect(safeNext(v.Form("back")), said), nil
}

func samePath(a, b string) bool {
	a, _, _ = strings.Cut(a, "?")
	b, _, _ = strings.Cut(b, "?")
	return a == b
}

// shortName is a name in one line and not too long.
func shortName(name string) string {
	name = strings.ToValidUTF8(strings.Join(strings.Fields(name), " "), "")
	runes := []rune(name)
	return string(runes[:min(len(runes), mostName)])
}
