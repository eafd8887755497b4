package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store"
)

type tokenCmd struct {
	Create tokenCreate `cmd:"" help:"Make a token and print it, once."`
	List   tokenList   `cmd:"" help:"List tokens."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token for good."`
}

type tokenCreate struct {
	Name      string        `arg:"" help:"What the token is for."`
	Role      []string      `required:"" help:"reader, runner, lab, operator or admin; may be repeated."`
	Kind      string        `enum:"u,r,l,s," default:"" help:"u person, r runner, l lab, s service. Default: by the role."`
	Owner     string        `help:"Who the token speaks for. Default: its name."`
	Tenant    string        `help:"The tenant it belongs to."`
	Lab       []string      `help:"Names of the labs it speaks for."`
	AllowFrom []string      `help:"Networks it may be used from, such as 10.0.0.0/8."`
	Expires   time.Duration `placeholder:"DURATION" help:"Life, such as 720h. Default: 365 days for people, none for others."`
}

// Run makes the token. Its text goes to standard output alone, so that it can
// be caught by a script.
func (c *tokenCreate) Run(ctx context.Context, f *storeFlags) error {
	t, err := c.token(time.Now())
	if err != nil {
		return err
	}
	s, secret, err := f.prepared(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	text, err := createToken(ctx, s, secret, t)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "token %s (%s) made; it is shown this once:\n", t.ID, t.Name)
	fmt.Println(text)
	return nil
}

func createToken(ctx context.Context, s *store.Store, secret []byte, t *store.Token) (string, error) {
	text := auth.NewToken(auth.TokenKind(t.Kind[0]))
	t.Hash, t.Prefix = auth.HashToken(secret, text), auth.DisplayPrefix(text)
	if err := s.CreateToken(ctx, t); err != nil {
		return "", err
	}
	return text, nil
}

const personLife = 365 * 24 * time.Hour

func (c *tokenCreate) token(now time.Time) (*store.Token, error) {
	t := &store.Token{
		Kind: c.Kind, Name: c.Name, Owner: c.Owner, Tenant: c.Tenant,
		Roles: c.Role, Labs: c.Lab, AllowFrom: c.AllowFrom, CreatedBy: "command line",
	}
	for _, r := range c.Role {
		if !slices.Contains(auth.Roles(), auth.Role(r)) {
			return nil, fmt.Errorf("role %q does not exist; there are %v", r, auth.Roles())
		}
	}
	for _, n := range c.AllowFrom {
		if _, err := netip.ParsePrefix(n); err != nil {
			return nil, fmt.Errorf("network %q must be like 10.0.0.0/8", n)
		}
	}
	if t.Owner == "" {
		t.Owner = t.Name
	}
	if t.Kind == "" {
		t.Kind = kindFor(c.Role)
	}
	life := c.Expires
	if life == 0 && t.Kind == string(auth.PersonToken) {
		life = personLife
	}
	if life > 0 {
		at := now.Add(life)
		t.ExpiresAt = &at
	}
	return t, nil
}

func kindFor(roles []string) string {
	switch {
	case slices.Contains(roles, string(auth.Lab)):
		return string(auth.LabToken)
	case slices.Contains(roles, string(auth.Runner)):
		return string(auth.RunnerToken)
	}
	return string(auth.PersonToken)
}

type tokenList struct {
	All bool `help:"Also those that are revoked or expired."`
}

// Run prints a table without any token's text.
func (c *tokenList) Run(ctx context.Context, f *storeFlags) error {
	s, _, err := f.prepared(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
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

type tokenRevoke struct {
	ID string `arg:"" help:"The token's id, as list shows it."`
}

// Run revokes the token; servers notice within seconds.
func (c *tokenRevoke) Run(ctx context.Context, f *storeFlags) error {
	s, _, err := f.prepared(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.RevokeToken(ctx, c.ID); err != nil {
		return err
	}
	fmt.Println("revoked", c.ID)
	return nil
}
