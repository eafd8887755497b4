package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
)

// OldToken is a token of a kernelci-backend, with the text that its clients go
// on sending. Token has no hash yet.
type OldToken struct {
	Text  string
	Token *store.Token
}

// Limits on what a file of old tokens may hold.
const (
	maxOldTokens     = 100_000
	maxOldTokensFile = 256 << 20
)

// ReadTokens reads the tokens of a kernelci-backend: its collection api-token as
// mongoexport writes it (documents one after the other, or a list), or what GET
// /token answers there. Those that have expired are left out. An error names the
// token by its number in the file, never by its text.
func ReadTokens(r io.Reader) ([]OldToken, error) {
	var all []OldToken
	limited := &io.LimitedReader{R: r, N: maxOldTokensFile}
	d := json.NewDecoder(limited)
	n := 0
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF {
			return all, nil
		} else if limited.N <= 0 {
			return nil, fmt.Errorf("a file of tokens has at most %d bytes", maxOldTokensFile)
		} else if err != nil {
			return nil, fmt.Errorf("after token %d: not JSON: %w", n, plainSyntax(err))
		}
		list, err := documentsIn(raw)
		if err != nil {
			return nil, fmt.Errorf("after token %d: %w", n, err)
		}
		for _, one := range list {
			if n++; n > maxOldTokens {
				return nil, fmt.Errorf("a file has at most %d tokens", maxOldTokens)
			}
			t, err := readOldToken(one)
			if err != nil {
				return nil, fmt.Errorf("token %d: %w", n, err)
			}
			if t != nil {
				all = append(all, *t)
			}
		}
	}
}

// plainSyntax keeps what a decoder quotes out of a message: it may be a secret.
func plainSyntax(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("byte %d is not expected", syntax.Offset)
	}
	return errors.New("it ends too early")
}

// documentsIn takes a list apart, and the answer of GET /token.
func documentsIn(raw json.RawMessage) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if bytes.HasPrefix(raw, []byte("[")) {
		return list, json.Unmarshal(raw, &list)
	}
	var answer struct {
		Result *[]json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, errors.New("must be a document, a list of them or the answer of GET /token")
	}
	if answer.Result != nil {
		return *answer.Result, nil
	}
	return []json.RawMessage{raw}, nil
}

// oldDocument is a token as MongoDB has it (app/models/token.py).
type oldDocument struct {
	Token      string      `json:"token"`
	Email      string      `json:"email"`
	Username   string      `json:"username"`
	Properties []mongoFlag `json:"properties"`
	Addresses  []string    `json:"ip_address"`
	Expired    bool        `json:"expired"`
	ExpiresOn  mongoTime   `json:"expires_on"`
}

func readOldToken(raw json.RawMessage) (*OldToken, error) {
	var d oldDocument
	if err := json.Unmarshal(raw, &d); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, fmt.Errorf("its %s is no %s", wrong.Field, wrong.Type)
		}
		return nil, err
	}
	var p document.Properties
	if len(d.Properties) != len(p) {
		return nil, fmt.Errorf("its properties must be %d numbers", len(p))
	}
	for i, n := range d.Properties {
		p[i] = int(n)
	}
	networks, err := auth.ParseNetworks(plainAddresses(d.Addresses))
	switch {
	case !auth.IsImportable(d.Token):
		return nil, errors.New("its text must be a UUID of version 4")
	case err != nil:
		return nil, fmt.Errorf("its ip_address: %w", err)
	case p.Has(document.AddressRestricted) && len(networks) == 0:
		return nil, errors.New("its ip_address and its properties contradict each other")
	}
	if !p.Has(document.AddressRestricted) {
		networks = nil // of a restriction that was lifted; the original keeps the list
	}
	if d.Expired {
		return nil, nil
	}
	return &OldToken{Text: d.Token, Token: d.row(p, networks)}, nil
}

// plainAddresses undoes what the original does to addresses of IPv4 before it stores
// them (convert_ip_address in app/models/token.py): 192.0.2.0/24 is ::192.0.2.0/120
// there, which no client would come from.
func plainAddresses(texts []string) []string {
	plain := make([]string, 0, len(texts))
	for _, text := range texts {
		address, _, network := strings.Cut(text, "/")
		a, err := netip.ParseAddr(address)
		bits := 128
		if p, wrong := netip.ParsePrefix(text); network && wrong == nil {
			bits = p.Bits()
		}
		if b := a.As16(); err == nil && a.Is6() && bits >= 96 && [12]byte(b[:12]) == [12]byte{} && [2]byte(b[12:14]) != [2]byte{} {
			text = netip.PrefixFrom(netip.AddrFrom4([4]byte(b[12:])), bits-96).String()
		}
		plain = append(plain, text)
	}
	return plain
}

func (d *oldDocument) row(p document.Properties, networks []string) *store.Token {
	t := &store.Token{
		Kind: string(kindOf(p)), Name: d.Username, Owner: d.Email, Email: d.Email,
		Roles: rolesOf(p), Flags: flagsOf(p), AllowFrom: slices.Clip(networks), CreatedBy: "import",
	}
	if at := time.Time(d.ExpiresOn); !at.IsZero() {
		t.ExpiresAt = &at
	}
	return t
}

// mongoFlag is a right, 0 or 1, as mongoexport writes it: 1 or
// {"$numberInt": "1"}.
type mongoFlag int

// UnmarshalJSON reads either form.
func (n *mongoFlag) UnmarshalJSON(text []byte) error {
	var wrapped map[string]string
	if json.Unmarshal(text, &wrapped) == nil && len(wrapped) == 1 {
		for kind, digits := range wrapped {
			if kind == "$numberInt" || kind == "$numberLong" {
				text = []byte(digits)
			}
		}
	}
	v, err := strconv.ParseFloat(string(text), 64) // the shell makes 1.0 of 1
	if err != nil || v != 0 && v != 1 {
		return errors.New("must be 0 or 1")
	}
	*n = mongoFlag(v)
	return nil
}

// mongoTime is a time as mongoexport writes it, {"$date": "2014-06-30T08:00:00Z"}
// or with milliseconds, or bare milliseconds as the API has them; null is none.
type mongoTime time.Time

// UnmarshalJSON reads any of the forms.
func (m *mongoTime) UnmarshalJSON(text []byte) error {
	var wrapped struct {
		Date json.RawMessage `json:"$date"`
		Long string          `json:"$numberLong"`
	}
	if bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &wrapped); err != nil {
			return err
		}
		if wrapped.Date != nil {
			return m.UnmarshalJSON(wrapped.Date)
		}
		text = []byte(wrapped.Long)
	}
	if string(text) == "null" {
		return nil
	}
	if ms, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		*m = mongoTime(time.UnixMilli(ms).UTC())
		return nil
	}
	var at time.Time
	if err := json.Unmarshal(text, &at); err != nil {
		return errors.New("a time must be like {\"$date\": \"2014-06-30T08:00:00Z\"}")
	}
	*m = mongoTime(at.UTC())
	return nil
}
