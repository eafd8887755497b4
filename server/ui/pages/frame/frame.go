package frame

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
)

// contentSecurityPolicy is the explorer's, with forms.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// maxForm bounds a posted form.
const maxForm = 1 << 20

// Origin is what the pages must know of how a visitor reached the server.
type Origin struct {
	Prefix string // what stands before every path, such as /slipway; often empty
	URL    string // of the server with the prefix, for commands to copy
	Secure bool   // over TLS
	Client string // the visitor's address
}

// Config is what a Site stands on. All of it is needed.
type Config struct {
	// API is the whole way of a request: pages call it as everybody else does.
	API http.Handler

	// Permissions are the permissions of the operations; "" where none is needed.
	Permissions map[string]string

	Origin      func(*http.Request) Origin
	Sessions    Sessions
	Secret      []byte // the server's
	SessionLife time.Duration
	Build       string // as the foot shows it
	Now         func() time.Time

	// Done is closed when the server is to end: streams end then, and browsers come
	// back to whichever server there is. nil: never.
	Done <-chan struct{}
}

// Page is one page: where it is, what it asks of the API, what it shows.
type Page struct {
	// Path is the pattern of its paths, such as /ui/runs/{id}: see http.ServeMux.
	// The overview is /ui.
	Path string

	// Menu is the word of its entry in the menu, for pages that have one. In lists
	// the entry that is current: another page's Menu. A page of neither has none.
	Menu, In string

	// Calls are the operations that it may call. It is in the menu of those who may
	// call the first.
	Calls []string

	// Show answers GET.
	Show func(*Visit) (*View, error)

	// Do answers POST: a form of ours, whose token was checked. It returns
	// Visit.Redirect, or a View that shows the form again.
	Do func(*Visit) (*View, error)

	// Live answers the page's own stream, as long as it is shown: see OnEvents.
	// View.Live says that the page wants it.
	Live func(*Visit, *Stream) error

	// Open pages need no login; the API decides what a stranger may read.
	Open bool

	// Keyed pages take a token in their address, for programs that know no login, such
	// as feed readers. Addresses end up in logs, so it must have the role badge, which
	// reads how lines of runs went, and no other.
	Keyed bool
}

// Site is all pages with what they share, as one handler.
type Site struct {
	config Config
	mux    *http.ServeMux
	pages  []*Page
}

// New joins the pages. It fails when one is incomplete or names an operation that
// does not exist.
func New(c Config, pages ...[]Page) (*Site, error) {
	s := &Site{config: c, mux: http.NewServeMux()}
	var errs []error
	for _, area := range pages {
		for i := range area {
			p := &area[i]
			errs = append(errs, s.add(p))
		}
	}
	errs = append(errs,
		s.add(&Page{Path: "/ui/login", Open: true, Show: s.login, Do: s.login}),
		s.add(&Page{Path: "/ui/logout", Open: true, Do: s.logout}),
		s.add(&Page{Path: "/ui/keep", Do: s.keep}))
	for _, a := range assets {
		s.mux.Handle("GET /ui/assets/"+a.name, a)
		if a.name == "icon.svg" {
			s.mux.Handle("GET /favicon.ico", a) // what a browser asks for when a page names none
		}
	}
	return s, errors.Join(errs...)
}

func (s *Site) add(p *Page) (err error) {
	for _, op := range p.Calls {
		if _, ok := s.config.Permissions[op]; !ok {
			return fmt.Errorf("page %s calls %s, which is no operation", p.Path, op)
		}
	}
	if p.Show == nil && p.Do == nil {
		return fmt.Errorf("page %s shows nothing", p.Path)
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("page %s: %v", p.Path, cause)
		}
	}()
	s.mux.Handle(p.Path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.visit(w, r, p) }))
	s.pages = append(s.pages, p)
	return nil
}

// Pages lists the pages in the order of their registration.
func (s *Site) Pages() []*Page { return s.pages }

// ServeHTTP answers everything below /ui. The path must be clean, as the edge makes
// it.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Del("OpenStack-API-Version")
	handler, pattern := s.mux.Handler(r)
	if pattern == "" || strings.Contains(r.URL.Path, "/../") || strings.HasSuffix(r.URL.Path, "/..") || strings.Contains(r.URL.Path, "/./") {
		s.visit(w, r, &Page{Open: true, Show: func(v *Visit) (*View, error) {
			return nil, v.NotFound("There is no such page.")
		}})
		return
	}
	if page := strings.HasPrefix(pattern, "/"); page && handler != nil {
		s.mux.ServeHTTP(w, r) // sets the values of the path
		return
	}
	handler.ServeHTTP(w, r)
}

