package admin

import (
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// roles are what a token may have.
var roles = []string{"reader", "runner", "lab", "badge", "operator", "admin"}

type tokensShown struct {
	Tabs   []frame.Link
	Rows   []client.AccessToken
	Chips  []frame.Chip
	Usable bool
	Pager  frame.Pager
	Empty  frame.Empty
	Roles  []string
	Own    string
}

// tokens lists the tokens that the visitor may see. By default those that work: the
// chip takes the filter off.
func tokens(v *frame.Visit) (*frame.View, error) {
	usable := v.Query("usable") != "all"
	params := &client.ListAccessTokensParams{
		After: frame.Optional(v.Query("after")), Owner: frame.Optional(v.Query("owner")), Kind: frame.Optional(client.AccessTokenKind(v.Query("kind"))), Usable: frame.Optional(usable),
	}
	answer, err := v.API.ListAccessTokensWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := tokensShown{Tabs: tabs(v, "Tokens"), Rows: answer.JSON200.AccessTokens, Usable: usable, Pager: v.Pager(answer.JSON200.Next), Roles: roles, Own: v.Me.TokenID}
	value := ""
	if usable {
		value = "all"
	}
	data.Chips = append(data.Chips, frame.Chip{Label: "usable", On: usable, Href: v.With("usable", value)})
	for _, kind := range []string{"person", "runner", "lab", "service"} {
		on := v.Query("kind") == kind
		to := kind
		if on {
			to = ""
		}
		data.Chips = append(data.Chips, frame.Chip{Label: kind, On: on, Href: v.With("kind", to)})
	}
	if owner := v.Query("owner"); owner != "" {
		data.Chips = append(data.Chips, v.Active("owner "+owner, "owner"))
	}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{Why: "No token is like that.", Hint: "Make one:", Command: "slipway token create ci --role runner --server " + v.Server()}
	}
	flag := ""
	if usable {
		flag = "true"
	}
	return &frame.View{
		Title: "Tokens", Templates: templates, File: "tokens.html", Data: &data,
		API: frame.APIPath("/v1/access-tokens", "usable", flag, "kind", v.Query("kind"), "owner", v.Query("owner"), "after", v.Query("after")),
		CSV: func(out *frame.CSV) error {
			if err := out.Row("id", "prefix", "name", "kind", "owner", "tenant", "roles", "flags", "labs", "usable", "created", "by", "expires", "revoked", "last_used"); err != nil {
				return err
			}
			all := *params
			all.After = nil
			for t, err := range v.API.ListAccessTokensAll(v.Context(), &all) {
				if err == nil {
					err = out.Row(t.ID, t.Prefix, t.Name, t.Kind, t.Owner, t.Tenant, join(t.Roles), strings.Join(t.Flags, " "), strings.Join(t.Labs, " "), t.Usable, t.CreatedAt, t.CreatedBy, t.ExpiresAt, t.RevokedAt, t.LastUsedAt)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

func join(list []client.AccessRole) string {
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = string(r)
	}
	return strings.Join(words, " ")
}

// made is a token whose text is shown, this once.
type made struct {
	Tabs  []frame.Link
	Text  string
	Token client.AccessToken
	Why   string
}

func shown(v *frame.Visit, created *client.CreatedAccessToken, why string) *frame.View {
	data := &made{Tabs: tabs(v, "Tokens"), Token: created.AccessToken, Why: why}
	if created.Token != nil {
		data.Text = *created.Token
	}
	return &frame.View{Title: "Token " + created.AccessToken.Name, Templates: templates, File: "token.html", Data: data}
}

// makeToken takes the form of a new token. Its text is in the answer and nowhere else,
// so this form is not answered by a redirect.
func makeToken(v *frame.Visit) (*frame.View, error) {
	body := client.NewAccessToken{Name: v.Form("name"), AllowFrom: strings.Fields(v.Form("allow_from")), Labs: strings.Fields(v.Form("labs"))}
	for _, r := range v.HTTP.PostForm["role"] {
		body.Roles = append(body.Roles, client.AccessRole(r))
	}
	if len(body.Roles) == 0 {
		return nil, v.Invalid("A token needs a role, and none was chosen.")
	}
	if kind := v.Form("kind"); kind != "" {
		body.Kind = frame.Optional(client.AccessTokenKind(kind))
	}
	body.Owner, body.Tenant = frame.Optional(v.Form("owner")), frame.Optional(v.Form("tenant"))
	if text := v.Form("days"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 || days > 36500 {
			return nil, v.Invalid("The days of a token's life must be a number from 1 to 36500.")
		}
		body.ExpiresAt = nullable.NewNullableWithValue(v.Now().Add(time.Duration(days) * 24 * time.Hour).UTC())
	}
	answer, err := v.API.CreateAccessTokenWithResponse(v.Context(), nil, body)
	if err != nil {
		return nil, err
	}
	return shown(v, answer.JSON201, "The token is made."), nil
}

// changeToken takes the forms of a token: what they say is to be done.
func changeToken(v *frame.Visit) (*frame.View, error) {
	id := v.Path("token")
	switch v.Form("do") {
	case "rotate":
		answer, err := v.API.RotateAccessTokenWithResponse(v.Context(), id, nil, client.AccessTokenRotation{})
		if err != nil {
			return nil, err
		}
		return shown(v, answer.JSON201, "This is the successor; the old token works for a while, so that it can be replaced."), nil
	case "revoke":
		if _, err := v.API.RevokeAccessTokenWithResponse(v.Context(), id); err != nil {
			return nil, err
		}
		return v.Redirect("/ui/admin", "The token is revoked."), nil
	}
	return nil, v.Invalid("The form does not say what is to be done with the token: rotate or revoke.")
}
