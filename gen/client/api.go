package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// API is a client for programs: every generated call, with errors that are Go
// errors, retries, and the calls that a generator cannot write (Upload, Events,
// Agent). It is safe for use by several goroutines.
type API struct {
	*ClientWithResponses
	raw *Client
}

// Option changes what New makes.
type Option func(*options) error

type options struct {
	doer      HttpRequestDoer
	token     string
	userAgent string
	retry     Retry
	editors   []RequestEditorFn
}

// New returns a client of the server at an address such as
// https://lab.example/slipway, with or without /v1 behind it. Unless an option says
// otherwise it sends no credential and retries as DefaultRetry says.
//
// Every answer of status 400 and above is an error, a *Problem: use errors.As for
// its fields, or errors.Is with ErrNotFound and its like.
func New(server string, opts ...Option) (*API, error) {
	base, err := baseURL(server)
	if err != nil {
		return nil, err
	}
	o := options{doer: HTTPClient(), userAgent: "slipway-go", retry: DefaultRetry}
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	withResponses, err := NewClientWithResponses(base,
		WithHTTPClient(problemDoer{retrying{o.doer, o.retry}}), WithRequestEditorFn(o.edit))
	if err != nil {
		return nil, err
	}
	return &API{ClientWithResponses: withResponses, raw: withResponses.ClientInterface.(*Client)}, nil
}

// patience is how long a server may take to answer once it has the whole request. No
// call needs as much; without an end a lost answer would be waited for always.
const patience = 10 * time.Minute

// ErrMoved is what a call gets that changes something and was sent to another address.
var ErrMoved = errors.New("the address leads elsewhere")

// HTTPClient makes what New sends requests with. It follows no redirection of a call
// that is not a plain read: by the rules of HTTP most of them would arrive as a GET,
// without the body, whose answer looks like success.
func HTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = patience
	return &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if !reads(via[0].Method) {
			return moved(via[0], r.URL.Redacted())
		}
		const most = 10
		if len(via) >= most {
			return fmt.Errorf("%w: there were %d redirections", ErrMoved, most)
		}
		return nil
	}}
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func moved(r *http.Request, to string) error {
	return fmt.Errorf("%w: %s %s is sent on to %s; name that as the server's address", ErrMoved, r.Method, r.URL.Redacted(), to)
}

// baseURL checks an address and takes /v1 off its end, since the paths of the
// document begin with it.
func baseURL(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("the server's address is %q: it must be http://HOST or https://HOST, with a path if need be", server)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if rest, ok := strings.CutSuffix(u.Path, "/v1"); ok {
		u.Path = rest
	}
	u.RawQuery, u.Fragment, u.RawPath = "", "", ""
	return u.String(), nil
}

func (o *options) edit(ctx context.Context, r *http.Request) error {
	if o.token != "" && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", o.userAgent)
	}
	for _, edit := range o.editors {
		if err := edit(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// WithToken sends an API token with every request.
func WithToken(token string) Option {
	return func(o *options) error {
		if strings.ContainsAny(token, " \r\n\t") {
			return errors.New("the token holds white space")
		}
		o.token = token
		return nil
	}
}

// WithUserAgent names the program, for the server's log.
func WithUserAgent(name string) Option {
	return func(o *options) error {
		o.userAgent = name
		return nil
	}
}

// WithRetry replaces DefaultRetry; Retry{} never tries again.
func WithRetry(r Retry) Option {
	return func(o *options) error {
		o.retry = r
		return nil
	}
}

// WithDoer sends the requests another way than http.Client does: with other
// certificates, or to a handler in the same process.
func WithDoer(doer HttpRequestDoer) Option {
	return func(o *options) error {
		if doer == nil {
			return errors.New("there is nothing to send requests with")
		}
		o.doer = doer
		return nil
	}
}

// WithEditor changes every request before it is sent.
func WithEditor(edit RequestEditorFn) Option {
	return func(o *options) error {
		o.editors = append(o.editors, edit)
		return nil
	}
}
