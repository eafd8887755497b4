package keystone

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

// ErrInvalid says that Keystone does not know the token, or knows that it is
// expired or revoked.
var ErrInvalid = errors.New("the Keystone token is unknown, expired or revoked")

// ErrUnavailable says that Keystone did not answer, or that the server's own
// account may not ask it.
var ErrUnavailable = errors.New("keystone cannot be asked")

// How long an answer is believed that a token is bad, and how many answers are
// remembered.
const (
	negativeFor  = 5 * time.Second
	cacheEntries = 10_000
)

// Client asks one Keystone. It is safe for concurrent use.
type Client struct {
	config  Config
	options gophercloud.AuthOptions
	http    http.Client
	limit   *rate.Limiter
	flights singleflight.Group

	own ownToken

	mu    sync.Mutex
	cache map[[sha256.Size]byte]answer
}

// answer is what Keystone said; a nil token is a no. Past until it is asked again.
type answer struct {
	token *Token
	until time.Time
}

// New checks the settings. It does not speak to Keystone: a server starts
// whether Keystone is there or not.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.AuthURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--keystone-auth-url: %q must be like https://keystone.example.org/v3", c.AuthURL)
	}
	c.AuthURL = strings.TrimRight(c.AuthURL, "/")
	if !strings.HasSuffix(c.AuthURL, "/v3") {
		c.AuthURL += "/v3"
	}
	if c.WWWAuthenticateURI == "" {
		c.WWWAuthenticateURI = c.AuthURL
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	options, err := c.authOptions()
	if err != nil {
		return nil, err
	}
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	limit := rate.Limit(c.Ratelimit)
	if c.Ratelimit == 0 {
		limit = rate.Inf
	}
	return &Client{
		config:  c,
		options: options,
		http: http.Client{
			Transport: transport,
			Timeout:   c.Timeout,
			// A redirect would carry both tokens to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		limit: rate.NewLimiter(limit, max(1, int(c.Ratelimit))),
		cache: map[[sha256.Size]byte]answer{},
	}, nil
}

func (c *Config) authOptions() (gophercloud.AuthOptions, error) {
	o := gophercloud.AuthOptions{IdentityEndpoint: c.AuthURL}
	switch {
	case c.ApplicationCredentialID != "" && c.ApplicationCredentialSecret != "":
		o.ApplicationCredentialID, o.ApplicationCredentialSecret = c.ApplicationCredentialID, c.ApplicationCredentialSecret
	case c.Username != "" && c.Password != "":
		o.Username, o.Password, o.DomainName = c.Username, c.Password, c.UserDomain
		o.Scope = &gophercloud.AuthScope{ProjectName: c.Project, DomainName: c.ProjectDomain}
	default:
		return o, errors.New("keystone needs a username and password, or the id and secret of an application credential")
	}
	return o, nil
}

func (c *Config) transport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
	}
	if c.CAFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("keystone CA file: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("keystone CA file %s holds no certificate", c.CAFile)
	}
	return t, nil
}

// ServiceType is what access rules call this service.
func (c *Client) ServiceType() string { return c.config.ServiceType }

// Challenge is where clients get a token.
func (c *Client) Challenge() string { return c.config.WWWAuthenticateURI }

// Known reports whether the token was good when it was last asked about, however
// long ago, and has not reached its own end.
func (c *Client) Known(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.cache[sha256.Sum256([]byte(token))]
	return a.token != nil && c.config.Now().Before(a.token.ExpiresAt)
}

// Validate returns what Keystone says of a token, ErrInvalid, or ErrUnavailable
// (both possibly wrapped).
func (c *Client) Validate(ctx context.Context, token string) (*Token, error) {
	key := sha256.Sum256([]byte(token))
	if a, ok := c.remembered(key); ok {
		return a.verdict()
	}
	flight := c.flights.DoChan(string(key[:]), func() (any, error) {
		if a, ok := c.remembered(key); ok { // a flight ended since we looked
			return a, nil
		}
		// Others may wait for this answer when the first one has gone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.Timeout)
		defer cancel()
		return c.ask(ctx, key, token)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(answer).verdict()
	}
}

func (a answer) verdict() (*Token, error) {
	if a.token == nil {
		return nil, ErrInvalid
	}
	return a.token, nil
}

func (c *Client) remembered(key [sha256.Size]byte) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.cache[key]
	return a, ok && c.config.Now().Before(a.until)
}

