package document

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Token is a token as KernelCI's clients see it. What is stored is the access
// part's business; this is its other shape.
var Token = Schema{
	Name: "token",
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, Flags: Search, Default: "1.0"},
		{Name: "email", Kind: Text, From: "email", Flags: Must | Search},
		{Name: "username", Kind: Text, From: "username", Flags: Search},
		{Name: "token", Kind: Text, Flags: Search},
		{Name: "expired", Kind: Bool, From: "expired", Flags: Search, Default: false},
		{Name: "expires_on", Kind: Date, From: "expires_on", Flags: Search},
		{Name: "ip_address", Kind: List, From: "ip_address", Flags: Search},
		{Name: "properties", Kind: List},
		{Name: "get", Kind: Bool, From: "get", Flags: Hidden},
		{Name: "post", Kind: Bool, From: "post", Flags: Hidden},
		{Name: "delete", Kind: Bool, From: "delete", Flags: Hidden},
		{Name: "ip_restricted", Kind: Bool, From: "ip_restricted", Flags: Hidden},
		{Name: "lab", Kind: Bool, From: "lab", Flags: Hidden},
		{Name: "upload", Kind: Bool, From: "upload", Flags: Hidden},
		{Name: "test_lab", Kind: Bool, From: "test_lab", Flags: Hidden},
		{Name: "superuser", Kind: Bool, From: "superuser", Flags: Hidden},
		{Name: "admin", Kind: Bool, From: "admin", Flags: Hidden},
	},
}.prepare()

// Right is a place in the properties of a token.
type Right int

// The rights, in the order that the original gave them
// (app/models/token.py).
const (
	Admin Right = iota
	Superuser
	Get
	Post // PUT too
	Delete
	AddressRestricted
	CreateTokens
	BootLab
	Upload
	TestLab
)

// flags gives each right the name under which a body grants it, in the order in
// which they are applied: the first are single ones, the last two bring others
// with them. Where a body takes the last two away, that comes before all others,
// so that what it grants beside them stays.
var flags = []struct {
	name  string
	right Right
}{
	{"get", Get}, {"post", Post}, {"delete", Delete}, {"ip_restricted", AddressRestricted},
	{"lab", BootLab}, {"upload", Upload}, {"test_lab", TestLab},
	{"superuser", Superuser}, {"admin", Admin},
}

// Properties are the rights of a token as 16 numbers, 0 or 1; the last six mean
// nothing.
type Properties [16]int

// Has reports whether the right is granted.
func (p *Properties) Has(r Right) bool { return p[r] == 1 }

// Set grants or takes away a right. To grant Admin or Superuser grants those
// that they imply, and to take them away takes those with them, as in
// app/models/token.py: who is no administrator any more is not left a superuser.
// Superuser, granted or not, takes Admin away.
func (p *Properties) Set(r Right, granted bool) {
	had := p.Has(r)
	p[r] = 0
	switch {
	case r == Admin && (granted || had):
		p.put(granted, Admin, Superuser, Get, Post, Delete, CreateTokens, Upload)
	case r == Superuser && (granted || had):
		p.put(granted, Superuser, Get, Post, Delete, Upload)
		p[Admin], p[CreateTokens] = 0, 0
	case granted:
		p[r] = 1
	}
}

func (p *Properties) put(granted bool, rights ...Right) {
	value := 0
	if granted {
		value = 1
	}
	for _, r := range rights {
		p[r] = value
	}
}

// LabProperties are the rights of a token that is made for a new lab. It cannot
// read.
func LabProperties() Properties {
	var p Properties
	p.put(true, Post, Delete, BootLab)
	return p
}

// AppendJSON appends the sixteen numbers.
func (p *Properties) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i, n := range p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, byte('0'+n))
	}
	return append(dst, ']')
}

