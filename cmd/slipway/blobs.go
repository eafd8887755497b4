package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// blobsCmd looks after the uploaded bytes.
type blobsCmd struct {
	Show blobsShowCmd `cmd:"" default:"1" help:"Say where uploaded bytes are, how many blobs and bytes."`
	Move blobsMoveCmd `cmd:"" help:"Move all blobs to another directory or bucket while servers go on."`
}

type blobsShowCmd struct{}

// Help is an example.
func (blobsShowCmd) Help() string { return "Example:\n\n    slipway blobs show" }

// Run prints where the blobs are and counts them.
func (blobsShowCmd) Run(ctx context.Context, f *storeFlags) error {
	s, _, err := f.known(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	at, leaving, err := s.BlobsAt(ctx)
	if err != nil {
		return err
	}
	var count, bytes int64
	err = s.Blobs.Each(ctx, func(_ string, size int64) error {
		count, bytes = count+1, bytes+size
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s has %d blobs, %d bytes\n", at, count, bytes)
	if leaving != "" {
		fmt.Fprintf(stdout, "a move from %s has not ended: run \"slipway blobs move --to %s\" again\n", leaving, at)
	}
	return nil
}

// Help is an example.
func (blobsMoveCmd) Help() string {
	return "Example:\n\n    slipway blobs move --to \"file:$PWD/moved\""
}

type blobsMoveCmd struct {
	To string `required:"" placeholder:"URL" help:"Where they are to be: file:, file:/directory or s3://bucket/prefix?endpoint=…."`
}

// Run moves the blobs and says what it does. A move that was interrupted is ended
// by the same command.
func (c *blobsMoveCmd) Run(ctx context.Context, f *storeFlags) error {
	f.Store.BlobCacheBytes = 0 // it reads everything once
	s, _, err := f.known(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	said := time.Now()
	moved, err := s.MoveBlobs(ctx, c.To, func(m store.BlobMove) {
		if time.Since(said) > time.Second {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "%d blobs copied, %d bytes\n", m.Copied, m.Bytes)
		}
	})
	if err != nil {
		return err
	}
	for _, sha := range moved.Lost {
		fmt.Fprintf(os.Stderr, "not whole, left behind: %s\n", sha)
	}
	if moved.LostCount > 0 {
		fmt.Fprintf(os.Stderr, "%d blobs were not whole where they were: what names them answers 410\n", moved.LostCount)
	}
	fmt.Fprintf(stdout, "moved to %s: %d blobs copied, %d bytes, %d were there; every server follows by itself\n", c.To, moved.Copied, moved.Bytes, moved.There)
	fmt.Fprintln(stdout, "what is in the former place was left there; a setting --blobs that names it must go before the next start")
	return nil
}
