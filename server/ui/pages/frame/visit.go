package frame

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
)

// base is the address that calls within the process go to; nobody sees it.
const base = "http://slipway"

const userAgent = "slipway-ui"

// Visit is one request of a visitor for a page.
type Visit struct {
	HTTP *http.Request
	API  *client.API    // calls the API as the visitor
	Me   *client.Whoami // who the visitor is

	w          http.ResponseWriter
	site       *Site
	page       *Page
	transport  transport
	credential credential
	cookie     string // of the session, or of the visit
}

// Context is the request's.
func (v *Visit) Context() context.Context { return v.HTTP.Context() }

// Path returns a part of the path that the page's pattern names.
func (v *Visit) Path(name string) string { return v.HTTP.PathValue(name) }

// Query returns a value of the query or "".
func (v *Visit) Query(name string) string { return v.HTTP.URL.Query().Get(name) }

// Queries returns all values of the query with this name, also those that are joined
// by commas.
func (v *Visit) Queries(name string) []string {
	var all []string
	for _, value := range v.HTTP.URL.Query()[name] {
		for item := range strings.SplitSeq(value, ",") {
			if item != "" && !slices.Contains(all, item) {
				all = append(all, item)
			}
		}
	}
	return all
}

// Form returns a value of the posted form.
func (v *Visit) Form(name string) string { return v.HTTP.PostFormValue(name) }

// May reports whether the visitor has the permission of each of the operations. What
// somebody may not do is not offered.
func (v *Visit) May(operations ...string) bool {
	for _, op := range operations {
		permission, known := v.site.config.Permissions[op]
		if !known {
			panic("frame: there is no operation " + op) // a mistake in a page
		}
		if permission != "" && (v.Me == nil || !slices.Contains(v.Me.Permissions, permission)) {
			return false
		}
	}
	return true
}

// With returns the page's address with a parameter set, or without it when the value
// is empty. A change of the question goes back to the first page.
func (v *Visit) With(name string, values ...string) string {
	q := v.HTTP.URL.Query()
	q.Del(name)
	for _, value := range values {
		if value != "" {
			q.Add(name, value)
		}
	}
	q.Del("after")
	q.Del("from")
	return address(v.HTTP.URL.EscapedPath(), q)
}

// Toggle returns the page's address with the value added to those of a parameter, or
// taken away.
func (v *Visit) Toggle(name, value string) string {
	values := v.Queries(name)
	if i := slices.Index(values, value); i >= 0 {
		values = slices.Delete(values, i, i+1)
	} else {
		values = append(values, value)
	}
	return v.With(name, strings.Join(values, ","))
}

// address writes a path, escaped as it is in addresses, and a query. /ui stands for the
// overview.
func address(path string, q url.Values) string {
	if path == "/ui" {
		path = "/ui/"
	}
	if text := q.Encode(); text != "" {
		return path + "?" + strings.NewReplacer("%2C", ",", "%3A", ":", "%2A", "*").Replace(text)
	}
	return path
}

// Redirect is the answer to a form: the browser goes to a page of ours, which says a
// sentence at its top.
func (v *Visit) Redirect(to, said string) *View { return &View{redirect: to, said: said} }

// NotFound is an error for what the API would not find either.
func (v *Visit) NotFound(sentence string) error {
	return &client.Problem{Status: http.StatusNotFound, Title: "Not Found", Detail: sentence}
}

// Invalid is an error for a form or a query that cannot be right.
func (v *Visit) Invalid(sentence string) error {
	return &client.Problem{Status: http.StatusBadRequest, Title: "Bad Request", Detail: sentence}
}

// IsNotFound reports whether an error of the API says that something is not there, or
// not for the visitor's eyes.
func IsNotFound(err error) bool { return errors.Is(err, client.ErrNotFound) }

// Refused reports whether an error of the API says that the visitor may not ask.
func Refused(err error) bool { return errors.Is(err, client.ErrForbidden) }

// as makes the visitor call the API with a credential.
func (v *Visit) as(c credential) {
	v.credential = c
	v.transport = transport{handler: v.site.config.API, visitor: v.HTTP, credential: c}
	api, err := client.New(base, client.WithDoer(v.transport), client.WithRetry(client.Retry{}), client.WithUserAgent(userAgent))
	if err != nil {
		panic("frame: " + err.Error()) // the address is fixed
	}
	v.API = api
}

// whoami asks the API who the visitor is.
func (v *Visit) whoami() (*client.Whoami, error) {
	answer, err := v.API.GetWhoamiWithResponse(v.Context())
	if err != nil {
		return nil, err
	}
	if answer.JSON200 == nil {
		return nil, errors.New("whoami: " + answer.Status())
	}
	return answer.JSON200, nil
}

// fromOurForm reports whether a posted form was made here for this browser.
func (v *Visit) fromOurForm() bool {
	return v.cookie != "" && subtle.ConstantTimeCompare([]byte(v.HTTP.PostFormValue("form")), []byte(formToken(v.cookie))) == 1
}

// formToken is the token of the visitor's forms. A browser without a cookie gets one.
func (v *Visit) formToken() string {
	if v.cookie == "" {
		v.cookie = newCookie()
		v.site.setCookie(v.w, v.HTTP, visitCookie, v.cookie, v.site.config.SessionLife)
	}
	return formToken(v.cookie)
}
