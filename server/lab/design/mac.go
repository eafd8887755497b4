package design

import "net"

// CleanMAC writes a MAC address with colons and in lower case; false: it is none.
func CleanMAC(s string) (string, bool) {
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 {
		return "", false
	}
	return mac.String(), true
}
