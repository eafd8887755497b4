package retention

import (
	"fmt"
	"time"

	retentionstore "github.com/slipway-lab/slipway/store/retention"
)

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	Every time.Duration         `default:"24h" min:"0s" max:"8784h" help:"How often what has expired by the rules is removed; 0: only when somebody asks for it."`
	Rules []retentionstore.Rule `type:"rules" placeholder:"RULES" help:"Rules that say how long things are kept, a list of class, tenant, product_id, job, days and bytes; best set in the configuration file. Those that are set with PUT /v1/retention count before them."`

	// Defaults are what other settings say of their classes: it holds where no rule says
	// something else.
	Defaults []retentionstore.Rule `kong:"-"`
}

// Validate refuses rules that mean nothing.
func (c Config) Validate() error {
	for i := range c.Rules {
		r := &c.Rules[i]
		if wrong := r.Check(); wrong != nil {
			return fmt.Errorf("--retention-rules: rule %d: %s %s", i+1, wrong.Field, wrong.Says)
		}
		for j := range i {
			if r.Same(&c.Rules[j]) {
				return fmt.Errorf("--retention-rules: rule %d is about the same as rule %d", i+1, j+1)
			}
		}
	}
	return nil
}

// given are the rules of the file and of settings.
func (c Config) given() []retentionstore.Rule {
	var list []retentionstore.Rule
	for _, r := range c.Rules {
		r.Source = retentionstore.File
		list = append(list, r)
	}
	for _, r := range c.Defaults {
		r.Source = retentionstore.Default
		list = append(list, r)
	}
	return list
}

// DaysRule is the rule of a setting that counts days; 0 is for ever.
func DaysRule(class string, days int) retentionstore.Rule {
	r := retentionstore.Rule{Class: class}
	if days > 0 {
		n := int64(days)
		r.Days = &n
	}
	return r
}
