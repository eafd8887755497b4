// Command slipway is the server for test labs and everything around it: serve
// runs it, migrate prepares its database, token manages who may call it. The other
// commands call a server (package remote), agent run works for one (package agent).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/cmd/slipway/remote"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
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
	Backup   backupCmd   `cmd:"" help:"Copy database, uploads and secret to a directory, also while the server runs."`
	Restore  restoreCmd  `cmd:"" help:"Bring a backup back into an empty data directory (--data)."`
	Doctor   doctorCmd   `cmd:"" help:"Look for what is wrong with the stored data, also while the server runs."`
	Token    tokenCmd    `cmd:"" help:"Make, list and revoke API tokens."`
	Blobs    blobsCmd    `cmd:"" help:"Say where uploaded bytes are kept, and move them."`
	Demo     demoCmd     `cmd:"" help:"Fill an empty server with a lab that looks as if it had run for a month."`
	Version  versionCmd  `cmd:"" help:"Print which build this is."`
	Settings settingsCmd `cmd:"" hidden:"" help:"Print the table of all settings in Markdown."`

	Login   remote.Login    `cmd:"" group:"The server from afar" help:"Keep a server's address and a token."`
	Context remote.Contexts `cmd:"" group:"The server from afar" help:"List the logins and choose one."`
	Whoami  remote.Whoami   `cmd:"" group:"The server from afar" help:"Say what the credential is and may do."`

	Upload     remote.Upload     `cmd:"" group:"Results" help:"Send result files; the one line of a CI job."`
	Results    remote.Results    `cmd:"" group:"Results" help:"List runs, or the results of one."`
	Tests      remote.Tests      `cmd:"" group:"Results" help:"List the single tests of a run, or search all of them."`
	Test       remote.Test       `cmd:"" group:"Results" help:"Show one test."`
	Raw        remote.Raw        `cmd:"" group:"Results" help:"Download what was uploaded."`
	Attachment remote.Attachment `cmd:"" group:"Results" help:"Download an attachment of a test."`
	Compare    remote.Compare    `cmd:"" group:"Results" help:"Say what changed between two sets of tests."`
	History    remote.History    `cmd:"" group:"Results" help:"Show a test's outcomes over time."`
	Flaky      remote.Flaky      `cmd:"" group:"Results" help:"Rank tests whose outcome changes without a reason."`
	Issue      remote.Issues     `cmd:"" group:"Results" help:"List, add and close known issues."`

	Products      remote.Products      `cmd:"" group:"Products" help:"List products, or show one."`
	Advertise     remote.Advertise     `cmd:"" group:"Products" help:"Say that something can be tested."`
	Opportunities remote.Opportunities `cmd:"" group:"Products" help:"List test opportunities."`
	Retry         remote.Retry         `cmd:"" group:"Products" help:"Have a test opportunity run again."`
	Cancel        remote.Cancel        `cmd:"" group:"Products" help:"Cancel a test opportunity."`
	Output        remote.Output        `cmd:"" group:"Products" help:"Print the console output of a test opportunity."`
	Events        remote.Events        `cmd:"" group:"Products" help:"Print the event log."`
	Agents        remote.Agents        `cmd:"" group:"Products" help:"List agents."`
	Agent         remote.Agent         `cmd:"" group:"Products" help:"Run an agent, drain it, bring it back."`

	Kernels remote.Kernels `cmd:"" group:"Reports" help:"List kernels of jobs."`
	Boots   remote.Boots   `cmd:"" group:"Reports" help:"List boots."`
	Builds  remote.Builds  `cmd:"" group:"Reports" help:"List builds."`
	Query   remote.Query   `cmd:"" group:"Reports" help:"Ask in KernelCI's query language."`

	Designs remote.Designs `cmd:"" group:"Lab" help:"List, push and validate site designs."`
	Nodes   remote.Nodes   `cmd:"" group:"Lab" help:"List nodes."`
	Deploy  remote.Deploy  `cmd:"" group:"Lab" help:"Deploy nodes."`
	Task    remote.Task    `cmd:"" group:"Lab" help:"Show a task."`
	Tasks   remote.Tasks   `cmd:"" group:"Lab" help:"List tasks."`

	Retention   remote.Retention   `cmd:"" group:"Access" help:"Say how long what is kept, and remove what has expired."`
	Audit       remote.Audit       `cmd:"" group:"Access" help:"Read the audit log."`
	Webhook     remote.Webhooks    `cmd:"" group:"Access" help:"List, add and remove webhooks."`
	Healthcheck remote.Healthcheck `cmd:"" group:"Access" help:"Ask whether a server is ready."`

	Import importCmd `cmd:"" group:"What another system has kept" help:"Take it over, beside a server or without one."`

	Completion completionCmd `cmd:"" help:"Print what makes a shell complete the commands."`
	Words      wordsCmd      `cmd:"" hidden:"" help:"Print the words that may follow, for completion."`
	Man        manCmd        `cmd:"" hidden:"" help:"Print the manual page."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	code := runWith(ctx, args, streams())
	if err := stdout.Failed(); err != nil && code == terminal.ExitDone {
		return terminal.Complain(os.Stderr, formOf(args), terminal.Failed("standard output: %w", err))
	}
	return code
}

// stdout is where commands print. What could not be written there is no success.
var stdout = terminal.Watch(os.Stdout)

// streams are the process's own.
func streams() terminal.Streams {
	return terminal.Streams{In: os.Stdin, Out: stdout, Err: os.Stderr}
}

// runWith runs a command line and returns its exit code.
func runWith(ctx context.Context, args []string, std terminal.Streams) int {
	var c cli
	args = meant(args)
	parser, err := newParser(ctx, &c, args)
	if err != nil {
		return terminal.Complain(std.Err, "", terminal.Usage("%w", err))
	}
	parser.Stdout, parser.Stderr = std.Out, std.Err
	if w, ok := std.Out.(*terminal.Watched); ok {
		parser.Stdout = w.File() // help is as wide as the terminal
	}
	if err := unknownWord(parser.Model.Node, args); err != nil {
		return terminal.Complain(std.Err, "", err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return terminal.Complain(std.Err, formOf(args), terminal.Usage("%w%s", err, helpOf(err)))
	}
	k.Bind(&std)
	if err := k.Run(); err != nil {
		return terminal.Complain(std.Err, formOf(args), err)
	}
	return terminal.ExitDone
}

// helpOf names the help of the command whose arguments are not understood.
func helpOf(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil || parse.Context.Selected() == nil {
		return ""
	}
	return "; " + parse.Context.Selected().FullPath() + " --help says more"
}

// meant takes what people type first for what there is: help, help COMMAND,
// --version and -v.
func meant(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-v"):
		return []string{"version"}
	}
	return args
}

// formOf finds the form of output by hand, since errors have it also when the
// arguments are not understood.
func formOf(args []string) string {
	form := os.Getenv("SLIPWAY_OUTPUT")
	for i, a := range args {
		for _, flag := range []string{"--output", "-o"} {
			if v, ok := strings.CutPrefix(a, flag+"="); ok {
				form = v
			} else if a == flag && i+1 < len(args) {
				form = args[i+1]
			}
		}
	}
	return form
}

// unknownWord refuses a command that does not exist, and names the nearest. serve is
// the command when none is named, so kong would take the word for an argument of it.
func unknownWord(node *kong.Node, args []string) error {
	for _, a := range args {
		if strings.HasPrefix(a, "-") || len(node.Children) == 0 {
			return nil
		}
		var next *kong.Node
		var names []string
		for _, child := range node.Children {
			if child.Name == a {
				next = child
			}
			if !child.Hidden {
				names = append(names, child.Name)
			}
		}
		if next == nil {
			return terminal.Usage("there is no command %q%s; slipway --help lists them", a, terminal.DidYouMean(a, names))
		}
		node = next
	}
	return nil
}

// newParser reads the configuration file that the arguments name and returns
// what parses them.
func newParser(ctx context.Context, c *cli, args []string) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("slipway"),
		kong.Description("One server for test labs."),
		kong.NamedMapper("sections", kong.MapperFunc(decodeSections)),
		kong.NamedMapper("rules", kong.MapperFunc(decodeRules)),
		kong.PostBuild(nameVariables),
		kong.PostBuild(sayBounds),
		kong.UsageOnError(),
		kong.Help(printHelp),
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

// printHelp leaves the settings of the store out where they mean nothing: whoever calls
// a server has none, and who looks for a command wants to see the commands.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	node := ctx.Selected()
	options.Compact = node == nil || len(node.Children) > 0
	if !worksOnStore(node) {
		for _, flag := range ctx.Model.Flags {
			if flag.Group != nil && flag.Group.Title == storeGroup {
				flag.Hidden = true
			}
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}

// storeGroup is the heading of the settings of the store in the help.
const storeGroup = "Store and tokens"

// worksOnStore reports whether a command opens the data directory: those that call no
// server, and those of tokens, which do either.
func worksOnStore(node *kong.Node) bool {
	if node == nil || len(node.Children) > 0 || node.Name == "version" || node.Name == "completion" {
		return false
	}
	called := slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "server" })
	return !called || node.Parent != nil && node.Parent.Name == "token"
}

type versionCmd struct{}

// Help is an example.
func (versionCmd) Help() string { return "Example:\n\n    slipway version" }

// Run prints the build.
func (versionCmd) Run(std *terminal.Streams) error {
	fmt.Fprintln(std.Out, "slipway", build())
	return nil
}
