package reach

import (
	"net/netip"
	"net/url"
	"testing"
)

// TestHosts_judge shows which addresses a name may lead to. It is asked when a
// connection is made, so that a name that resolves to something else each time
// gains nothing.
func TestHosts_judge(t *testing.T) {
	t.Parallel()

	h, err := Parse("design", []string{"designs.example", "*", "192.168.7.0/24", "169.254.7.7"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const anybody, named, nobody = 2, 1, 0 // who may have the address
	for address, want := range map[string]int{
		"93.184.216.34": anybody, "2606:2800:220:1::1": anybody, "64:ff9b::5db8:d822": anybody, "2002:5db8:d822::1": anybody,
		"192.168.7.9": anybody, "::ffff:192.168.7.9": anybody, "169.254.7.7": anybody, // listed as addresses
		"10.0.0.1": named, "172.16.3.4": named, "192.168.1.1": named, "127.0.0.1": named, "::1": named, "::ffff:10.0.0.1": named, "fc00::1": named,
		"100.64.0.1": named, "192.0.0.1": named, "198.18.0.1": named, "0.1.2.3": named, "255.255.255.255": named, "fec0::1": named,
		"64:ff9b::a00:1": named, "64:ff9b:1::a00:1": named, "2002:a00:1::1": named, "::10.0.0.1": named,
		"64:ff9b:1:7f00:0:100:0:1": named, "::ffff:0:127.0.0.1": named, "2001:0:5db8:d822:0:0:80ff:fffe": named, "::ffff:0:93.184.216.34": anybody,
		"169.254.169.254": nobody, "::ffff:169.254.169.254": nobody, "fe80::1": nobody, "64:ff9b::a9fe:a9fe": nobody, "2002:a9fe:a9fe::1": nobody,
		"100.100.100.200": nobody, "192.0.0.192": nobody, "168.63.129.16": nobody, "fd00:ec2::254": nobody, "fd20:ce::254": nobody,
		"::ffff:0:169.254.169.254": nobody, "0.0.0.0": nobody, "::": nobody, "224.0.0.1": nobody, "ff02::1": nobody,
	} {
		a := netip.MustParseAddr(address).Unmap()
		if got := h.judge(a, false) == nil; got != (want == anybody) {
			t.Errorf("%s behind a star: %v", address, got)
		}
		if got := h.judge(a, true) == nil; got != (want >= named) {
			t.Errorf("%s behind a listed name: %v", address, got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()

	for entry, good := range map[string]bool{
		"a.example": true, "A.Example:8080": true, "*.example.org": true, "*": true, "10.0.0.0/8": true, "10.0.0.1": true, "[::1]:80": true, "::1": true,
		"": false, "http://a.example": false, "a b": false, "*.": false, "user@a.example": false, "a.*.example": false,
	} {
		if _, err := Parse("design", []string{entry}, nil); (err == nil) != good {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func TestHosts_Admit(t *testing.T) {
	t.Parallel()

	hosts := []string{"a.example", "b.example:8443", "*.example.org", "10.0.0.0/8", "[::1]:81"}
	for _, tt := range []struct {
		address string
		ports   []int
		good    bool
	}{
		{"http://a.example/x", []int{80, 443}, true},
		{"https://A.Example", []int{80, 443}, true},
		{"http://a.example:443/", []int{80, 443}, true},
		{"http://a.example:22/", []int{80, 443}, false},
		{"http://a.example:22/", []int{22}, true},
		{"http://a.example:80/", []int{22}, false},
		{"http://a.example:22/", []int{0}, true},
		{"http://a.example/", nil, false},
		{"https://b.example:8443/", nil, true}, // its entry names the port
		{"https://b.example/", []int{443}, false},
		{"http://c.example.org/", []int{80}, true},
		{"http://example.org/", []int{80}, false},
		{"http://c.example.org.evil.test/", []int{80}, false},
		{"http://10.1.2.3/", []int{80}, true},
		{"http://[::ffff:10.1.2.3]/", []int{80}, true},
		{"http://11.1.2.3/", []int{80}, false},
		{"http://[::1]:81/", nil, true},
		{"ftp://a.example/", []int{80}, false},
		{"http:///x", []int{80}, false},
	} {
		h, err := Parse("design", hosts, tt.ports)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Admit(u); (err == nil) != tt.good || err != nil && Refused(err) == nil {
			t.Errorf("%s with the ports %v: %v", tt.address, tt.ports, err)
		}
	}
}
