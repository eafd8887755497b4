package reports

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// rightFlags are the flags that a token has for KernelCI's rights.
var rightFlags = map[document.Right]string{
	document.Admin: "admin", document.Superuser: "superuser", document.Get: "get", document.Post: "post",
	document.Delete: "delete", document.CreateTokens: "tokens", document.BootLab: "lab", document.Upload: "upload",
	document.TestLab: "test_lab",
}

// flagsOf turns KernelCI's rights into a token's flags.
func flagsOf(p document.Properties) store.Strings {
	flags := store.Strings{auth.KernelCI}
	for right := range document.Right(len(p)) {
		if name := rightFlags[right]; name != "" && p.Has(right) {
			flags = append(flags, name)
		}
	}
	return flags
}

// rolesOf gives a token of KernelCI's the roles that come nearest, for people to
// read and for the rules of tenants. What it may do its flags say.
func rolesOf(p document.Properties) store.Strings {
	switch {
	case p.Has(document.Admin):
		return store.Strings{string(auth.Admin)}
	case p.Has(document.Superuser):
		return store.Strings{string(auth.Operator)}
	}
	var roles store.Strings
	if p.Has(document.BootLab) || p.Has(document.TestLab) {
		roles = append(roles, string(auth.Lab))
	} else if p.Has(document.Post) {
		roles = append(roles, string(auth.Runner))
	}
	if p.Has(document.Get) {
		roles = append(roles, string(auth.Reader))
	}
	return roles
}

// propertiesOf reads KernelCI's rights out of a token: from its flags when it is
// one of KernelCI's, else from its roles.
func propertiesOf(t *store.Token) document.Properties {
	var p document.Properties
	if slices.Contains(t.Flags, auth.KernelCI) {
		for right, name := range rightFlags {
			if slices.Contains(t.Flags, name) {
				p[right] = 1
			}
		}
	} else {
		for _, role := range t.Roles {
			grantRole(&p, auth.Role(role))
		}
		if slices.Contains(t.Flags, "upload") {
			p.Set(document.Upload, true)
		}
	}
	if len(t.AllowFrom) > 0 {
		p[document.AddressRestricted] = 1
	}
	return p
}

func grantRole(p *document.Properties, role auth.Role) {
	rights := map[auth.Role][]document.Right{
		auth.Admin: {document.Admin}, auth.Operator: {document.Superuser}, auth.Runner: {document.Get, document.Post},
		auth.Lab: {document.Get, document.Post, document.Delete, document.BootLab}, auth.Reader: {document.Get},
	}
	for _, right := range rights[role] {
		p.Set(right, true)
	}
}

// tokenDocument is a token as KernelCI's clients see it. Text is shown only
// where the caller sent it.
func tokenDocument(t *store.Token, text string) *document.Document {
	if text == "" {
		text = t.Prefix + "…"
	}
	d := document.Token.New()
	d.Set("_id", tokenOID(t.ID))
	d.Set("created_on", t.CreatedAt.UnixMilli())
	d.Set("version", "1.0")
	d.Set("token", text)
	d.Set("expired", t.RevokedAt != nil)
	for name, value := range map[string]string{"email": t.Email, "username": t.Name} {
		if value != "" {
			d.Set(name, value)
		}
	}
	if t.ExpiresAt != nil {
		d.Set("expires_on", t.ExpiresAt.UnixMilli())
	}
	if len(t.AllowFrom) > 0 {
		list, _ := appendJSON(nil, addressesOf(t)) // cannot fail: a list of texts
		d.Set("ip_address", document.Raw(list))
	}
	p := propertiesOf(t)
	d.Set("properties", document.Raw(p.AppendJSON(nil)))
	return d
}

// addressesOf are the addresses and networks that a token is restricted to, as they
// were sent: a network of one is an address.
func addressesOf(t *store.Token) []string {
	list := make([]string, 0, len(t.AllowFrom))
	for _, text := range t.AllowFrom {
		if p, err := netip.ParsePrefix(text); err == nil && p.IsSingleIP() {
			text = p.Addr().String()
		}
		list = append(list, text)
	}
	return list
}

// tokenValue is what the query language sees of a token: of a list, each entry.
func tokenValue(d *document.Document, t *store.Token) query.Getter {
	return func(field string) any {
		if field == "ip_address" && len(t.AllowFrom) > 0 {
			return addressesOf(t)
		}
		return d.Value(field)
	}
}

// askedTokens are the texts that a condition asks for, and their hashes: a text is
// not stored, only its mask is. They are nil for any other condition.
func (h *Handler) askedTokens(c query.Condition) map[string]bool {
	if c.Field != "token" || c.Op != query.In {
		return nil
	}
	asked := map[string]bool{}
	for _, v := range c.Values {
		text, _ := v.(string)
		asked[text] = true
		for _, hash := range h.config.Tokens.Hashes(text) {
			asked[string(hash)] = true
		}
	}
	return asked
}

const tokenPage = 1000

// switchedOff is the flag of a token with expired: true. It works no more, but
// can be switched on again; one that is revoked without it is gone for good.
const switchedOff = "expired"

