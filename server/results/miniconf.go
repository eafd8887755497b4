package results

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// sections are options by section and key. All of them are text, because the
// runner of 2014 puts them into a ConfigParser, which takes nothing else
// (refstack/tools/execute_test/execute_test, merge_to_sample_conf).
type sections map[string]map[string]string

// set writes one option; an empty value is not known and left out, since null
// would stop the runner.
func (s sections) set(section, key, value string) {
	if value == "" {
		return
	}
	if s[section] == nil {
		s[section] = map[string]string{}
	}
	s[section][key] = value
}

func (s sections) merge(layer map[string]map[string]string) {
	for section, options := range layer {
		for key, value := range options {
			s.set(section, key, value)
		}
	}
}

// miniconf builds the configuration for a run on a cloud, which may be nil, with
// the cloud's further options. It
// is made anew for each call: the original merged into one dictionary for all,
// and the settings of one cloud leaked into the next answer
// (refstack/tools/tempest_tester.py).
func miniconf(server, extra map[string]map[string]string, cloud *resultstore.Cloud) sections {
	s := sections{
		"compute": {
			"image_ssh_user": "root", "image_ssh_password": "password",
			"image_alt_ssh_user": "root", "image_alt_ssh_password": "password",
		},
		"cli": {"enabled": "False"},
	}
	s.merge(server)
	if cloud == nil {
		return s
	}
	s.set("identity", "uri", cloud.Endpoint)
	s.set("identity", "uri_v3", cloud.EndpointV3)
	s.set("identity", "username", cloud.TestUser)
	s.set("identity", "alt_username", altUser(cloud))
	s.set("identity", "admin_username", cloud.AdminUser)
	s.merge(extra)
	return s
}

func altUser(c *resultstore.Cloud) string {
	if c.AltUser != "" {
		return c.AltUser
	}
	return c.TestUser
}

// withhold takes away what of a cloud's options is secret, whichever layer it came
// from: a runner that got the server's value instead would test with it.
func (s sections) withhold(o *options) {
	for section, own := range s {
		for key := range own {
			if o.withheld(section, key) {
				delete(own, key)
			}
		}
		if len(own) == 0 {
			delete(s, section)
		}
	}
}

// oneLine renders the sections as the runner reads them: it parses the first
// line only, and a single % would be an interpolation to it.
func (s sections) oneLine() ([]byte, error) {
	doubled := make(map[string]map[string]string, len(s))
	for section, options := range s {
		doubled[section] = make(map[string]string, len(options))
		for key, value := range options {
			doubled[section][key] = strings.ReplaceAll(value, "%", "%%")
		}
	}
	return json.Marshal(doubled)
}

// GetMiniconf answers the configuration of a run in one line.
func (h *Handler) GetMiniconf(ctx context.Context, req resultsapi.GetMiniconfRequestObject) (resultsapi.Response, error) {
	run, err := h.namedRun(ctx)
	if err != nil {
		return nil, err
	}
	var cloud *resultstore.Cloud
	more := &options{}
	if run.CloudID != nil {
		// Who sees the run sees its cloud: it is of the same tenant, or of none.
		if cloud, err = h.store.Cloud(ctx, store.Everything, *run.CloudID); err != nil {
			return nil, err
		}
		if more, err = h.optionsOf(cloud); err != nil {
			return nil, err
		}
	}
	conf := miniconf(h.config.TempestConfig, more.config, cloud)
	if auth.From(ctx).Anonymous() {
		conf.withhold(more)
	}
	line, err := conf.oneLine()
	if err != nil {
		return nil, err
	}
	return attachment("miniconf.json", line), nil
}

// attachment is a line of JSON that a browser saves under a name, which the
// original wrote without quotes.
func attachment(name string, line []byte) *call.Answer {
	return call.Text(http.StatusOK, "application/json", append(line, '\n')).With("Content-Disposition", "attachment; filename="+name)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