func (c *Client) ask(ctx context.Context, key [sha256.Size]byte, token string) (answer, error) {
	if !c.limit.AllowN(c.config.Now(), 1) {
		return answer{}, fmt.Errorf("%w: more than %.0f questions in a second", ErrUnavailable, c.config.Ratelimit)
	}
	now := c.config.Now()
	t, err := c.fetch(ctx, token)
	switch {
	case errors.Is(err, ErrInvalid):
		return c.remember(key, answer{nil, now.Add(min(negativeFor, c.config.cacheFor()))}), nil
	case err != nil:
		return answer{}, err
	case !now.Before(t.ExpiresAt):
		return answer{}, fmt.Errorf("%w: expired", ErrInvalid)
	}
	until := now.Add(c.config.cacheFor())
	if t.ExpiresAt.Before(until) {
		until = t.ExpiresAt
	}
	return c.remember(key, answer{t, until}), nil
}

func (c *Client) remember(key [sha256.Size]byte, a answer) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cache) >= cacheEntries {
		clear(c.cache)
	}
	c.cache[key] = a
	return a
}

// ownToken is the token with which the server asks.
type ownToken struct {
	mu      sync.Mutex
	text    string
	expires time.Time

	failure error // why the last login failed, nil when it did not
	failed  time.Time
}

// renewBefore is how long before its end the own token is replaced.
const renewBefore = time.Minute

// loginPause is how long a login that failed is not tried again. Everybody who
// waits for it in a row would else wait for as many timeouts.
const loginPause = time.Second

// ownText returns the own token, a new one when it is about to end or is the
// one that Keystone refused.
func (c *Client) ownText(ctx context.Context, refused string) (string, error) {
	c.own.mu.Lock()
	defer c.own.mu.Unlock()
	if c.own.text != "" && c.own.text != refused && c.config.Now().Before(c.own.expires.Add(-renewBefore)) {
		return c.own.text, nil
	}
	if c.own.failure != nil && c.config.Now().Sub(c.own.failed) < loginPause {
		return "", c.own.failure
	}
	t, err := c.login(ctx)
	if c.own.failure, c.own.failed = err, c.config.Now(); err != nil {
		return "", err
	}
	c.own.text, c.own.expires = t.ID, t.ExpiresAt
	return t.ID, nil
}

// OwnToken returns a token of the server's own account, a new one when it is about
// to end or is the one that was refused. With it the server calls other services.
func (c *Client) OwnToken(ctx context.Context, refused string) (string, error) {
	return c.ownText(ctx, refused)
}

func (c *Client) login(ctx context.Context) (*tokens.Token, error) {
	identity := &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{HTTPClient: c.http},
		Endpoint:       c.config.AuthURL + "/",
		Type:           "identity",
	}
	t, err := tokens.Create(ctx, identity, &c.options).ExtractToken()
	if err != nil {
		return nil, fmt.Errorf("%w: the server cannot log in: %w", ErrUnavailable, err)
	}
	return t, nil
}

// fetch asks Keystone about a token, with a new own token when the old one is
// refused.
func (c *Client) fetch(ctx context.Context, token string) (*Token, error) {
	own, err := c.ownText(ctx, "")
	if err != nil {
		return nil, err
	}
	t, status, err := c.get(ctx, own, token)
	if status == http.StatusUnauthorized {
		if own, err = c.ownText(ctx, own); err != nil {
			return nil, err
		}
		t, status, err = c.get(ctx, own, token)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case status == http.StatusOK:
		return t, nil
	case status == http.StatusNotFound:
		return nil, ErrInvalid
	case status == http.StatusForbidden:
		slog.ErrorContext(ctx, "the account that asks Keystone may not validate tokens; it needs the role service")
	}
	return nil, fmt.Errorf("%w: it answered %d", ErrUnavailable, status)
}

// maxAnswer bounds what is read of Keystone's answer.
const maxAnswer = 1 << 20

// get sends the one question. It is a GET because Keystone lets the role
// service do that, but not the HEAD that gophercloud's tokens.Validate sends;
// and without the header about access rules a token of an application
// credential that has some would be 404.
func (c *Client) get(ctx context.Context, own, token string) (*Token, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.AuthURL+"/auth/tokens?nocatalog", nil)
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("X-Auth-Token", own)
	r.Header.Set("X-Subject-Token", token)
	r.Header.Set("OpenStack-Identity-Access-Rules", "1.0")
	r.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode, err
	}
	t, err := parse(body)
	return t, resp.StatusCode, err
}
