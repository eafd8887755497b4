package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
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
	in := yaml.NewDecoder(bytes.NewReader(text))
	if err := in.Decode(&tree); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := in.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s holds several documents, or something behind the first one: it must hold one", name)
	}
	s := settings{}
	if err := s.add("", tree); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// add adds the settings of a section. One that is there twice, such as products.max_output
// and products-max-output, is refused: which one counts, nobody could say.
func (s settings) add(prefix string, tree map[string]any) error {
	for k, v := range tree {
		name := prefix + strings.ReplaceAll(k, "_", "-")
		section, isSection := v.(map[string]any)
		_, wasSection := s[name].(map[string]any)
		if _, there := s[name]; there && !(isSection && wasSection) {
			return fmt.Errorf("it sets %s twice", name)
		}
		s[name] = v
		if !isSection {
			continue
		}
		// A map may also be the value itself, such as a role map.
		if err := s.add(name+"-", section); err != nil {
			return err
		}
	}
	return nil
}

// Validate refuses a file that sets what no flag is called: a typing error must
// not silently leave a setting at its default.
func (s settings) Validate(app *kong.Application) error {
	known := map[string]bool{} // whether a value may be a map
	for _, flag := range serverSettings(app.Node) {
		known[flag.Name] = flag.IsMap()
	}
	var errs []error
	for name, value := range s {
		if _, section := value.(map[string]any); section || value == nil && isSection(name, known) {
			continue
		}
		if _, exists := known[name]; !exists && !s.insideValue(name, known) {
			errs = append(errs, fmt.Errorf("the configuration file sets %s, but there is no flag --%s", name, name))
		}
	}
	return errors.Join(errs...)
}

// isSection reports whether flags begin with the name: a section may stand there
// with nothing in it.
func isSection(name string, known map[string]bool) bool {
	for flag := range known {
		if strings.HasPrefix(flag, name+"-") {
			return true
		}
	}
	return false
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

// Resolve gives kong the file's value of a setting; the environment wins over it.
// The other flags, such as token create's --role, are asked for one call only.
func (s settings) Resolve(k *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !slices.Contains(serverSettings(k.Model.Node), flag) {
		return nil, nil
	}
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	return joined(s[flag.Name], flag), nil
}

// joined writes a value the way the command line has it, so that it is read and
// refused in the same way: 30 is no time, and 1.5 no number of bytes.
func joined(value any, flag *kong.Flag) any {
	if flag.Tag.Type == "rules" {
		return value
	}
	switch v := value.(type) {
	case []any:
		words := make([]string, len(v))
		for i, w := range v {
			words[i] = fmt.Sprint(w)
		}
		return kong.JoinEscaped(words, flag.Tag.Sep)
	case map[string]any:
		if flag.Tag.Type == "sections" {
			return v
		}
		var pairs []string
		for name, w := range v {
			pairs = append(pairs, name+"="+fmt.Sprint(w))
		}
		return kong.JoinEscaped(pairs, flag.Tag.MapSep)
	}
	if value == nil {
		return nil
	}
	return fmt.Sprint(value)
}

// decodeSections reads a setting with sections of options, all of them text. On
// a command line it is YAML or JSON.
func decodeSections(ctx *kong.DecodeContext, target reflect.Value) error {
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
	if err := yaml.Unmarshal([]byte(text), target.Addr().Interface()); err != nil {
		return errors.New("must be sections of options, all of them text")
	}
	return nil
}

// decodeRules reads a setting that is a list of rules. On a command line it is YAML or
// JSON. What a rule does not know is refused.
func decodeRules(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("rules")
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
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(target.Addr().Interface()); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("must be a list of rules with class, tenant, product_id, job, days and bytes: %w", err)
	}
	return nil
}