// TokenChange is what the body of a POST or PUT of a token says.
type TokenChange struct {
	*Document // email, username, expired and expires_on are Given or not
	// Properties are those that the token had, with the change applied.
	Properties Properties
	// Addresses are the networks from which the token may be used; nil for
	// anywhere. A single address is a network of one.
	Addresses []netip.Prefix
}

// IntakeToken reads the body of a POST, when whole is set, or of a PUT of a
// token that had these properties and addresses. It also returns warnings. The
// error is an *InvalidError.
func IntakeToken(body Body, whole bool, had Properties, addresses []netip.Prefix) (TokenChange, []string, error) {
	if err := checkFlags(body); err != nil {
		return TokenChange{}, nil, err
	}
	d, warnings, err := Token.read(body, whole)
	if err != nil {
		return TokenChange{}, nil, err
	}
	c := TokenChange{Document: d, Properties: had, Addresses: addresses}
	c.change(d)
	if d.Given("ip_address") {
		list, _ := d.Get("ip_address").(Raw)
		if c.Addresses, err = parseAddresses(list); err != nil {
			return TokenChange{}, nil, err
		}
	}
	if whole {
		Token.complete(d)
	}
	return c, warnings, c.checkRestriction()
}

// change applies the flags that a body has.
func (c *TokenChange) change(d *Document) {
	wide := func(r Right) bool { return r == Admin || r == Superuser }
	for _, f := range flags {
		if on, ok := d.Get(f.name).(bool); ok && !on && wide(f.right) {
			c.Properties.Set(f.right, false)
		}
	}
	for _, f := range flags {
		if on, ok := d.Get(f.name).(bool); ok && (on || !wide(f.right)) {
			c.Properties.Set(f.right, on)
		}
	}
	if restricted, ok := d.Get("ip_restricted").(bool); ok && !restricted && !d.Given("ip_address") {
		c.Addresses = nil // what it was restricted to goes with the restriction
	}
}

// checkFlags refuses the texts that other fields accept for booleans: a right
// is too much to be read out of "0 ".
func checkFlags(body Body) error {
	var wrong []FieldError
	for i := range Token.Fields {
		f := &Token.Fields[i]
		raw, ok := body.values[f.From]
		if !ok || f.Kind != Bool {
			continue
		}
		switch string(raw) {
		case "true", "false", "0", "1", "null":
		default:
			wrong = append(wrong, FieldError{Pointer: "/" + f.From, Message: "must be true, false, 0 or 1"})
		}
	}
	if wrong != nil {
		return valuesError(wrong)
	}
	return nil
}

func (c *TokenChange) checkRestriction() error {
	switch restricted := c.Properties.Has(AddressRestricted); {
	case restricted && len(c.Addresses) == 0:
		return valuesError([]FieldError{{Pointer: "/ip_address", Message: "is missing: ip_restricted needs at least one address"}})
	case !restricted && len(c.Addresses) > 0:
		return valuesError([]FieldError{{Pointer: "/ip_restricted", Message: "is missing: ip_address needs it"}})
	}
	return nil
}

const maxAddresses = 256

// parseAddresses reads a JSON list of addresses and networks.
func parseAddresses(list Raw) ([]netip.Prefix, error) {
	elements, err := elements(jsontext.Value(list))
	if err != nil {
		return nil, err
	}
	if len(elements) > maxAddresses {
		return nil, valuesError([]FieldError{{Pointer: "/ip_address", Message: fmt.Sprintf("has more than %d entries", maxAddresses)}})
	}
	var out []netip.Prefix
	var wrong []FieldError
	for i, raw := range elements {
		text, _ := scalarText(raw)
		prefix, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			wrong = append(wrong, FieldError{Pointer: fmt.Sprintf("/ip_address/%d", i), Message: "is neither an address nor a network"})
		}
		out = append(out, prefix)
	}
	if wrong != nil {
		return nil, valuesError(wrong)
	}
	return out, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 { // clients are compared by their plain addresses
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		return prefix.Masked(), err
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("address %q is invalid or has a zone", text)
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
