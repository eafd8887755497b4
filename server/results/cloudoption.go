package results

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// options are the further options of a cloud's miniconf, and which of them are
// secret beside those whose name says so.
type options struct {
	config map[string]map[string]string
	secret []string // option, or section.option
}

// stars stand where a secret is not shown.
const stars = "********"

// secretWords in the name of an option say that it is secret.
var secretWords = []string{"password", "secret", "token", "key"}

// isSecret reports whether an option is: by a word of its name, or because it is
// listed. The runner's ConfigParser knows no case, so there is none here.
func (o *options) isSecret(section, option string) bool {
	words := strings.FieldsFunc(strings.ToLower(option), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(secretWords, w) }) || o.listed(section, option)
}

func (o *options) listed(section, option string) bool {
	return slices.ContainsFunc(o.secret, func(entry string) bool {
		return sameName(entry, option) || sameName(entry, strings.TrimSpace(section)+"."+strings.TrimSpace(option))
	})
}

// withheld reports whether strangers do not get an option of a miniconf, whatever
// layer it comes from: the cloud lists it, or has a secret one of that name.
func (o *options) withheld(section, option string) bool {
	if o.listed(section, option) {
		return true
	}
	for s, own := range o.config {
		for name := range own {
			if sameName(s, section) && sameName(name, option) && o.isSecret(s, name) {
				return true
			}
		}
	}
	return false
}

func sameName(a, b string) bool { return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) }

// sealedOptions is the name under which they are sealed.
const sealedOptions = "extra_config"

// optionsOf returns the options of a stored cloud, secrets included.
func (h *Handler) optionsOf(c *resultstore.Cloud) (*options, error) {
	o := &options{config: map[string]map[string]string{}}
	var hidden map[string]map[string]string
	for text, into := range map[*store.JSON]any{&c.ExtraConfig: &o.config, &c.SecretOptions: &o.secret} {
		if *text == nil {
			continue
		}
		if err := json.Unmarshal(*text, into); err != nil {
			return nil, fmt.Errorf("extra_config of cloud %d: %w", c.ID, err)
		}
	}
	if c.Secrets == nil {
		return o, nil
	}
	text, err := h.box.Open(sealedOptions, c.Secrets)
	if err == nil {
		err = json.Unmarshal(text, &hidden)
	}
	if err != nil {
		return nil, fmt.Errorf("secret options of cloud %d: %w", c.ID, err)
	}
	for section, own := range hidden {
		if o.config[section] == nil {
			o.config[section] = map[string]string{}
		}
		for option, value := range own {
			o.config[section][option] = value
		}
	}
	return o, nil
}

// setConfig puts options into a cloud in the place of all that it had. Stars that
// come back from somebody who was shown no more leave the value as it was.
func (h *Handler) setConfig(c *resultstore.Cloud, config map[string]map[string]string, secret []string) error {
	old, err := h.optionsOf(c)
	if err != nil {
		return err
	}
	for i, entry := range secret {
		if strings.TrimSpace(entry) == "" || strings.ContainsRune(entry, 0) {
			return fault.InvalidBody(fmt.Sprintf("/secret_options/%d", i), "must be an option or section.option, and not hold U+0000")
		}
	}
	for section, own := range config {
		if err := checkNames(section, own); err != nil {
			return err
		}
		for option, value := range own {
			kept, known := old.config[section][option]
			if value == stars && !known {
				return fault.InvalidBody("/extra_config/"+pointerText(section)+"/"+pointerText(option), "must be a value: the stars stand for a secret that is stored already, and none is")
			}
			if value == stars {
				own[option] = kept
			}
		}
	}
	return h.storeOptions(c, &options{config, secret})
}

// patchConfig sets what the body names of the options.
func (h *Handler) patchConfig(c *resultstore.Cloud, in *resultsapi.CloudPatch) error {
	if !in.ExtraConfig.IsSpecified() && !in.SecretOptions.IsSpecified() {
		return nil
	}
	now, err := h.optionsOf(c)
	if err != nil {
		return err
	}
	if in.ExtraConfig.IsSpecified() {
		now.config = orNone(in.ExtraConfig)
	}
	if in.SecretOptions.IsSpecified() {
		now.secret = orNone(in.SecretOptions)
	}
	return h.setConfig(c, now.config, now.secret)
}

// storeOptions keeps secrets apart from the others, sealed.
func (h *Handler) storeOptions(c *resultstore.Cloud, o *options) error {
	plain, hidden := map[string]map[string]string{}, map[string]map[string]string{}
	for section, own := range o.config {
		plain[section] = map[string]string{}
		for option, value := range own {
			into := plain
			if o.isSecret(section, option) {
				into = hidden
			}
			if into[section] == nil {
				into[section] = map[string]string{}
			}
			into[section][option] = value
		}
	}
	c.ExtraConfig, c.SecretOptions, c.Secrets = nil, nil, nil
	var err error
	if len(o.config) > 0 {
		c.ExtraConfig, err = json.Marshal(plain)
	}
	if len(o.secret) > 0 && err == nil {
		c.SecretOptions, err = json.Marshal(o.secret)
	}
	if len(hidden) > 0 && err == nil {
		var text []byte
		text, err = json.Marshal(hidden)
		c.Secrets = h.box.Seal(sealedOptions, text)
	}
	return err
}

// shownConfig is what the caller may see of a cloud's options: below operator the
// secrets are stars.
func (h *Handler) shownConfig(ctx context.Context, c *resultstore.Cloud) (map[string]map[string]string, []string, error) {
	o, err := h.optionsOf(c)
	if err != nil {
		return nil, nil, err
	}
	if who := auth.From(ctx); !who.Is(auth.Operator) && !who.Is(auth.Admin) {
		for section, own := range o.config {
			for option := range own {
				if o.isSecret(section, option) {
					own[option] = stars
				}
			}
		}
	}
	return o.config, append([]string{}, o.secret...), nil
}
