package bootfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
	"github.com/nikolalohinski/gonja/v2/parser"
)

// jinjaConfig is Jinja2's own: no escaping, an undefined name prints nothing, an
// attribute of one is an error, one trailing newline is removed.
var jinjaConfig = config.New()

// expand renders a template. Its error says what is wrong and repeats neither
// the template nor the values in it.
func expand(ctx context.Context, lim Limits, text string, vars map[string]any) (out string, err error) {
	if len(text) > lim.Template {
		return "", fmt.Errorf("the template has %d bytes, at most %d are allowed", len(text), lim.Template)
	}
	g := newGuard(ctx, lim)
	// gonja panics on a few template errors, for example a remainder by zero.
	defer func() {
		if r := recover(); r != nil {
			out, err = "", g.reason(errors.New("it fails with an impossible operation"))
		}
	}()
	if err := checkTokens(text, lim); err != nil {
		return "", err
	}
	template, err := exec.NewTemplate(templateName, jinjaConfig, &loader{text: inlineIfs(text)}, sandbox(g))
	if err != nil {
		return "", g.reason(parseReason(err))
	}
	g.outputs(template.Root().Nodes)
	var buf bytes.Buffer
	err = template.Execute(g.writer(&buf), exec.NewContext(vars))
	if err == nil {
		err = g.stopped // the engine lost it on its way up
	}
	if err != nil {
		return "", g.reason(executeReason(err))
	}
	return buf.String(), nil
}

// reason prefers what the guard knows over what the engine made of it.
func (g *guard) reason(err error) error {
	if g.stopped != nil {
		err = g.stopped
	}
	return fmt.Errorf("the template cannot be rendered: %w", err)
}

// parseReason takes the syntax error out of gonja's, which quotes the whole
// template around it.
func parseReason(err error) error {
	var syntax *parser.SyntaxError
	if !errors.As(err, &syntax) {
		return errors.New("it is not a Jinja2 template")
	}
	reason := strings.TrimSuffix(syntax.Message, ".")
	if rest, found := strings.CutPrefix(reason, "ControlStructure '"); found {
		name, _, _ := strings.Cut(rest, "'")
		reason = fmt.Sprintf("there is no statement %q here", name)
	}
	if syntax.Line > 0 {
		return fmt.Errorf("line %d: %s", syntax.Line, reason)
	}
	return errors.New(reason)
}

// executeReason keeps the line of gonja's error and drops the rest, in which
// values (such as the key) may stand.
func executeReason(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, " at line "); i >= 0 {
		var line int
		if _, scanErr := fmt.Sscanf(text[i:], " at line %d", &line); scanErr == nil {
			return fmt.Errorf("line %d: an expression or statement fails; is something undefined?", line)
		}
	}
	return errors.New("an expression or statement fails; is something undefined?")
}

// templateName is the only name there is to load.
const templateName = "template"

// loader hands out one template, once. gonja's own loader reads files of the
// server for include and import.
type loader struct {
	once sync.Once
	text string
}

func (l *loader) Read(name string) (r io.Reader, err error) {
	err = errors.New("there is nothing to load")
	if name == templateName {
		l.once.Do(func() { r, err = strings.NewReader(l.text), nil })
	}
	return r, err
}

func (l *loader) Resolve(name string) (string, error) {
	if name != templateName {
		return "", errors.New("there is nothing to load")
	}
	return name, nil
}

func (l *loader) Inherit(string) (loaders.Loader, error) { return l, nil }
