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

	"github.com/alecthomas/kong"

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

func (f fakeStore) UpdateToken(_ context.Context, _ string, change func(*store.Token) error) error {
	return change(f.token)
}

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
			who, err := a.Identify(t.Context(), Attempt{Header: h, Client: netip.MustParseAddr("192.0.2.7"), Order: tt.order})
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

// TestAuthenticator_OldPepper: a token that was hashed under an older secret is
// good, and moves under the current one.
func TestAuthenticator_OldPepper(t *testing.T) {
	t.Parallel()

	old, current := []byte("an old secret"), []byte("the current secret")
	row := &store.Token{ID: "tok_1", Kind: "r", Roles: []string{"runner"}}
	text := New(Config{Pepper: old, Now: time.Now}).Issue(row)
	if row.KeyID != KeyID(old) || row.Prefix != text[:9] {
		t.Errorf("Issue: key %q, prefix %q", row.KeyID, row.Prefix)
	}
	a := New(Config{Store: fakeStore{token: row}, Pepper: current, OldPeppers: [][]byte{[]byte("another"), old}, Now: time.Now})
	try := Attempt{Header: http.Header{"Authorization": {text}}, Client: netip.MustParseAddr("192.0.2.7")}
	if who, err := a.Identify(t.Context(), try); err != nil || who.TokenID != "tok_1" {
		t.Fatalf("Identify under an old secret: %+v, %v", who, err)
	}
	a.Close()
	if row.KeyID != KeyID(current) || string(row.Hash) != string(HashToken(current, text)) {
		t.Error("the token was not moved under the current secret")
	}
	if _, err := New(Config{Store: fakeStore{token: row}, Pepper: old, Now: time.Now}).Identify(t.Context(), try); !errors.Is(err, ErrBadCredential) {
		t.Errorf("Identify under the old secret alone: %v, want ErrBadCredential", err)
	}
}

// TestAuthenticator_Limited: while an address is limited only what was found
// good before is looked at.
func TestAuthenticator_Limited(t *testing.T) {
	t.Parallel()

	text := NewToken(RunnerToken)
	lookups := 0
	a := New(Config{
		Store:      countingStore{fakeStore{token: &store.Token{ID: "tok_1", Hash: HashToken(nil, text)}}, &lookups},
		AdminToken: "s3cret-admin", Now: time.Now,
	})
	try := func(header string) error {
		_, err := a.Identify(t.Context(), Attempt{Header: http.Header{"Authorization": {header}}, Limited: true})
		return err
	}
	for _, header := range []string{text, NewToken(RunnerToken), "nonsense-nonsense", "Basic x"} {
		if err := try(header); !errors.Is(err, ErrNotTried) {
			t.Errorf("%.12s…: %v, want ErrNotTried", header, err)
		}
	}
	if err := try("s3cret-admin"); !errors.Is(err, ErrNotTried) {
		t.Errorf("the configured admin token from a network where it was never used: %v, want ErrNotTried", err)
	}
	if _, err := a.Identify(t.Context(), Attempt{Header: http.Header{"Authorization": {"s3cret-admin"}}}); err != nil {
		t.Fatal(err)
	}
	if err := try("s3cret-admin"); err != nil {
		t.Errorf("the configured admin token: %v", err)
	}
	if lookups != 0 {
		t.Errorf("%d look-ups", lookups)
	}
	if _, err := a.Identify(t.Context(), Attempt{Header: http.Header{"Authorization": {text}}}); err != nil {
		t.Fatal(err)
	}
	a.Forget() // even so it stays known
	if err := try(text); err != nil {
		t.Errorf("a token that was found good before: %v", err)
	}
	a.Close()
}

type countingStore struct {
	fakeStore
	n *int
}

func (c countingStore) TokenByHash(ctx context.Context, hash []byte) (*store.Token, error) {
	*c.n++
	return c.fakeStore.TokenByHash(ctx, hash)
}

// A token that was read before it was revoked is not believed afterwards.
func TestAuthenticator_ForgetMeanwhile(t *testing.T) {
	t.Parallel()

	text, lookups := NewToken(PersonToken), 0
	var a *Authenticator
	a = New(Config{
		Store: slowStore{countingStore{fakeStore{token: &store.Token{ID: "tok_1", Hash: HashToken(nil, text)}}, &lookups}, func() { a.Forget() }},
		Now:   time.Now,
	})
	for want := 1; want <= 3; want++ {
		if _, err := a.Identify(t.Context(), Attempt{Header: http.Header{"Authorization": {text}}}); err != nil {
			t.Fatal(err)
		}
		if lookups != want {
			t.Errorf("%d look-ups, want %d: every one was overtaken by a change", lookups, want)
		}
	}
	a.Close()
}

// slowStore does something between the look-up and its answer.
type slowStore struct {
	countingStore
	meanwhile func()
}

func (s slowStore) TokenByHash(ctx context.Context, hash []byte) (*store.Token, error) {
	t, err := s.countingStore.TokenByHash(ctx, hash)
	s.meanwhile()
	return t, err
}

