package edge

import (
	"fmt"
	"net/http"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// sites is what keeps the pages of other sites from writing where nobody logs in:
// a browser on this machine would send their requests, and that it sends them is
// then all that a caller needs. Nil where a request needs a credential, which no
// browser adds by itself.
func sites(c Config) (*http.CrossOriginProtection, error) {
	if !c.Auth.Open() {
		return nil, nil
	}
	p := http.NewCrossOriginProtection()
	for _, origin := range c.CORSOrigins {
		if err := p.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("--cors-origins: %w", err)
		}
	}
	return p, nil
}

// sameSite refuses a write that a page of another site has a browser send.
func (s *Stack) sameSite(r *http.Request) error {
	if s.sites == nil {
		return nil
	}
	if err := s.sites.Check(r); err != nil {
		return fault.New(http.StatusForbidden, "cross-site",
			"nobody logs in here, so pages of other sites may not write; --cors-origins names those that may").Because(err)
	}
	return nil
}