// visit answers a request for a page.
func (s *Site) visit(w http.ResponseWriter, r *http.Request, p *Page) {
	w.Header().Set("Cache-Control", "no-store") // pages are their visitor's
	v := &Visit{HTTP: r, w: w, site: s, page: p}
	view, err := s.answer(v)
	if err != nil {
		view = v.problem(err)
	}
	if view == nil {
		return // it was a stream
	}
	if err := v.write(view); err != nil {
		slog.ErrorContext(r.Context(), "page", "path", r.URL.Path, "error", err)
		http.Error(w, "This page cannot be shown; the server's log says why.", http.StatusInternalServerError)
	}
}

func (s *Site) answer(v *Visit) (*View, error) {
	r := v.HTTP
	r.Body = http.MaxBytesReader(v.w, r.Body, maxForm)
	cookie, c, err := s.open(r)
	if v.as(c); err != nil {
		return nil, err
	}
	if v.cookie = cookie; cookie == "" {
		v.cookie = cookieOf(r, visitCookie)
	}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return nil, v.Invalid("The form cannot be read, or is larger than 1 MiB.")
		}
	}
	if v.page.Path == "/ui/login" {
		return s.login(v)
	}
	if token := v.Query("token"); token != "" && v.page.Keyed {
		v.as(credential(token))
		me, err := v.whoami()
		v.Me = me
		if err != nil {
			return nil, err
		}
		if len(me.Roles) != 1 || me.Roles[0] != client.AccessRoleBadge {
			return nil, &client.Problem{Status: http.StatusForbidden, Title: "Forbidden", Detail: "A token in an address ends up in logs and histories, so only one with the role badge and no other is taken here. This one can do more: make another, and revoke this one, which has been seen now."}
		}
		return v.call()
	}
	if view, err := s.identify(v); view != nil || err != nil {
		return view, err
	}
	return v.call()
}

// identify finds out who visits, and sends to the login who is nobody. Where a page
// is open, nobody is somebody too.
func (s *Site) identify(v *Visit) (*View, error) {
	me, err := v.whoami()
	if err == nil {
		v.Me = me
		return nil, nil
	}
	if !errors.Is(err, client.ErrUnauthorized) {
		return nil, err
	}
	if v.credential != "" { // revoked, expired, or no longer for this address
		if err := s.config.Sessions.End(v.Context(), sessionID(v.cookie)); err != nil {
			return nil, err
		}
		s.setCookie(v.w, v.HTTP, sessionCookie, "", 0)
		v.as("")
	}
	if v.page.Open {
		return nil, nil
	}
	if isStream(v.HTTP) {
		return nil, err
	}
	next := "/ui/"
	if v.HTTP.Method == http.MethodGet {
		next = address(v.HTTP.URL.EscapedPath(), v.HTTP.URL.Query())
	}
	to := "/ui/login"
	if next != "/ui/" {
		to += "?" + url.Values{"next": {next}}.Encode()
	}
	return v.Redirect(to, ""), nil
}

// call lets the page answer.
func (v *Visit) call() (*View, error) {
	p := v.page
	switch method := v.HTTP.Method; {
	case method == http.MethodGet && p.Live != nil && isStream(v.HTTP):
		return nil, v.stream()
	case (method == http.MethodGet || method == http.MethodHead) && p.Show != nil:
		return p.Show(v)
	case method == http.MethodPost && p.Do != nil:
		if !v.fromOurForm() {
			return nil, &client.Problem{Status: http.StatusForbidden, Title: "Forbidden", Detail: "This form was open for too long, or was not made here. Go back, load the page again and send it once more."}
		}
		return p.Do(v)
	}
	allow := "GET, HEAD"
	if p.Show == nil {
		allow = "POST"
	} else if p.Do != nil {
		allow += ", POST"
	}
	v.w.Header().Set("Allow", allow)
	return nil, &client.Problem{Status: http.StatusMethodNotAllowed, Title: "Method Not Allowed", Detail: "This page does not take " + v.HTTP.Method + "."}
}

// problem is the page of an error: the sentence of the API, and where to find more.
func (v *Visit) problem(err error) *View {
	var p *client.Problem
	if !errors.As(err, &p) {
		id := v.w.Header().Get("X-Request-Id")
		slog.ErrorContext(v.Context(), "page failed", "path", v.HTTP.URL.Path, "request_id", id, "error", err)
		p = &client.Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Detail: "Something went wrong here; the server's log says what.", RequestID: id}
	}
	return &View{Title: p.Title, Status: int(p.Status), File: "problem.html", Templates: own, Data: p}
}
