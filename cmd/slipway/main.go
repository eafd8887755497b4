// Command slipway is the server for test labs and everything around it: serve
// runs it, migrate prepares its database, token manages who may call it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the whole command line. Every flag is also a key of the configuration
// file and an environment variable: --tls-cert, tls.cert or tls_cert,
// SLIPWAY_TLS_CERT. A flag wins over the variable, the variable over the file.
//
// A setting is declared once, as a field of the Config of the package that obeys
// it. Its tags hold the default, the bounds (min and max) and the sentence that
// the help and README's table print.
type cli struct {
	Config     string `type:"path" placeholder:"FILE" help:"YAML file with settings."`
	storeFlags `group:"Store and tokens"`
	tokenFlags `group:"Store and tokens"`

	Serve    serveCmd    `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database to this version's schema and stop."`
	Token    tokenCmd    `cmd:"" help:"Make, list and revoke API tokens."`
	Blobs    blobsCmd    `cmd:"" help:"Say where uploaded bytes are kept, and move them."`
	Version  versionCmd  `cmd:"" help:"Print which build this is."`
	Settings settingsCmd `cmd:"" hidden:"" help:"Print the table of all settings in Markdown."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	var c cli
	parser, err := newParser(ctx, &c, args)
	if err != nil {
		return complain(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return complain(err)
	}
	if err := k.Run(); err != nil {
		return complain(err)
	}
	return 0
}

// newParser reads the configuration file that the arguments name and returns
// what parses them.
func newParser(ctx context.Context, c *cli, args []string) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("slipway"),
		kong.Description("One server for test labs."),
		kong.NamedMapper("sections", kong.MapperFunc(decodeSections)),
		kong.PostBuild(nameVariables),
		kong.PostBuild(sayBounds),
		kong.UsageOnError(),
		kong.Bind(&c.storeFlags, &c.tokenFlags),
		kong.BindTo(ctx, (*context.Context)(nil)),
	}
	file, err := settingsFile(args)
	if err != nil {
		return nil, err
	}
	if file != nil {
		options = append(options, kong.Resolvers(file))
	}
	return kong.New(c, options...)
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "slipway:", err)
	return 1
}

type versionCmd struct{}

// Run prints the build.
func (versionCmd) Run() error {
	fmt.Println("slipway", build())
	return nil
}
