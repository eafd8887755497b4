package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/auth/keystone"
	"github.com/slipway-lab/slipway/server/auth/policy"
	"github.com/slipway-lab/slipway/store"
)

func (c *serveCmd) authenticator(s *store.Store, secret []byte, tf *tokenFlags) (*auth.Authenticator, error) {
	if c.Auth.Mode == auth.ModeNone {
		slog.Warn("logins are switched off: everybody on this machine is an administrator")
	}
	if n := len(c.Auth.AdminToken); n > 0 && n < minSecret {
		slog.Warn("the admin token is short enough to be guessed; set one of 16 characters or more, or none and use the one of the first start", "characters", n)
	}
	config := c.Auth
	config.Store, config.Now = s, time.Now
	var err error
	if config.Pepper, config.OldPeppers, err = tf.peppers(secret); err != nil {
		return nil, err
	}
	if config.Policy, err = c.policy(); err != nil {
		return nil, err
	}
	if c.Auth.Mode != auth.ModeToken && c.Keystone.AuthURL != "" {
		client, err := keystone.New(c.Keystone)
		if err != nil {
			return nil, err
		}
		config.Keystone = client
		if len(c.Keystone.RoleMap) > 0 {
			if config.RoleMap, err = auth.ParseRoleMap(c.Keystone.RoleMap); err != nil {
				return nil, err
			}
		}
	}
	return auth.New(config), nil
}

// policy reads the policy file and applies the switch for operators.
func (c *serveCmd) policy() (auth.Policy, error) {
	var p auth.Policy
	if c.Auth.PolicyFile != "" {
		file, err := os.Open(c.Auth.PolicyFile)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, policy.MaxFile+1))
		if err != nil {
			return nil, err
		}
		if p, err = auth.ReadPolicy(text); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Auth.PolicyFile, err)
		}
		sum := sha256.Sum256(text)
		c.policySum = "sha256:" + hex.EncodeToString(sum[:])
	}
	if c.Auth.OperatorDestroys {
		p = p.WithOperators(auth.DestroyNodes, auth.DeleteTasks)
	}
	return p, nil
}
