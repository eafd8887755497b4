package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/store"
)

// Help is an example.
func (tokenImport) Help() string { return "Example:\n\n    slipway token import tokens.json" }

type tokenImport struct {
	File string `arg:"" type:"path" help:"The collection api-token as mongoexport writes it, or the answer of GET /token; - is standard input."`
}

// Run takes over the tokens of a kernelci-backend, so that its labs go on with
// the texts that stand in their scripts. All of them come or none; those that
// are there already stay as they are.
func (c *tokenImport) Run(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	old, err := c.read()
	if err != nil {
		return err
	}
	s, issuer, err := tf.open(ctx, f)
	if err != nil {
		return err
	}
	defer s.Close()
	made, err := importTokens(ctx, s, issuer, old)
	if err != nil {
		return err
	}
	for _, t := range made {
		fmt.Fprintf(stdout, "%s\t%s…\t%s\t%s\n", t.ID, t.Prefix, t.Name, t.Email)
	}
	fmt.Fprintf(os.Stderr, "%d tokens imported, %d existed already\n", len(made), len(old)-len(made))
	return nil
}

func (c *tokenImport) read() ([]reports.OldToken, error) {
	in := io.ReadCloser(os.Stdin)
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, terminal.Usage("%w", err)
		}
		in = file
	}
	defer in.Close()
	old, err := reports.ReadTokens(in)
	if err != nil {
		return nil, terminal.Usage("%s: %w", c.File, err)
	}
	return old, nil
}

func importTokens(ctx context.Context, s *store.Store, issuer *auth.Authenticator, old []reports.OldToken) (made []*store.Token, err error) {
	err = s.InTx(ctx, func(tx *store.Store) error {
		made = nil // in case this runs again
		for _, o := range old {
			imported, err := has(ctx, tx, issuer.Hashes(o.Text))
			if err != nil {
				return err
			}
			if imported {
				continue
			}
			if err := issuer.Adopt(o.Token, o.Text); err != nil {
				return err
			}
			o.Token.ID = ""
			if err := tx.CreateToken(ctx, o.Token); err != nil {
				return err
			}
			made = append(made, o.Token)
		}
		return nil
	})
	return made, err
}

// has reports whether there is a token under any of the hashes.
func has(ctx context.Context, s *store.Store, hashes [][]byte) (bool, error) {
	for _, hash := range hashes {
		_, err := s.TokenByHash(ctx, hash)
		if !errors.Is(err, store.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}
