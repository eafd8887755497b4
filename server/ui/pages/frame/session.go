package frame

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/edge/seal"
)

// ErrNoSession says that there is no session of that id, or that it is over.
var ErrNoSession = errors.New("no such session")

// Sessions keeps who is logged in.
type Sessions interface {
	// Create keeps a session. What is sealed is not readable without the cookie.
	Create(ctx context.Context, id string, sealed []byte, client string, ends time.Time) error

	// Get returns what was sealed, or ErrNoSession.
	Get(ctx context.Context, id string) (sealed []byte, err error)

	// End removes a session, if it is there.
	End(ctx context.Context, id string) error
}

// The cookies. Both hold random bits and nothing else: one names the session of
// somebody who is logged in, the other lets forms be told from forged ones where
// nobody is.
const (
	sessionCookie = "slipway_session"
	visitCookie   = "slipway_visit"
	saidCookie    = "slipway_said" // what the page after a form says
)

const cookieBytes = 32

// ownToken is the shape of the texts that are API tokens: those that the server makes
// and the UUIDs of KernelCI.
var ownToken = regexp.MustCompile(`^(slw[urls]_[0-9A-Za-z]+|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12})$`)

// newCookie makes the text of a cookie.
func newCookie() string {
	b := make([]byte, cookieBytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// cookieOf returns the cookie when it has the shape of one of ours, or "".
func cookieOf(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(c.Value); err != nil || len(b) != cookieBytes {
		return ""
	}
	return c.Value
}

func sessionID(cookie string) string {
	sum := sha256.Sum256([]byte("slipway session " + cookie))
	return hex.EncodeToString(sum[:])
}

// box seals the credential of a session. Its key needs the cookie and the server's
// secret, so that neither the database nor the two together give it away.
func (s *Site) box(cookie string) (seal.Box, error) {
	return seal.New(slices.Concat(s.config.Secret, []byte(cookie)), "slipway sessions of browsers")
}

// formToken is what a form must bring along. Other sites cannot know it, as they
// know no cookie.
func formToken(cookie string) string {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("slipway form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

func (s *Site) setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration) {
	o := s.config.Origin(r)
	c := &http.Cookie{
		Name: name, Value: value, Path: o.Prefix + "/ui", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: o.Secure,
		MaxAge: int(life.Seconds()),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// open finds out with which credential a visitor comes. Without a session there is
// none.
func (s *Site) open(r *http.Request) (cookie string, c credential, err error) {
	cookie = cookieOf(r, sessionCookie)
	if cookie == "" {
		return "", "", nil
	}
	id := sessionID(cookie)
	sealed, err := s.config.Sessions.Get(r.Context(), id)
	if errors.Is(err, ErrNoSession) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	box, err := s.box(cookie)
	if err != nil {
		return "", "", err
	}
	text, err := box.Open(id, sealed)
	if err != nil { // the server has another secret now
		return "", "", s.config.Sessions.End(r.Context(), id)
	}
	return cookie, credential(text), nil
}

// begin logs somebody in whose credential was found good.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, c credential) error {
	cookie := newCookie()
	box, err := s.box(cookie)
	if err != nil {
		return err
	}
	id := sessionID(cookie)
	ends := s.config.Now().Add(s.config.SessionLife)
	if err := s.config.Sessions.Create(r.Context(), id, box.Seal(id, []byte(c)), s.config.Origin(r).Client, ends); err != nil {
		return err
	}
	s.setCookie(w, r, sessionCookie, cookie, s.config.SessionLife)
	return nil
}

// loginForm is what the page of the login shows.
type loginForm struct {
	Next  string // where the visitor wanted to go
	Error string
}

// login shows the form, or takes it.
func (s *Site) login(v *Visit) (*View, error) {
	form := loginForm{Next: safeNext(v.HTTP.FormValue("next"))}
	view := &View{Title: "Log in", File: "login.html", Templates: own, Data: &form}
	if v.HTTP.Method != http.MethodPost {
		if me, err := v.whoami(); err == nil && (me.Kind == client.WhoamiKindNone || v.credential != "") {
			return v.Redirect(form.Next, ""), nil
		}
		return view, nil
	}
	if !v.fromOurForm() {
		form.Error, view.Status = "This form was open for too long, or your browser keeps no cookies. Please try again.", http.StatusForbidden
		return view, nil
	}
	c := credential(strings.TrimSpace(v.HTTP.PostFormValue("token")))
	if c == "" {
		form.Error, view.Status = "The token is missing.", http.StatusBadRequest
		return view, nil
	}
	v.as(c)
	_, err := v.whoami()
	var problem *client.Problem
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized:
		form.Error, view.Status = "This token is unknown, expired, revoked or not for your address.", http.StatusUnauthorized
		return view, nil
	case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError:
		form.Error, view.Status = problem.Detail, int(problem.Status)
		return view, nil
	case err != nil:
		return nil, err
	}
	if old := cookieOf(v.HTTP, sessionCookie); old != "" {
		if err := s.config.Sessions.End(v.Context(), sessionID(old)); err != nil {
			return nil, err
		}
	}
	if err := s.begin(v.w, v.HTTP, c); err != nil {
		return nil, err
	}
	return v.Redirect(form.Next, ""), nil
}

// logout ends the session.
func (s *Site) logout(v *Visit) (*View, error) {
	if cookie := cookieOf(v.HTTP, sessionCookie); cookie != "" {
		if err := s.config.Sessions.End(v.Context(), sessionID(cookie)); err != nil {
			return nil, err
		}
	}
	s.setCookie(v.w, v.HTTP, sessionCookie, "", 0)
	return v.Redirect("/ui/login", ""), nil
}

// SafePage is a page of ours that a form or a link names, the overview when it names
// none.
func SafePage(next string) string { return safeNext(next) }

// safeNext returns where to go after the login: a page of ours, whatever the link
// said.
func safeNext(next string) string {
	u, err := url.Parse(next)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "",
		strings.ContainsAny(next, "\\\r\n\t\x00"), strings.Contains(u.Path, ".."), strings.HasPrefix(next, "//"),
		u.Path != "/ui" && !strings.HasPrefix(u.Path, "/ui/"), strings.HasPrefix(u.Path, "/ui/log"):
		return "/ui/"
	}
	return u.RequestURI()
}
