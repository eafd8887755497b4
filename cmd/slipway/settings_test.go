package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSettings_WholeFile reads a whole configuration file the way main does.
func TestSettings_WholeFile(t *testing.T) {
	t.Parallel()

	name := filepath.Join(t.TempDir(), "slipway.yaml")
	text := `
public_url: https://lab.example.org
trusted_proxies: [10.0.0.0/8, 192.0.2.1]
require_tls: true
tls: {cert: /a, key: /b}
auth:
  mode: token+keystone
  policy_file: /p
  pepper_file: /q
token: {life: {person: 24h, max: 48h}}
keystone:
  auth_url: http://k/v3
  cache_seconds: 5
  www_authenticate_uri: https://k/v3
  role_map:
    admin: admin
    member: reader+runner
    lab_people: lab
ratelimit: {failed_logins: 5}
audit: {retention_days: 10, stdout: false}
refstack:
  tempest_config:
    compute: {flavor_ref: "2"}
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, "serve", "--config="+name)
	v := c.Serve
	if v.PublicURL != "https://lab.example.org" || len(v.TrustedProxies) != 2 || !v.RequireTLS || v.TLSCert != "/a" || v.TLSKey != "/b" ||
		v.AuthMode != "token+keystone" || v.KeystoneAuthURL != "http://k/v3" || v.KeystoneCacheSeconds != 5 || v.RatelimitFailedLogins != 5 ||
		v.AuditRetentionDays != 10 || v.AuditStdout || v.AuthPolicyFile != "/p" || c.AuthPepperFile != "/q" || c.TokenLifeMax.Hours() != 48 {
		t.Errorf("settings %+v, %+v", v, c.tokenFlags)
	}
	if len(v.KeystoneRoleMap) != 3 || v.KeystoneRoleMap["lab_people"] != "lab" || v.KeystoneRoleMap["member"] != "reader+runner" {
		t.Errorf("role map %v", v.KeystoneRoleMap)
	}
	if v.RefstackTempest["compute"]["flavor_ref"] != "2" {
		t.Errorf("tempest configuration %v", v.RefstackTempest)
	}
}
