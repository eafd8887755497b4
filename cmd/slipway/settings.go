package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settings is a configuration file: the values by flag name. Sections join
// with hyphens and underscores become hyphens, so that the key keystone.auth_url
// sets --keystone-auth-url.
type settings map[string]any

// settingsFile reads the file that --config or SLIPWAY_CONFIG names, nil when
// neither does. The flag is looked for by hand, because the file decides how
// all other flags are parsed.
func settingsFile(args []string) (settings, error) {
	name := os.Getenv("SLIPWAY_CONFIG")
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			name = v
		} else if a == "--config" && i+1 < len(args) {
			name = args[i+1]
		}
	}
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := settings{}
	s.add("", tree)
	return s, nil
}

func (s settings) add(prefix string, tree map[string]any) {
	for k, v := range tree {
		name := prefix + strings.ReplaceAll(k, "_", "-")
		if section, ok := v.(map[string]any); ok {
			s.add(name+"-", section)
			// A map may also be the value itself, such as a role map.
			s[name] = section
			continue
		}
		s[name] = v
	}
}

// Validate refuses a file that sets what no flag is called: a typing error must
// not silently leave a setting at its default.
func (s settings) Validate(app *kong.Application) error {
	known := map[string]bool{"config": true}
	addFlags(known, app.Node)
	var errs []error
	for name, value := range s {
		if _, section := value.(map[string]any); !section && !known[name] && !s.insideValue(name, known) {
			errs = append(errs, fmt.Errorf("the configuration file sets %s, but there is no flag --%s", name, name))
		}
	}
	return errors.Join(errs...)
}

// insideValue reports whether the name is a part of a flag whose value is a map.
func (s settings) insideValue(name string, known map[string]bool) bool {
	for i := range name {
		if name[i] == '-' && known[name[:i]] {
			_, isMap := s[name[:i]].(map[string]any)
			return isMap
		}
	}
	return false
}

func addFlags(known map[string]bool, node *kong.Node) {
	for _, f := range node.Flags {
		known[f.Name] = true
	}
	for _, child := range node.Children {
		addFlags(known, child)
	}
}

// Resolve gives kong the file's value of a flag; the environment wins over it.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	value := s[flag.Name]
	if list, ok := value.([]any); ok {
		words := make([]string, len(list))
		for i, w := range list {
			words[i] = fmt.Sprint(w)
		}
		return strings.Join(words, ","), nil
	}
	return value, nil
}

// optionSections is a setting with sections of options, all of them text. On a
// command line it is JSON.
type optionSections map[string]map[string]string

// Decode reads the value that kong has found.
func (o *optionSections) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("sections")
	if err != nil {
		return err
	}
	text, isText := token.Value.(string)
	if !isText {
		made, err := yaml.Marshal(token.Value)
		if err != nil {
			return err
		}
		text = string(made)
	}
	if err := yaml.Unmarshal([]byte(text), (*map[string]map[string]string)(o)); err != nil {
		return errors.New("must be sections of options, all of them text")
	}
	return nil
}