// isRevoked reports whether a token is revoked for good.
func isRevoked(t *store.Token) bool {
	return t.RevokedAt != nil && !slices.Contains(t.Flags, switchedOff)
}

// sees reports whether the caller may know of a token: of those of the own tenant,
// as at /v1/access-tokens. Who comes with a token that was made here knows of no
// token that was made elsewhere.
func sees(who auth.Identity, t *store.Token) bool {
	if slices.Contains(who.Flags, auth.KernelCI) && !slices.Contains(t.Flags, auth.KernelCI) {
		return false
	}
	return t.Tenant == who.Tenant || who.SeesAll()
}

// allTokens reads every token that is not gone and that the caller may know of,
// oldest first. They are few.
func allTokens(ctx context.Context, s *reportstore.Store) ([]*store.Token, error) {
	var all []*store.Token
	who := auth.From(ctx)
	filter := store.TokenFilter{Page: store.Page{Limit: tokenPage}}
	if !who.SeesAll() {
		filter.Tenants = []string{who.Tenant}
	}
	for {
		list, err := s.ListTokens(ctx, filter)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if t := &list.Items[i]; !isRevoked(t) && sees(who, t) {
				all = append(all, t)
			}
		}
		if list.Next == "" {
			slices.Reverse(all)
			return all, nil
		}
		filter.Page.After = list.Next
	}
}

// tokenByOID finds the token whose id KernelCI's clients know as this, whoever may
// know of it; one that is gone is not found.
func tokenByOID(ctx context.Context, s *reportstore.Store, oid string) (*store.Token, error) {
	ids, err := s.TokenIDs(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ids, func(id string) bool { return tokenOID(id) == oid })
	if i < 0 {
		return nil, store.ErrNotFound
	}
	t, err := s.Token(ctx, ids[i])
	if err == nil && isRevoked(t) {
		return nil, store.ErrNotFound
	}
	return t, err
}

// tokenByText finds a token, or returns store.ErrNotFound.
func (h *Handler) tokenByText(ctx context.Context, s *reportstore.Store, text string) (t *store.Token, err error) {
	for _, hash := range h.config.Tokens.Hashes(text) {
		if t, err = s.TokenByHash(ctx, hash); !errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return t, err
}

// ListTokens searches the tokens in memory.
func (h *Handler) ListTokens(ctx context.Context, _ reportsapi.ListTokensRequestObject) (reportsapi.Response, error) {
	q, err := h.parser.Parse(call.From(ctx).Query, catalogueOf(document.Token))
	if err != nil {
		return nil, refusedQuery(err)
	}
	all, err := allTokens(ctx, h.store)
	if err != nil {
		return nil, err
	}
	type match struct {
		doc   *document.Document
		value query.Getter
	}
	var found []match
	asked := map[string]bool{}
	where := slices.DeleteFunc(q.Where, func(c query.Condition) bool {
		texts := h.askedTokens(c)
		maps.Copy(asked, texts)
		return texts != nil
	})
	byText := len(where) < len(q.Where)
	for _, t := range all {
		d := tokenDocument(t, "")
		if m := (match{d, tokenValue(d, t)}); query.Match(where, m.value) && (!byText || asked[string(t.Hash)] || asked[d.Text("token")]) {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b match) int { return q.Compare(a.value, b.value) })
	count := int64(len(found))
	found = found[min(q.Skip, count):]
	if q.Limit > 0 {
		found = found[:min(q.Limit, int64(len(found)))]
	}
	return reading(ctx, func(b *body) (err error) {
		b.buf = append(b.buf, `{"code":200,"result":[`...)
		for i, m := range found {
			if i > 0 {
				b.buf = append(b.buf, ',')
			}
			if b.buf, err = project(b.buf, m.doc, q.Projection); err != nil {
				return err
			}
		}
		b.buf = fmt.Appendf(b.buf, `],"count":%d,"limit":%d,"skip":%d}`, count, q.Limit, q.Skip)
		return nil
	}), nil
}

// GetToken finds a token by its text.
func (h *Handler) GetToken(ctx context.Context, req reportsapi.GetTokenRequestObject) (reportsapi.Response, error) {
	text := req.Token
	t, err := h.tokenByText(ctx, h.store, text)
	if errors.Is(err, store.ErrNotFound) || err == nil && (isRevoked(t) || !sees(auth.From(ctx), t)) {
		return nil, fault.NotFound("Resource not found: there is no such token")
	}
	if err != nil {
		return nil, err
	}
	a := reading(ctx, func(b *body) error {
		b.buf = append(tokenDocument(t, text).AppendJSON(append(b.buf, `{"code":200,"result":[`...), nil), `]}`...)
		return nil
	}).with("Cache-Control", "no-store")
	a.tagged = false // nobody should keep it
	return a, nil
}

// CreateToken makes a token with the rights that the body names.
func (h *Handler) CreateToken(ctx context.Context, _ reportsapi.CreateTokenRequestObject) (reportsapi.Response, error) {
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, err
	}
	change, warnings, err := document.IntakeToken(parsed, true, document.Properties{}, nil)
	if err != nil {
		return nil, refusedBody(ctx, err)
	}
	t := &store.Token{Kind: string(kindOf(change.Properties)), Owner: change.Text("email"), Tenant: auth.From(ctx).Tenant, CreatedBy: auth.From(ctx).Name}
	text := h.config.Tokens.Issue(t)
	h.applyToken(t, change, true)
	if err := h.store.CreateToken(ctx, t); err != nil {
		return nil, err
	}
	result := []map[string]string{{"token": text}}
	return done(outcome{Code: http.StatusCreated, Result: result, Errors: warnings}).
		with("Location", call.From(ctx).Origin.URL("/v1/token/"+tokenOID(t.ID))).with("Cache-Control", "no-store"), nil
}

