package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// showToken shows the first admin token, once: to a person, or in the log when that is
// all there is.
func (c *serveCmd) showToken(ctx context.Context, text string) {
	if c.Log.forPeople(os.Stderr) {
		fmt.Fprintf(os.Stderr, "\nThis is the admin token. It is shown only here:\n\n    %s\n\n", text)
		return
	}
	slog.WarnContext(ctx, "this is the admin token; it is shown only here", "token", text)
}

// greet says where everything is and what to do next, as a person reads it or as a line
// of the log.
func (c *serveCmd) greet(ctx context.Context, f *storeFlags, address string) {
	url := c.address(address)
	data := f.Store.DataDir
	if abs, err := filepath.Abs(data); err == nil {
		data = abs
	}
	docs := "none (--no-docs-public)"
	if c.Server.Discovery.DocsPublic {
		docs = url + "/docs/"
	}
	if !c.Log.forPeople(os.Stderr) {
		slog.InfoContext(ctx, "listening", "url", url, "pages", url+"/ui/", "explorer", docs, "data", data, "build", build())
		return
	}
	credential := ""
	if !c.takesStrangers() {
		credential = ` -H "Authorization: Bearer $TOKEN"`
	}
	fmt.Fprintf(os.Stderr, `
Slipway %s serves at %s

    pages     %s/ui/
    guides    %s/docs/guide/first-minute
    explorer  %s
    data      %s
    next      curl%s -F file=@junit.xml %s/v1/post-result

`, build(), url, url, url, docs, data, credential, url)
}

// address is the one by which people reach the server, from this machine at least.
func (c *serveCmd) address(bound string) string {
	if c.Server.Edge.PublicURL != "" {
		return strings.TrimRight(c.Server.Edge.PublicURL, "/")
	}
	if host, port, err := net.SplitHostPort(bound); err == nil {
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			bound = net.JoinHostPort("localhost", port)
		}
	}
	return c.Listen.scheme() + bound
}
