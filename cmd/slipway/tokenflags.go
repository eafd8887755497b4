package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store"
)

// tokenFlags say how tokens are hashed and how long they live; the server and
// the commands beside it must agree.
type tokenFlags struct {
	AuthPepperFile string    `name:"auth-pepper-file" type:"path" placeholder:"FILE" help:"File of secrets with which tokens are hashed, one a line, the current one first; a token moves to that one when it is used. Default: the server secret."`
	Life           auth.Life `embed:"" prefix:"token-life-"`
}

// peppers returns the current secret and the old ones. Tokens that were made
// before there was a file stay good: the server secret is the oldest.
func (f *tokenFlags) peppers(secret []byte) (current []byte, old [][]byte, err error) {
	if f.AuthPepperFile == "" {
		return secret, nil, nil
	}
	info, err := os.Stat(f.AuthPepperFile)
	if err != nil {
		return nil, nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, nil, fmt.Errorf("the pepper file %s must be readable by its owner only (mode 0600)", f.AuthPepperFile)
	}
	text, err := os.ReadFile(f.AuthPepperFile)
	if err != nil {
		return nil, nil, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(line) < minSecret {
			return nil, nil, fmt.Errorf("each line of %s must have at least %d characters", f.AuthPepperFile, minSecret)
		}
		old = append(old, []byte(line))
	}
	if len(old) == 0 || len(old) > 8 {
		return nil, nil, fmt.Errorf("%s must hold 1 to 8 secrets, one a line", f.AuthPepperFile)
	}
	return old[0], append(old[1:], secret), nil
}

// open opens the store, which the caller closes, and makes what issues its
// tokens.
func (f *tokenFlags) open(ctx context.Context, sf *storeFlags) (*store.Store, *auth.Authenticator, error) {
	s, secret, err := sf.known(ctx)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := f.issuer(s, secret)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, issuer, nil
}

// issuer makes tokens as the server would.
func (f *tokenFlags) issuer(s *store.Store, secret []byte) (*auth.Authenticator, error) {
	current, old, err := f.peppers(secret)
	if err != nil {
		return nil, err
	}
	return auth.New(auth.Config{Store: s, Pepper: current, OldPeppers: old, Now: time.Now}), nil
}
