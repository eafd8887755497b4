package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/auth/keystone"
	"github.com/slipway-lab/slipway/server/auth/policy"
	"github.com/slipway-lab/slipway/store"
)

const modeNone = "none"

// keystoneFlags say which Keystone to ask, and as whom.
type keystoneFlags struct {
	KeystoneAuthURL                     string            `name:"keystone-auth-url" aliases:"keystone-url" placeholder:"URL" help:"Keystone that validates tokens in X-Auth-Token, such as https://keystone.example.org/v3."`
	KeystoneUsername                    string            `name:"keystone-username" placeholder:"NAME" help:"Account that asks Keystone; it needs the role service."`
	KeystonePassword                    string            `name:"keystone-password" placeholder:"TEXT" help:"Its password; better as SLIPWAY_KEYSTONE_PASSWORD."`
	KeystoneUserDomain                  string            `name:"keystone-user-domain" default:"Default" help:"Domain of the account."`
	KeystoneProject                     string            `name:"keystone-project" default:"service" help:"Project of the account."`
	KeystoneProjectDomain               string            `name:"keystone-project-domain" default:"Default" help:"Domain of that project."`
	KeystoneApplicationCredentialID     string            `name:"keystone-application-credential-id" placeholder:"ID" help:"Application credential to use instead of a password."`
	KeystoneApplicationCredentialSecret string            `name:"keystone-application-credential-secret" placeholder:"TEXT" help:"Its secret; better as SLIPWAY_KEYSTONE_APPLICATION_CREDENTIAL_SECRET."`
	KeystoneWWWAuthenticateURI          string            `name:"keystone-www-authenticate-uri" placeholder:"URL" help:"Where clients get a token. Default: the URL above."`
	KeystoneServiceType                 string            `name:"keystone-service-type" default:"test-lab" help:"What access rules of application credentials call this service."`
	KeystoneCacheSeconds                int               `name:"keystone-cache-seconds" default:"60" help:"How long an answer of Keystone is believed, 0 to 60; a revoked token works this much longer."`
	KeystoneCAFile                      string            `name:"keystone-cafile" type:"path" placeholder:"FILE" help:"Certificates that may vouch for Keystone."`
	KeystoneTimeout                     time.Duration     `name:"keystone-timeout" default:"10s" help:"Limit of one question to Keystone."`
	KeystoneRoleMap                     map[string]string `name:"keystone-role-map" placeholder:"ROLE=OURS" help:"Our roles for each Keystone role, several joined by a plus sign. Default: admin=admin;slipway_operator=operator;slipway_lab=lab;slipway_runner=runner;reader=reader;slipway_readonly=reader."`
}

// check refuses settings that would leave a server open without anybody
// noticing.
func (c *serveCmd) check() error {
	if c.AuthMode == modeNone && !loopback(c.Listen) {
		return fmt.Errorf("auth mode none makes everybody an administrator; it needs a loopback address to listen on, not %s", c.Listen)
	}
	if c.AuthMode == "token+keystone" && c.KeystoneAuthURL == "" {
		return errors.New("auth mode token+keystone needs --keystone-auth-url")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || origin != u.Scheme+"://"+u.Host {
			return fmt.Errorf("CORS origin %q must be like https://lab.example.org, without a path", origin)
		}
	}
	if c.MaxHeader < 4096 || c.MaxHeader > 1<<20 {
		return errors.New("--max-header must be between 4096 and 1048576")
	}
	for flag, n := range map[string]int{
		"audit": c.AuditRetentionDays, "event": c.EventRetentionDays, "webhook": c.WebhookRetention, "products-output": c.OutputRetentionDays,
	} {
		if n < 0 || n > 36500 {
			return fmt.Errorf("--%s-retention-days must be between 0, for ever, and 36500", flag)
		}
	}
	return nil
}

// loopback reports whether nobody else's machine can reach a listening address.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func (c *serveCmd) authenticator(s *store.Store, secret []byte, tf *tokenFlags) (*auth.Authenticator, error) {
	if c.AuthMode == modeNone {
		slog.Warn("logins are switched off: everybody on this machine is an administrator")
	}
	current, old, err := tf.peppers(secret)
	if err != nil {
		return nil, err
	}
	config := auth.Config{
		Store: s, Pepper: current, OldPeppers: old, AdminToken: c.AdminToken,
		Open: c.AuthMode == modeNone, Now: time.Now,
	}
	if config.Policy, err = c.policy(); err != nil {
		return nil, err
	}
	if c.AuthMode != "token" && c.KeystoneAuthURL != "" {
		client, err := c.keystone()
		if err != nil {
			return nil, err
		}
		config.Keystone = client
		if len(c.KeystoneRoleMap) > 0 {
			if config.RoleMap, err = auth.ParseRoleMap(c.KeystoneRoleMap); err != nil {
				return nil, err
			}
		}
	}
	return auth.New(config), nil
}

func (c *serveCmd) keystone() (*keystone.Client, error) {
	return keystone.New(keystone.Config{
		AuthURL:        c.KeystoneAuthURL,
		Username:       c.KeystoneUsername,
		Password:       c.KeystonePassword,
		UserDomain:     c.KeystoneUserDomain,
		Project:        c.KeystoneProject,
		ProjectDomain:  c.KeystoneProjectDomain,
		CredentialID:   c.KeystoneApplicationCredentialID,
		CredentialText: c.KeystoneApplicationCredentialSecret,
		Public:         c.KeystoneWWWAuthenticateURI,
		Type:           c.KeystoneServiceType,
		CacheFor:       time.Duration(c.KeystoneCacheSeconds) * time.Second,
		Timeout:        c.KeystoneTimeout,
		PerSecond:      offAtZero(c.RatelimitKeystone),
		CAFile:         c.KeystoneCAFile,
	})
}

// policy reads the policy file and applies the switch for operators.
func (c *serveCmd) policy() (auth.Policy, error) {
	var p auth.Policy
	if c.AuthPolicyFile != "" {
		file, err := os.Open(c.AuthPolicyFile)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, policy.MaxFile+1))
		if err != nil {
			return nil, err
		}
		if p, err = auth.ReadPolicy(text); err != nil {
			return nil, fmt.Errorf("%s: %w", c.AuthPolicyFile, err)
		}
		sum := sha256.Sum256(text)
		c.policySum = "sha256:" + hex.EncodeToString(sum[:])
	}
	if c.AuthOperatorDestroys {
		p = p.WithOperators(auth.DestroyNodes, auth.DeleteTasks)
	}
	return p, nil
}

// auditLines is where the audit log goes beside the store.
func (c *serveCmd) auditLines() io.Writer {
	if !c.AuditStdout {
		return nil
	}
	return os.Stdout
}

// offAtZero turns a setting, where 0 means no limit, into what package server
// takes, where 0 is the default.
func offAtZero(limit float64) float64 {
	if limit <= 0 {
		return -1
	}
	return limit
}
