package remote

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

var tokenColumns = columns("ID id", "TOKEN prefix", "NAME name", "ROLES roles", "OWNER owner", "CREATED created_at", "EXPIRES expires_at", "LAST_USED last_used_at", "REVOKED revoked_at")

// Named reports whether a server was named: the commands of tokens work on the data
// directory, else.
func (f *Flags) Named() bool { return f.Server != "" || f.Context != "" }

// CreateToken makes a token and prints its text, once.
func (f *Flags) CreateToken(ctx context.Context, std terminal.Streams, in client.NewAccessToken) error {
	return f.run(ctx, &std, func(ctx context.Context, s *session) error {
		answer, err := s.api.Raw().CreateAccessToken(ctx, nil, in)
		return s.newToken(answer, err)
	})
}

// RotateToken makes a token's successor and prints its text, once.
func (f *Flags) RotateToken(ctx context.Context, std terminal.Streams, id string, overlap time.Duration) error {
	return f.run(ctx, &std, func(ctx context.Context, s *session) error {
		seconds := int64(overlap / time.Second)
		answer, err := s.api.Raw().RotateAccessToken(ctx, id, nil, client.AccessTokenRotation{OverlapSeconds: &seconds})
		return s.newToken(answer, err)
	})
}

// newToken prints the text alone to standard output, so that it can be caught.
func (s *session) newToken(answer *http.Response, err error) error {
	var made client.CreatedAccessToken
	if err := into(&made, answer, err); err != nil {
		return err
	}
	if s.Format != terminal.Table {
		return s.One(document(made), columns("ID access_token.id", "TOKEN token"))
	}
	s.say("token %s (%s) created; it is shown only here:", made.AccessToken.ID, made.AccessToken.Name)
	if made.Token != nil {
		fmt.Fprintln(s.Streams.Out, *made.Token)
	}
	return nil
}

// ListTokens prints tokens without their texts.
func (f *Flags) ListTokens(ctx context.Context, std terminal.Streams, all bool) error {
	return f.run(ctx, &std, func(ctx context.Context, s *session) error {
		usable := "true"
		if all {
			usable = ""
		}
		return s.list(listing{key: "access_tokens", limits: true, columns: tokenColumns, query: values("usable", usable), empty: "There is no token.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListAccessTokens(ctx, nil, e...)
			}}, Limited{})
	})
}

// RevokeToken revokes a token for good.
func (f *Flags) RevokeToken(ctx context.Context, std terminal.Streams, id string) error {
	return f.run(ctx, &std, func(ctx context.Context, s *session) error {
		answer, err := s.api.Raw().RevokeAccessToken(ctx, id)
		if err == nil {
			answer.Body.Close()
			s.say("revoked %s", id)
		}
		return err
	})
}
