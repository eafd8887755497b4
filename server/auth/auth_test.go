package auth

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
)

func TestNewToken(t *testing.T) {
	t.Parallel()

	shape := regexp.MustCompile(`^slwr_[0-9A-Za-z]{46}$`)
	seen := map[string]bool{}
	for range 100 {
		token := NewToken(RunnerToken)
		if !shape.MatchString(token) || seen[token] {
			t.Fatalf("NewToken: %q is of another shape or not new", token)
		}
		seen[token] = true
		if err := CheckToken(token); err != nil {
			t.Fatalf("CheckToken(%q): %v", token, err)
		}
	}
}

func TestCheckToken(t *testing.T) {
	t.Parallel()

	good := NewToken(LabToken)
	flipped := []byte(good)
	flipped[10] ^= 1
	tests := []struct{ name, text string }{
		{"one character is another", string(flipped)},
		{"one character is missing", good[:len(good)-1]},
		{"another prefix", "abcd_" + good[5:]},
		{"empty", ""},
		{"multi-byte characters", "slwl_" + strings.Repeat("é", 23)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if err := CheckToken(tt.text); !errors.Is(err, ErrMalformedToken) {
				t.Errorf("CheckToken(%q): %v, want ErrMalformedToken", tt.text, err)
			}
		})
	}
}

// fakeStore knows one token.
type fakeStore struct {
	token *store.Token
	err   error
}

func (f fakeStore) TokenByHash(_ context.Context, hash []byte) (*store.Token, error) {
	if f.err != nil {
		return nil, f.err
	}
	if string(hash) != string(f.token.Hash) {
		return nil, store.ErrNotFound
	}
	return f.token, nil
}

func (f fakeStore) TouchToken(context.Context, string, time.Time, string) error { return nil }

func TestAuthenticator_Identify(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	past, future := now.Add(-time.Second), now.Add(time.Second)
	text := NewToken(RunnerToken)
	pepper := []byte("pepper")
	row := func(change func(*store.Token)) *store.Token {
		t := &store.Token{ID: "tok_1", Hash: HashToken(pepper, text), Roles: []string{"runner"}, ExpiresAt: &future}
		if change != nil {
			change(t)
		}
		return t
	}
	down := errors.New("down")
	tests := []struct {
		name     string
		headers  map[string]string
		order    Order
		row      *store.Token
		err      error
		want     string // token id, or "admin"
		wantErrs error
	}{
		{name: "bearer", headers: map[string]string{"Authorization": "bEaReR " + text}, want: "tok_1"},
		{name: "token scheme", headers: map[string]string{"Authorization": "Token " + text}, want: "tok_1"},
		{name: "raw", headers: map[string]string{"Authorization": text}, want: "tok_1"},
		{name: "X-Auth-Token", headers: map[string]string{"X-Auth-Token": text}, want: "tok_1"},
		{name: "the configured admin token", headers: map[string]string{"X-Auth-Token": "s3cret-admin"}, want: "admin"},
		{name: "nothing", wantErrs: ErrNoCredential},
		{name: "basic", headers: map[string]string{"Authorization": "Basic dXNlcjpwYXNz"}, wantErrs: ErrBadCredential},
		{name: "OAuth", headers: map[string]string{"Authorization": `OAuth realm="x"`}, wantErrs: ErrBadCredential},
		{name: "unknown", headers: map[string]string{"Authorization": NewToken(RunnerToken)}, wantErrs: ErrBadCredential},
		{name: "short", headers: map[string]string{"Authorization": "abc"}, wantErrs: ErrBadCredential},
		{name: "empty X-Auth-Token", headers: map[string]string{"X-Auth-Token": ""}, wantErrs: ErrBadCredential},
		{name: "expired", headers: map[string]string{"Authorization": text}, row: row(func(t *store.Token) { t.ExpiresAt = &past }), wantErrs: ErrBadCredential},
		{name: "revoked", headers: map[string]string{"Authorization": text}, row: row(func(t *store.Token) { t.RevokedAt = &past }), wantErrs: ErrBadCredential},
		{name: "from elsewhere", headers: map[string]string{"Authorization": text}, row: row(func(t *store.Token) { t.AllowFrom = []string{"10.0.0.0/8"} }), wantErrs: ErrBadCredential},
		{name: "from inside", headers: map[string]string{"Authorization": text}, row: row(func(t *store.Token) { t.AllowFrom = []string{"192.0.2.0/24"} }), want: "tok_1"},
		{name: "a bad X-Auth-Token is not passed over", headers: map[string]string{"X-Auth-Token": "nonsense", "Authorization": text}, wantErrs: ErrBadCredential},
		{name: "KernelCI takes Authorization first", headers: map[string]string{"X-Auth-Token": "nonsense", "Authorization": text}, order: AuthorizationFirst, want: "tok_1"},
		{name: "the store is down", headers: map[string]string{"Authorization": text}, err: down, wantErrs: down},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if tt.row == nil {
				tt.row = row(nil)
			}
			a := New(Config{
				Store:      fakeStore{token: tt.row, err: tt.err},
				Pepper:     pepper,
				AdminToken: "s3cret-admin",
				Now:        func() time.Time { return now },
			})
			h := http.Header{}
			for k, v := range tt.headers {
				h.Set(k, v)
			}
			who, err := a.Identify(t.Context(), h, netip.MustParseAddr("192.0.2.7"), tt.order)
			if !errors.Is(err, tt.wantErrs) {
				t.Fatalf("Identify: error %v, want %v", err, tt.wantErrs)
			}
			got := who.TokenID
			if who.Kind == "admin" {
				got = "admin"
			}
			if got != tt.want {
				t.Errorf("Identify: %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzCredential(f *testing.F) {
	for _, s := range []string{"", "Bearer x", "Token abcdefgh", "OAuth a=b", "abcdefgh", " Bearer  spaced ", "Bearer\tabcdefgh", "é"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, authorization, xAuthToken string) {
		h := http.Header{"Authorization": {authorization}, "X-Auth-Token": {xAuthToken}}
		for _, order := range []Order{XAuthTokenFirst, AuthorizationFirst} {
			c, ok := credentialOf(h, order)
			if !ok {
				t.Fatal("both headers are there, but no credential was found")
			}
			if !c.unreadable && (c.text == "" || len(c.text) > maxCredential || strings.ContainsAny(c.text, " \r\n\x00")) {
				t.Errorf("credential %q counts as readable", c.text)
			}
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	text := NewToken(RunnerToken)
	pepper := []byte("pepper")
	a := New(Config{Store: fakeStore{token: &store.Token{Hash: HashToken(pepper, text), Roles: []string{"runner"}}}, Pepper: pepper, Now: time.Now})
	h := http.Header{"Authorization": {"Bearer " + text}}
	client := netip.MustParseAddr("192.0.2.7")
	for b.Loop() {
		if _, err := a.Identify(b.Context(), h, client, XAuthTokenFirst); err != nil {
			b.Fatal(err)
		}
	}
}