func kindOf(p document.Properties) auth.TokenKind {
	switch {
	case p.Has(document.BootLab), p.Has(document.TestLab):
		return auth.LabToken
	case p.Has(document.Admin), p.Has(document.Superuser):
		return auth.PersonToken
	}
	return auth.ServiceToken
}

// applyToken gives a token what a body says.
func (h *Handler) applyToken(t *store.Token, c document.TokenChange, whole bool) {
	if whole || c.Given("email") && c.Get("email") != nil {
		t.Email = c.Text("email")
	}
	if whole || c.Given("username") {
		t.Name = c.Text("username")
	}
	if whole || c.Given("expires_on") {
		t.ExpiresAt = nil
		if ms, ok := c.Get("expires_on").(int64); ok {
			at := time.UnixMilli(ms).UTC()
			t.ExpiresAt = &at
		}
	}
	h.applyRights(t, c, whole)
	t.AllowFrom = nil
	for _, network := range c.Addresses {
		t.AllowFrom = append(t.AllowFrom, network.String())
	}
}

// applyRights changes roles and flags only when the rights change: a token of
// another making has some that KernelCI's rights cannot say.
func (h *Handler) applyRights(t *store.Token, c document.TokenChange, whole bool) {
	off := slices.Contains(t.Flags, switchedOff)
	had := propertiesOf(t)
	had[document.AddressRestricted] = c.Properties[document.AddressRestricted]
	if whole || had != c.Properties {
		t.Flags, t.Roles = flagsOf(c.Properties), rolesOf(c.Properties)
	}
	if said, ok := c.Get("expired").(bool); ok {
		off = said // null says nothing: it switches no token on again
	}
	t.Flags = slices.DeleteFunc(t.Flags, func(f string) bool { return f == switchedOff })
	t.RevokedAt = nil
	if off {
		now := h.config.Now()
		t.RevokedAt, t.Flags = &now, append(t.Flags, switchedOff)
	}
}

// UpdateToken applies the fields that a body has.
func (h *Handler) UpdateToken(ctx context.Context, req reportsapi.UpdateTokenRequestObject) (reportsapi.Response, error) {
	id := req.Token
	t, err := h.tokenAt(ctx, id)
	if err != nil {
		return nil, err
	}
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, err
	}
	var warnings []string
	err = h.store.UpdateToken(ctx, t.ID, func(t *store.Token) error {
		if isRevoked(t) {
			return store.ErrNotFound // it was deleted meanwhile, and stays so
		}
		var addresses []netip.Prefix
		for _, text := range t.AllowFrom {
			if network, err := netip.ParsePrefix(text); err == nil {
				addresses = append(addresses, network)
			}
		}
		change, dropped, err := document.IntakeToken(parsed, false, propertiesOf(t), addresses)
		if err != nil {
			return err
		}
		warnings = dropped
		h.applyToken(t, change, false)
		return nil
	})
	if err != nil {
		return nil, lastAdmin(refusedBody(ctx, err), id)
	}
	h.config.Tokens.Forget()
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' updated", tokenOID(t.ID)), Errors: warnings}), nil
}

// DeleteToken revokes a token for good; its row stays for the record.
func (h *Handler) DeleteToken(ctx context.Context, req reportsapi.DeleteTokenRequestObject) (reportsapi.Response, error) {
	id := req.Token
	t, err := h.tokenAt(ctx, id)
	if err != nil {
		return nil, err
	}
	err = h.store.UpdateToken(ctx, t.ID, func(t *store.Token) error {
		now := h.config.Now()
		t.RevokedAt = &now
		t.Flags = slices.DeleteFunc(t.Flags, func(f string) bool { return f == switchedOff })
		return nil
	})
	if err != nil {
		return nil, lastAdmin(err, id)
	}
	h.config.Tokens.Forget()
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' deleted", tokenOID(t.ID))}), nil
}

func (h *Handler) tokenAt(ctx context.Context, id string) (*store.Token, error) {
	good, err := pathID("token", id)
	if err != nil {
		return nil, err
	}
	t, err := tokenByOID(ctx, h.store, good)
	if err == nil && !sees(auth.From(ctx), t) {
		err = store.ErrNotFound
	}
	return t, notFound(err, good)
}

// lastAdmin says why the last admin token stays.
func lastAdmin(err error, id string) error {
	if errors.Is(err, store.ErrConflict) {
		return fault.Invalid("token '%.80s' is the last one that can administer the server", id).Because(err)
	}
	return notFound(err, id)
}
