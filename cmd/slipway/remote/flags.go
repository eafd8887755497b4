package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// localServer is where a server listens that was started without any setting.
const localServer = "http://127.0.0.1:8080"

// Flags are what every command that calls a server understands.
type Flags struct {
	Server  string        `group:"Server" env:"SLIPWAY_URL" placeholder:"URL" help:"The server's address. Default: that of the context, else http://127.0.0.1:8080."`
	Token   string        `group:"Server" env:"SLIPWAY_TOKEN" placeholder:"TEXT" help:"API token; better set as SLIPWAY_TOKEN. Default: that of the context."`
	Context string        `group:"Server" env:"SLIPWAY_CONTEXT" placeholder:"NAME" help:"Which login to use, as slipway context list shows them. Default: the current one."`
	Retries int           `group:"Server" env:"SLIPWAY_RETRIES" default:"5" min:"0" help:"How often a call that does no harm twice is made again when the server is away."`
	Timeout time.Duration `group:"Server" env:"SLIPWAY_TIMEOUT" default:"0s" min:"0s" help:"How long the command may take; 0: no limit."`
	Output  string        `group:"Output" short:"o" env:"SLIPWAY_OUTPUT" enum:"table,json,yaml,csv" default:"table" help:"table, json, yaml or csv. A table is lines with tabs where there is no terminal."`
	Fields  []string      `group:"Output" placeholder:"NAME" help:"Only these fields of the documents, such as id,counts.fail."`
	Quiet   bool          `group:"Output" short:"q" help:"Say nothing beside what was asked for."`
	Web     bool          `group:"Output" help:"Open the page in a browser."`
}

// session is a command at work.
type session struct {
	*Flags
	*terminal.Out
	api    *client.API
	server string
	page   string // the address that --web opens
}

// open makes the client, of flags, variables and the login, in this order. A
// login's token goes to its own server only.
func (f *Flags) open(ctx context.Context, std terminal.Streams) (*session, context.Context, context.CancelFunc, error) {
	server, token, err := f.target()
	if err != nil {
		return nil, nil, nil, err
	}
	retry := client.DefaultRetry
	retry.Attempts = f.Retries + 1
	doer := explaining{client.HTTPClient(), server, f.Server == ""}
	api, err := client.New(server, client.WithToken(token), client.WithRetry(retry), client.WithUserAgent("slipway-cli"), client.WithDoer(doer))
	if err != nil {
		return nil, nil, nil, terminal.Usage("%w", err)
	}
	out := terminal.New(std, f.Output)
	out.Fields, out.Quiet = f.Fields, f.Quiet
	stop := context.CancelFunc(func() {})
	if f.Timeout > 0 {
		ctx, stop = context.WithTimeout(ctx, f.Timeout)
	}
	return &session{Flags: f, Out: out, api: api, server: strings.TrimRight(api.Raw().Server, "/")}, ctx, stop, nil
}

// run opens a session, does the work, and ends with the page when it was asked for.
func (f *Flags) run(ctx context.Context, std *terminal.Streams, do func(context.Context, *session) error) error {
	s, ctx, stop, err := f.open(ctx, *std)
	if err != nil {
		return err
	}
	defer stop()
	err = do(ctx, s)
	if errors.Is(err, context.DeadlineExceeded) {
		err = terminal.Trouble("after %s (--timeout) it was not done: %w", f.Timeout, err)
	}
	if f.Web && s.page != "" {
		return errors.Join(err, browse(ctx, s.page))
	}
	return err
}

func (f *Flags) target() (server, token string, err error) {
	server, token = f.Server, f.Token
	logins, err := readLogins()
	if err != nil {
		return "", "", err
	}
	l, err := logins.get(f.Context)
	if err != nil {
		return "", "", err
	}
	if server == "" {
		server = l.Server
	}
	if server == "" {
		server = localServer
	}
	if token == "" && sameServer(server, l.Server) {
		token = l.Token
	}
	return server, token, nil
}

func sameServer(a, b string) bool {
	clean := func(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "/"), "/v1") }
	return clean(a) == clean(b)
}

// explaining says which server did not answer, and that nobody named it.
type explaining struct {
	inner   client.HttpRequestDoer
	server  string
	unnamed bool
}

// Do sends the request.
func (d explaining) Do(r *http.Request) (*http.Response, error) {
	answer, err := d.inner.Do(r)
	var address *url.Error
	if errors.As(err, &address) && r.Context().Err() == nil {
		if errors.Is(err, client.ErrMoved) {
			return nil, terminal.Usage("%w", address.Err)
		}
		hint := ""
		if d.unnamed && d.server == localServer {
			hint = "; --server or SLIPWAY_URL names another server"
		}
		return nil, terminal.Trouble("no answer from %s: %w%s", d.server, address.Err, hint)
	}
	return answer, err
}

// pageAddress is where a page of the server is.
func (s *session) pageAddress(path string) string {
	s.page = s.server + "/ui" + path
	return s.page
}

// sayPage prints the page's address as the last line of a table.
func (s *session) sayPage(path string) {
	address := s.pageAddress(path)
	if s.Format == terminal.Table && s.Width > 0 && !s.Out.Quiet {
		fmt.Fprintln(s.Streams.Out, "\n"+address)
	}
}

func browse(ctx context.Context, address string) error {
	program := os.Getenv("BROWSER")
	if program == "" {
		program = "xdg-open"
		if runtime.GOOS == "darwin" {
			program = "open"
		}
	}
	if err := exec.CommandContext(ctx, program, address).Run(); err != nil { //nolint:gosec // the user's own browser
		return terminal.Failed("the page is %s, but no browser opens it: %w", address, err)
	}
	return nil
}
