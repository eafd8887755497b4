package document

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestProperties_Set(t *testing.T) {
	t.Parallel()

	type step struct {
		right   Right
		granted bool
	}
	tests := []struct {
		name  string
		steps []step
		want  string
	}{
		{"admin", []step{{Admin, true}}, "[1,1,1,1,1,0,1,0,1,0,0,0,0,0,0,0]"},
		{"superuser", []step{{Superuser, true}}, "[0,1,1,1,1,0,0,0,1,0,0,0,0,0,0,0]"},
		{"superuser takes admin away", []step{{Admin, true}, {Superuser, true}}, "[0,1,1,1,1,0,0,0,1,0,0,0,0,0,0,0]"},
		{"admin no more", []step{{Admin, true}, {Admin, false}}, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"an administrator is no superuser any more", []step{{BootLab, true}, {Admin, true}, {Superuser, false}}, "[0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0]"},
		{"superuser no more", []step{{Superuser, true}, {Superuser, false}}, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"no superuser before either", []step{{Get, true}, {Superuser, false}, {Admin, false}}, "[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"single ones", []step{{Get, true}, {BootLab, true}, {TestLab, true}, {Get, false}}, "[0,0,0,0,0,0,0,1,0,1,0,0,0,0,0,0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			var p Properties
			for _, s := range tt.steps {
				p.Set(s.right, s.granted)
			}
			if got := string(p.AppendJSON(nil)); got != tt.want {
				t.Errorf("properties %s, want %s", got, tt.want)
			}
		})
	}
	lab := LabProperties()
	if got := string(lab.AppendJSON(nil)); got != "[0,0,0,1,1,0,0,1,0,0,0,0,0,0,0,0]" {
		t.Errorf("a lab's token has %s: it may post and delete, not read", got)
	}
}

func TestIntakeToken(t *testing.T) {
	t.Parallel()

	restricted := Properties{AddressRestricted: 1}
	here := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	tests := []struct {
		name      string
		whole     bool
		had       Properties
		addresses []netip.Prefix
		body      string
		want      string // properties and addresses, or the pointers at fault
	}{
		{"an e-mail address is enough", true, Properties{}, nil, `{"email":"a"}`, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] []"},
		{"no e-mail address", true, Properties{}, nil, `{"get":true}`, "/email"},
		{"flags as text", true, Properties{}, nil, `{"email":"a","get":"true","post":2,"expired":"0"}`, "/expired /get /post"},
		{"null flags", true, Properties{}, nil, `{"email":"a","get":null,"expires_on":null}`, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] []"},
		{"admin and superuser: admin wins", true, Properties{}, nil, `{"email":"a","admin":1,"superuser":1}`, "[1,1,1,1,1,0,1,0,1,0,0,0,0,0,0,0] []"},
		{"a day that does not exist", true, Properties{}, nil, `{"email":"a","expires_on":"2015-02-30"}`, "/expires_on"},
		{"addresses are masked", true, Properties{}, nil, `{"email":"a","ip_restricted":1,"ip_address":["198.51.100.7/24","2001:db8::1","::ffff:192.0.2.1"]}`,
			"[0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0] [198.51.100.0/24 2001:db8::1/128 192.0.2.1/32]"},
		{"restricted to nowhere", true, Properties{}, nil, `{"email":"a","ip_restricted":true}`, "/ip_address"},
		{"restricted to an empty list", true, Properties{}, nil, `{"email":"a","ip_restricted":true,"ip_address":[]}`, "/ip_address"},
		{"addresses without restriction", true, Properties{}, nil, `{"email":"a","ip_address":["192.0.2.1"]}`, "/ip_restricted"},
		{"addresses that are none", true, Properties{}, nil, `{"email":"a","ip_restricted":1,"ip_address":["192.0.2.1","lab",7,"10.0.0.0/99","fe80::1%eth0"]}`,
			"/ip_address/1 /ip_address/2 /ip_address/3 /ip_address/4"},
		{"addresses that are no list", true, Properties{}, nil, `{"email":"a","ip_restricted":1,"ip_address":"192.0.2.1"}`, "/ip_address"},
		{"too many addresses", true, Properties{}, nil, `{"email":"a","ip_restricted":1,"ip_address":[` + strings.Repeat(`"::1",`, 256) + `"::1"]}`, "/ip_address"},
		{"a change keeps the rest", false, restricted, here, `{"get":1}`, "[0,0,1,0,0,1,0,0,0,0,0,0,0,0,0,0] [192.0.2.0/24]"},
		{"a change lifts the restriction", false, restricted, here, `{"ip_restricted":false,"ip_address":null}`, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] []"},
		{"a change names the flag only", false, restricted, here, `{"ip_restricted":false}`, "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] []"},
		{"a change lifts half of it", false, restricted, here, `{"ip_restricted":false,"ip_address":["192.0.2.1"]}`, "/ip_restricted"},
		{"no administrator, but a reader", false, Properties{Admin: 1, Superuser: 1, Get: 1, Post: 1, Delete: 1, CreateTokens: 1, Upload: 1}, nil, `{"admin":false,"superuser":false,"get":true}`,
			"[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0] []"},
		{"a reader who says what it is not", true, Properties{}, nil, `{"email":"a","get":1,"post":0,"admin":0,"superuser":0}`, "[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0] []"},
		{"a change of nothing", false, restricted, here, `{}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			token, _, err := IntakeToken(parse(t, tt.body), tt.whole, tt.had, tt.addresses)
			if tt.want == "" || tt.want[0] == '/' {
				checkInvalid(t, err, tt.want)
				return
			}
			if got := fmt.Sprintf("%s %v", token.Properties.AppendJSON(nil), token.Addresses); err != nil || got != tt.want {
				t.Errorf("IntakeToken(%s): %s, error %v, want %s", tt.body, got, err, tt.want)
			}
		})
	}
}
