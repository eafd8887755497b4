package boot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"

	"github.com/slipway-lab/slipway/server/lab/boot/bootfiles"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// A machine that boots from the network knows no secret but the address that DHCP
// or iPXE itself tells it. So the addresses are the secrets: the one of the
// scripts holds the boot key of the lab, which administrators read and write into
// their DHCP server, and a script names the seed of one deployment under a key of
// its own, which is good until the deployment ends. Whoever listens on the boot
// network learns them, as with every boot by PXE; nobody else does.

// bootPrefix marks keys in addresses, so that they are kept out of logs and
// errors (auth.Redact).
const bootPrefix = "slwb_"

// derive makes a key for a purpose out of the server secret.
func (s *Server) derive(purpose, name string) string {
	mac := hmac.New(sha256.New, s.secret)
	_, _ = mac.Write([]byte("slipway " + purpose + "\x00" + name)) // a hash never fails
	return bootPrefix + hex.EncodeToString(mac.Sum(nil))
}

func sameKey(want, sent string) bool { return hmac.Equal([]byte(want), []byte(sent)) }

// SeedPath is where a machine finds the seed of a deployment, with a slash at its
// end, as NoCloud wants it.
func (s *Server) SeedPath(d *labstore.Deployment) string {
	return "/v1/seeds/" + s.seedKey(d) + "/" + url.PathEscape(d.Node) + "/"
}

func (s *Server) seedKey(d *labstore.Deployment) string {
	return s.derive("seed", d.Task+"\x00"+d.Node)
}

// OpensSeed tells whether a key is that of the seed of a deployment.
func (s *Server) OpensSeed(d *labstore.Deployment, key string) bool {
	return sameKey(s.seedKey(d), key)
}

// NetbootKey is the boot key of the lab.
func (s *Server) NetbootKey() string { return s.derive("netboot", "") }

// OpensNetboot tells whether a key is the boot key of the lab.
func (s *Server) OpensNetboot(key string) bool { return sameKey(s.NetbootKey(), key) }

// Key derives the key of a deployment, which opens its archives and signals its
// boot actions.
func (s *Server) Key(deployment, node string) string {
	return bootfiles.Key(s.secret, deployment, node)
}

// ArchivePath is where a node fetches its archive of that kind: files or units.
func ArchivePath(node, kind string) string {
	return "/v1/bootdata/" + url.PathEscape(node) + "/" + kind
}
