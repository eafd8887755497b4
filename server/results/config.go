package results

import (
	"fmt"
	"regexp"

	"github.com/slipway-lab/slipway/server/edge/intake"
)

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	RequireToken  bool                         `xor:"refstack-strangers" help:"Refuse calls of RefStack's runners and clients without a credential, on a loopback address as well. A signature with a registered key counts as one."`
	Anonymous     bool                         `xor:"refstack-strangers" help:"Take calls of RefStack's runners and clients without a credential from other machines, too. Default: only while the server listens on a loopback address and trusts no proxy."`
	OneResult     bool                         `help:"Refuse a second, different result of a run with 409. Default: store it as a further attempt."`
	TempestConfig map[string]map[string]string `type:"sections" placeholder:"SECTIONS" help:"Sections of options that every miniconf contains, also those that strangers get; best set in the configuration file."`
	Testcases     []string                     `default:"tempest" help:"The list of tests that get-testcases answers."`

	// Limits bounds what one upload may cost.
	Limits intake.Limits `kong:"-"`

	// Strangers bounds uploads without a credential; nil where there are none.
	Strangers *intake.Strangers `kong:"-"`

	// Pepper is the server secret: the tokens of runs are hashed under it, and the
	// secrets of clouds encrypted.
	Pepper []byte `kong:"-"`
}

// testcaseText is what may stand in a list of testcases: the runner of 2014
// puts each entry into a shell command.
var testcaseText = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Validate refuses testcases that a runner's shell would not take as one word.
func (c Config) Validate() error {
	for _, t := range c.Testcases {
		if !testcaseText.MatchString(t) {
			return fmt.Errorf("--refstack-testcases: %q must consist of letters, digits, '.', '_' and '-'", t)
		}
	}
	return nil
}
