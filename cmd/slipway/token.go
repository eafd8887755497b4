package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/remote"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store"
)

type tokenCmd struct {
	Create tokenCreate `cmd:"" help:"Make a token and print it, once."`
	List   tokenList   `cmd:"" help:"List tokens."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token for good."`
	Import tokenImport `cmd:"" help:"Take over the tokens of a kernelci-backend, so that its labs need no others."`
	Rotate tokenRotate `cmd:"" help:"Make a successor of a token and print it, once; the token itself ends after a while."`
}

// Help is an example.
func (tokenCreate) Help() string { return "Example:\n\n    slipway token create ci --role runner" }

type tokenCreate struct {
	Remote remote.Flags `embed:""`

	Name      string        `arg:"" help:"What the token is for."`
	Role      []string      `required:"" help:"reader, runner, lab, machine, badge, operator or admin; may be repeated."`
	Kind      string        `enum:"u,r,l,s," default:"" help:"u person, r runner, l lab, s service. Default: by the role."`
	Owner     string        `help:"Who the token speaks for. Default: its name."`
	Tenant    string        `help:"The tenant it belongs to."`
	Lab       []string      `help:"Names of the labs it speaks for."`
	Flag      []string      `help:"What it may do beside its roles, such as upload."`
	AllowFrom []string      `help:"Networks it may be used from, such as 10.0.0.0/8."`
	Expires   time.Duration `placeholder:"DURATION" help:"Life, such as 720h. Default: as --token-life-person and --token-life-other say."`
}

// Run makes the token. Its text goes to standard output alone, so that it can
// be caught by a script.
func (c *tokenCreate) Run(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	if c.Remote.Named() {
		return c.Remote.CreateToken(ctx, streams(), c.asked(time.Now()))
	}
	t, err := c.token(time.Now(), tf.Life)
	if err != nil {
		return err
	}
	s, issuer, err := tf.open(ctx, f)
	if err != nil {
		return err
	}
	defer s.Close()
	text := issuer.Issue(t)
	if err := s.CreateToken(ctx, t); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "token %s (%s) created; it is shown only here:\n", t.ID, t.Name)
	fmt.Fprintln(stdout, text)
	return nil
}

// asked is the token as the server is asked for it.
func (c *tokenCreate) asked(now time.Time) client.NewAccessToken {
	in := client.NewAccessToken{Name: c.Name, Flags: c.Flag, Labs: c.Lab, AllowFrom: c.AllowFrom}
	for _, r := range c.Role {
		in.Roles = append(in.Roles, client.AccessRole(r))
	}
	if c.Owner != "" {
		in.Owner = &c.Owner
	}
	if c.Tenant != "" {
		in.Tenant = &c.Tenant
	}
	if kind, ok := map[string]client.AccessTokenKind{"u": "person", "r": "runner", "l": "lab", "s": "service"}[c.Kind]; ok {
		in.Kind = &kind
	}
	if c.Expires != 0 {
		in.ExpiresAt = nullable.NewNullableWithValue(now.Add(c.Expires).UTC())
	}
	return in
}

func (c *tokenCreate) token(now time.Time, life auth.Life) (*store.Token, error) {
	t := &store.Token{
		Kind: c.Kind, Name: c.Name, Owner: c.Owner, Tenant: c.Tenant,
		Roles: c.Role, Flags: c.Flag, Labs: c.Lab, CreatedBy: "command line",
	}
	var roles []auth.Role
	for _, r := range c.Role {
		if !slices.Contains(auth.Roles(), auth.Role(r)) {
			return nil, terminal.Usage("role %q does not exist; there are %v", r, auth.Roles())
		}
		roles = append(roles, auth.Role(r))
	}
	if t.Owner == "" {
		t.Owner = t.Name
	}
	if t.Kind == "" {
		t.Kind = string(auth.KindFor(roles))
	}
	var asked *time.Time
	if c.Expires != 0 {
		end := now.Add(c.Expires)
		asked = &end
	}
	var err error
	if t.ExpiresAt, err = life.End(auth.TokenKind(t.Kind[0]), now, asked, false); err != nil {
		return nil, terminal.Usage("the end of the token %w", err)
	}
	if t.AllowFrom, err = auth.ParseNetworks(c.AllowFrom); err != nil {
		return nil, terminal.Usage("%w", err)
	}
	return t, nil
}

// Help is an example.
func (tokenRotate) Help() string {
	return "Example:\n\n    slipway token rotate \"$ROTATED_ID\" --overlap 1h"
}

type tokenRotate struct {
	Remote remote.Flags `embed:""`

	ID      string        `arg:"" help:"The token's id, as list shows it."`
	Overlap time.Duration `default:"1h" help:"How long the old token still works; 0 ends it at once."`
}

// Run makes the successor. Its text goes to standard output alone.
func (c *tokenRotate) Run(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	if c.Overlap < 0 {
		return terminal.Usage("the overlap must not be negative")
	}
	if c.Remote.Named() {
		return c.Remote.RotateToken(ctx, streams(), c.ID, c.Overlap)
	}
	s, issuer, err := tf.open(ctx, f)
	if err != nil {
		return err
	}
	defer s.Close()
	old, err := s.Token(ctx, c.ID)
	if err != nil {
		return err
	}
	next := &store.Token{Kind: old.Kind, CreatedBy: "command line"}
	text := issuer.Issue(next)
	if err := s.RotateToken(ctx, c.ID, c.Overlap, next); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "token %s (%s) replaces %s; it is shown only here:\n", next.ID, next.Name, c.ID)
	fmt.Fprintln(stdout, text)
	return nil
}

// Help is an example.
func (tokenList) Help() string { return "Example:\n\n    slipway token list" }

type tokenList struct {
	Remote remote.Flags `embed:""`

	All bool `help:"Also those that are revoked or expired."`
}

// Run prints a table without any token's text.
func (c *tokenList) Run(ctx context.Context, f *storeFlags) error {
	if c.Remote.Named() {
		return c.Remote.ListTokens(ctx, streams(), c.All)
	}
	s, _, err := f.known(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	w := tabwriter.NewWriter(stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTOKEN\tNAME\tROLES\tOWNER\tCREATED\tEXPIRES\tLAST USED\tREVOKED")
	filter := store.TokenFilter{Usable: !c.All}
	for {
		list, err := s.ListTokens(ctx, filter)
		if err != nil {
			return err
		}
		for _, t := range list.Items {
			fmt.Fprintf(w, "%s\t%s…\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Prefix, t.Name, strings.Join(t.Roles, ","), t.Owner,
				t.CreatedAt.Format(time.DateOnly), day(t.ExpiresAt), day(t.LastUsedAt), day(t.RevokedAt))
		}
		if list.Next == "" {
			return w.Flush()
		}
		filter.Page.After = list.Next
	}
}

func day(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.DateOnly)
}

// Help is an example.
func (tokenRevoke) Help() string { return "Example:\n\n    slipway token revoke \"$TOKEN_ID\"" }

type tokenRevoke struct {
	Remote remote.Flags `embed:""`

	ID string `arg:"" help:"The token's id, as list shows it."`
}

// Run revokes the token; servers notice within seconds.
func (c *tokenRevoke) Run(ctx context.Context, f *storeFlags) error {
	if c.Remote.Named() {
		return c.Remote.RevokeToken(ctx, streams(), c.ID)
	}
	s, _, err := f.known(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.RevokeToken(ctx, c.ID); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "revoked", c.ID)
	return nil
}
