package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// token returns a token that differs from others by its name.
func token(name string, roles ...string) *store.Token {
	hash := sha256.Sum256([]byte(name))
	return &store.Token{Hash: hash[:], KeyID: "k1", Kind: "u", Prefix: "slwu_abcd", Name: name, Owner: "ann", Roles: roles}
}

func create(t *testing.T, s *store.Store, tokens ...*store.Token) {
	t.Helper()
	for _, tok := range tokens {
		if err := s.CreateToken(context.Background(), tok); err != nil {
			t.Fatalf("CreateToken(%s): %v", tok.Name, err)
		}
	}
}

func TestToken_RoundTrip(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		expires := time.Date(2030, 1, 2, 3, 4, 5, 6500, time.FixedZone("", 3600))
		want := token("full", "reader", "lab")
		want.Email, want.Tenant, want.CreatedBy = "a@example.org", "t1", "root"
		want.Flags, want.Labs, want.AllowFrom = store.Strings{"upload"}, store.Strings{"lab-\"1\""}, store.Strings{"10.0.0.0/8", "::1/128"}
		want.ExpiresAt = &expires
		create(t, s, want)

		if len(want.ID) != 30 || want.ID[:4] != "tok_" {
			t.Errorf("id %q, want tok_ and a ULID", want.ID)
		}
		if got := want.ExpiresAt.Nanosecond(); got != 6000 {
			t.Errorf("expires %d ns past the second, want 6500 rounded to even: 6000", got)
		}
		got, err := s.Token(ctx, want.ID)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Token: %+v, %v\nwant %+v", got, err, want)
		}
		got, err = s.TokenByHash(ctx, want.Hash)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("TokenByHash: %+v, %v\nwant %+v", got, err, want)
		}
	})
}

func TestToken_Refused(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		first := token("one")
		create(t, s, first)

		again := token("one")
		if err := s.CreateToken(ctx, again); !errors.Is(err, store.ErrConflict) {
			t.Errorf("CreateToken with a known hash: %v, want ErrConflict", err)
		}
		sameID := token("two")
		sameID.ID = first.ID
		if err := s.CreateToken(ctx, sameID); !errors.Is(err, store.ErrConflict) {
			t.Errorf("CreateToken with a known id: %v, want ErrConflict", err)
		}
		short := token("short")
		short.Hash = short.Hash[:31]
		if err := s.CreateToken(ctx, short); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("CreateToken with 31 bytes: %v, want ErrInvalid", err)
		}
		if _, err := s.Token(ctx, "tok_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Token: %v, want ErrNotFound", err)
		}
		if _, err := s.TokenByHash(ctx, []byte("none")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("TokenByHash: %v, want ErrNotFound", err)
		}
		if err := s.UpdateToken(ctx, "tok_none", func(*store.Token) error { return nil }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("UpdateToken: %v, want ErrNotFound", err)
		}
	})
}

func TestToken_LastAdminStays(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		past := time.Now().Add(-time.Hour)
		expired := token("expired", "admin")
		expired.ExpiresAt = &past
		first, second := token("first", "reader", "admin"), token("second", "admin")
		create(t, s, expired, first, second, token("reader", "reader"))

		if err := s.RevokeToken(ctx, first.ID); err != nil {
			t.Fatalf("revoke the first of two admin tokens: %v", err)
		}
		if err := s.RevokeToken(ctx, second.ID); !errors.Is(err, store.ErrConflict) {
			t.Errorf("revoke the last one: %v, want ErrConflict", err)
		}
		demote := func(tok *store.Token) error { tok.Roles = store.Strings{"reader"}; return nil }
		if err := s.UpdateToken(ctx, second.ID, demote); !errors.Is(err, store.ErrConflict) {
			t.Errorf("demote the last one: %v, want ErrConflict", err)
		}
		if err := s.RevokeToken(ctx, first.ID); err != nil {
			t.Errorf("revoke again: %v, want nil", err)
		}
		if err := s.RevokeToken(ctx, expired.ID); err != nil {
			t.Errorf("revoke an expired admin token: %v, want nil", err)
		}
		if got, err := s.Token(ctx, second.ID); err != nil || !got.Usable(s.Now()) {
			t.Errorf("the last admin token is %+v, %v; want it usable", got, err)
		}
	})
}

func TestToken_LastAdminStaysWhenAllAreRevokedAtOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var wg sync.WaitGroup
		for i := range 8 {
			tok := token(fmt.Sprint("admin ", i), "admin")
			create(t, s, tok)
			wg.Go(func() { _ = s.RevokeToken(ctx, tok.ID) })
		}
		wg.Wait()
		list, err := s.ListTokens(ctx, store.TokenFilter{Usable: true})
		if err != nil || len(list.Items) == 0 {
			t.Errorf("ListTokens: %d usable tokens, %v; want at least one", len(list.Items), err)
		}
	})
}

func TestToken_Touch(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		tok := token("one")
		create(t, s, tok)
		later := time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)
		for i, at := range []time.Time{later, later.Add(-time.Second)} {
			if err := s.TouchToken(ctx, tok.ID, at, fmt.Sprint("10.0.0.", i)); err != nil {
				t.Fatalf("TouchToken: %v", err)
			}
		}
		got, err := s.Token(ctx, tok.ID)
		if err != nil || got.LastUsedAt == nil || !got.LastUsedAt.Equal(later) || got.LastUsedIP != "10.0.0.0" {
			t.Errorf("Token: %+v, %v; want the later time and its address", got, err)
		}
		if err := s.TouchToken(ctx, "tok_none", later, "::1"); err != nil {
			t.Errorf("TouchToken of none: %v, want nil", err)
		}
	})
}

func TestListTokens(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for i := range 5 {
			tok := token(fmt.Sprint("t", i))
			if i == 2 {
				tok.Owner = "bob"
			}
			create(t, s, tok)
		}
		var names []string
		page := store.Page{Limit: 2, Total: true}
		for {
			list, err := s.ListTokens(ctx, store.TokenFilter{Owner: "ann", Page: page})
			if err != nil {
				t.Fatalf("ListTokens: %v", err)
			}
			if list.Total != 4 {
				t.Errorf("total %d, want 4", list.Total)
			}
			for _, tok := range list.Items {
				names = append(names, tok.Name)
			}
			if list.Next == "" {
				break
			}
			page.After = list.Next
		}
		if got, want := fmt.Sprint(names), "[t4 t3 t1 t0]"; got != want {
			t.Errorf("names %s, want %s", got, want)
		}
		_, err := s.ListTokens(ctx, store.TokenFilter{Page: store.Page{After: "nonsense"}})
		if !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("bad cursor: %v, want ErrBadCursor", err)
		}
	})
}

func TestCheckFingerprint(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for _, step := range []struct {
			fingerprint string
			want        error
		}{{"one", nil}, {"one", nil}, {"two", store.ErrSecretMismatch}, {"one", nil}} {
			if err := s.CheckFingerprint(ctx, []byte(step.fingerprint)); !errors.Is(err, step.want) {
				t.Errorf("CheckFingerprint(%s): %v, want %v", step.fingerprint, err, step.want)
			}
		}
	})
}