func TestLife_End(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	in := func(d time.Duration) *time.Time { end := now.Add(d); return &end }
	day := 24 * time.Hour
	var byDefault Life
	if err := kong.ApplyDefaults(&byDefault); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		life  Life
		kind  TokenKind
		asked *time.Time
		never bool
		want  *time.Time
		fails bool
	}{
		{name: "a person by default", life: byDefault, kind: PersonToken, want: in(365 * day)},
		{name: "a lab by default", life: byDefault, kind: LabToken},
		{name: "a person who asks for ever", life: byDefault, kind: PersonToken, never: true},
		{name: "a lab under a maximum", life: Life{Max: day}, kind: LabToken, want: in(day)},
		{name: "a default over the maximum", life: Life{Person: 2 * day, Max: day}, kind: PersonToken, want: in(day)},
		{name: "more than the maximum", life: Life{Max: day}, kind: LabToken, asked: in(2 * day), fails: true},
		{name: "for ever over the maximum", life: Life{Max: day}, kind: LabToken, never: true, fails: true},
		{name: "within the maximum", life: Life{Max: day}, kind: LabToken, asked: in(time.Hour), want: in(time.Hour)},
		{name: "in the past", kind: LabToken, asked: in(-time.Hour), fails: true},
	}
	for _, tt := range tests {
		got, err := tt.life.End(tt.kind, now, tt.asked, tt.never)
		if (err != nil) != tt.fails || (got == nil) != (tt.want == nil) || got != nil && !got.Equal(*tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()

	secret := NewToken(LabToken)
	if got := Redact("/v1/token/" + secret + "/x?slw"); got != "/v1/token/slwl_***/x?slw" {
		t.Errorf("Redact: %q", got)
	}
}

func TestRedactPath(t *testing.T) {
	t.Parallel()

	const old, id = "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e", "53b1c3d4e7798b0001a0f0aa"
	for path, want := range map[string]string{
		"/v1/token/" + old:                 "/v1/token/***",
		"//tokens/" + old + "/x":           "//tokens/***/x",
		"/token/%30" + old[1:]:             "/token/***",
		"/v1/token/" + id:                  "/v1/token/" + id,
		"/v1/access-tokens/tok_1/rotate":   "/v1/access-tokens/tok_1/rotate",
		"/v1/runs/" + NewToken(LabToken):   "/v1/runs/slwl_***",
		"/v1/tokens/" + NewToken(LabToken): "/v1/tokens/***",
		"/v1/token":                        "/v1/token",
	} {
		if got := RedactPath(path); got != want {
			t.Errorf("RedactPath(%q): %q, want %q", path, got, want)
		}
	}
}

func TestAdopt(t *testing.T) {
	t.Parallel()

	const old = "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"
	row := &store.Token{Kind: "l", Roles: []string{"lab"}}
	a := New(Config{Pepper: []byte("pepper"), Now: time.Now})
	for _, bad := range []string{"", "password", "0d9f6a52-4c1e-1f0b-9d0e-1f2a3b4c5d6e", old + "x", strings.ReplaceAll(old, "-", "")} {
		if a.Adopt(row, bad) == nil {
			t.Errorf("%q may become a token", bad)
		}
	}
	if err := a.Adopt(row, old); err != nil || row.Prefix != "0d9f6a52-" || row.KeyID == "" {
		t.Fatalf("Adopt: %v, %+v", err, row)
	}
	a = New(Config{Store: fakeStore{token: row}, Pepper: []byte("pepper"), Now: time.Now})
	for _, header := range []string{old, "Bearer " + old, "Token " + old} {
		who, err := a.Identify(t.Context(), Attempt{Header: http.Header{"Authorization": {header}}})
		if err != nil || !who.Is(Lab) {
			t.Errorf("Authorization %s: %+v, %v", header, who, err)
		}
	}
}

func TestParseRoleMap(t *testing.T) {
	t.Parallel()

	m, err := ParseRoleMap(map[string]string{"admin": "admin", "member": "reader+runner", "nobody": ""})
	if err != nil || len(m["member"]) != 2 || m["member"][1] != Runner || len(m["nobody"]) != 0 {
		t.Errorf("ParseRoleMap: %v, %v", m, err)
	}
	if _, err := ParseRoleMap(map[string]string{"admin": "root"}); err == nil {
		t.Error("a role that does not exist is taken")
	}
}

func FuzzCredential(f *testing.F) {
	for _, s := range []string{"", "Bearer x", "Token abcdefgh", "OAuth a=b", "abcdefgh", " Bearer  spaced ", "Bearer\tabcdefgh", "é"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, authorization, xAuthToken string) {
		h := http.Header{"Authorization": {authorization}, "X-Auth-Token": {xAuthToken}}
		for _, order := range []Order{XAuthTokenFirst, AuthorizationFirst, ServiceTokenFirst} {
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
		if _, err := a.Identify(b.Context(), Attempt{Header: h, Client: client}); err != nil {
			b.Fatal(err)
		}
	}
}
