package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// login is a server and the token for it.
type login struct {
	Server string `yaml:"server"`
	Token  string `yaml:"token,omitempty"`
}

// logins is the file of the contexts.
type logins struct {
	Current  string           `yaml:"current"`
	Contexts map[string]login `yaml:"contexts"`

	name string
}

// loginsFile says where the file is; ok is false when there is no home.
func loginsFile() (string, bool) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // as the XDG specification says of a relative one
		home, err := os.UserHomeDir()
		if err != nil || home == "" {
			return "", false
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "slipway", "config.yaml"), true
}

// readLogins reads the file. That there is none, or no home, is no error: flags
// and variables do without.
func readLogins() (*logins, error) {
	name, ok := loginsFile()
	if !ok {
		return &logins{}, nil
	}
	l := &logins{name: name}
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, l); err != nil {
		return nil, terminal.Usage("%s: %w", name, err)
	}
	return l, nil
}

func (l *logins) get(name string) (login, error) {
	if name == "" {
		return l.Contexts[l.Current], nil
	}
	found, ok := l.Contexts[name]
	if !ok {
		return login{}, terminal.Usage("there is no context %q%s; slipway login makes one", name, terminal.DidYouMean(name, l.names()))
	}
	return found, nil
}

func (l *logins) names() []string {
	var names []string
	for n := range l.Contexts {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// write replaces the file, which its owner alone may read.
func (l *logins) write() error {
	if l.name == "" {
		return terminal.Usage("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for a login; SLIPWAY_URL and SLIPWAY_TOKEN do without one")
	}
	text, err := yaml.Marshal(l)
	if err != nil {
		return err
	}
	return writeFile(l.name, text)
}

// writeFile writes a file whole or not at all.
func writeFile(name string, text []byte) error {
	const private = 0o700
	if err := os.MkdirAll(filepath.Dir(name), private); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// Login keeps a server's address and a token.
type Login struct {
	Flags
	Name string `default:"default" help:"What the login is called, for several servers."`
}

// Help is an example.
func (Login) Help() string {
	return example(`slipway login --server "$SLIPWAY_URL" --token "$SLIPWAY_TOKEN"`)
}

// Run asks for the token when none is given, tries it, and keeps both.
func (c *Login) Run(ctx context.Context, std *terminal.Streams) error {
	if _, ok := loginsFile(); !ok {
		return (&logins{}).write() // which says what is missing
	}
	if c.Token == "" {
		token, err := askToken(std)
		if err != nil {
			return err
		}
		c.Token = token
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		var who client.Whoami
		answer, err := s.api.Raw().GetWhoami(ctx)
		if err := into(&who, answer, err); err != nil {
			return err
		}
		l, err := readLogins()
		if err != nil {
			return err
		}
		if l.Contexts == nil {
			l.Contexts = map[string]login{}
		}
		l.Contexts[c.Name], l.Current = login{Server: s.server, Token: c.Token}, c.Name
		if err := l.write(); err != nil {
			return err
		}
		s.say("logged in to %s as %s; %s keeps it as context %s", s.server, terminal.Plain(who.Name), l.name, c.Name)
		return nil
	})
}

// Whoami says what the credential is.
type Whoami struct{ Flags }

// Help is an example.
func (Whoami) Help() string { return example(`slipway whoami`) }

// Run prints it; the forms for programs have its permissions as well.
func (c *Whoami) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		answer, err := s.api.Raw().GetWhoami(ctx)
		return s.show(columns("NAME name", "KIND kind", "ROLES roles", "OWNER owner", "TENANT tenant", "LABS labs", "TOKEN token_id"), answer, err)
	})
}

// say tells on standard error what was done.
func (s *session) say(format string, args ...any) {
	s.Note(format, args...)
}

// askToken reads one line, which a terminal does not show.
func askToken(std *terminal.Streams) (string, error) {
	if f, ok := std.In.(*os.File); ok {
		fd := int(f.Fd())
		if old, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			hidden := *old
			hidden.Lflag &^= unix.ECHO
			if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err == nil {
				defer func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, old); fmt.Fprintln(std.Err) }()
			}
			fmt.Fprint(std.Err, "Token: ")
		}
	}
	const longest = 64 << 10
	line, err := bufio.NewReader(io.LimitReader(std.In, longest)).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return "", terminal.Usage("no token was given: --token, SLIPWAY_TOKEN or standard input")
	}
	return line, nil
}

// Contexts is the logins that are kept.
type Contexts struct {
	List ContextList `cmd:"" help:"List the logins."`
	Use  ContextUse  `cmd:"" help:"Make another login the current one."`
}

// ContextList lists them.
type ContextList struct{ Flags }

// Help is an example.
func (ContextList) Help() string { return example(`slipway context list`) }

// Run prints the logins without their tokens.
func (c *ContextList) Run(_ context.Context, std *terminal.Streams) error {
	l, err := readLogins()
	if err != nil {
		return err
	}
	out := terminal.New(*std, c.Output)
	out.Fields, out.Quiet = c.Fields, c.Quiet
	rows := terminal.Rows{
		Columns: []terminal.Column{{Head: "CURRENT", Path: "current"}, {Head: "NAME", Path: "name"}, {Head: "SERVER", Path: "server"}},
		Empty:   "There is no login: slipway login --server https://lab.example",
	}
	for _, n := range l.names() {
		rows.Items = append(rows.Items, document(map[string]any{"name": n, "server": l.Contexts[n].Server, "current": n == l.Current}))
	}
	return out.List(rows)
}

// ContextUse changes the current one.
type ContextUse struct {
	Flags
	Name string `arg:"" help:"The login's name."`
}

// Help is an example.
func (ContextUse) Help() string { return example(`slipway context use default`) }

// Run keeps the choice.
func (c *ContextUse) Run(context.Context) error {
	if _, ok := loginsFile(); !ok {
		return (&logins{}).write() // which says what is missing
	}
	l, err := readLogins()
	if err != nil {
		return err
	}
	if _, err := l.get(c.Name); err != nil {
		return err
	}
	l.Current = c.Name
	return l.write()
}
