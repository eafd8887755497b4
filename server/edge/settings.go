package edge

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/call"
)

// Settings say how requests come in: under which names and over which
// proxies, how large, how slow and how often.
type Settings struct {
	PublicURL      string   `name:"public-url" placeholder:"URL" help:"The address at which clients reach the server. Default: what the Host header says."`
	TrustedProxies []string `placeholder:"NETWORK" help:"Proxies whose Forwarded and X-Forwarded-* headers count. Default: none."`
	ProxyHeader    string   `placeholder:"NAME" help:"The header in which trusted proxies name the client, Forwarded or X-Forwarded-For (and X-Forwarded-Proto, -Host, -Port, -Prefix with it); the other is ignored. Default: either, but neither when both are there and differ."`
	AllowedHosts   []string `placeholder:"NAME" help:"Names in the Host header that the server accepts. Default: any."`
	CORSOrigins    []string `name:"cors-origins" placeholder:"ORIGIN" help:"Origins of web pages that may call the API. Default: none."`
	RequireTLS     bool     `name:"require-tls" help:"Refuse plain HTTP from other machines, unless a trusted proxy says that the client came over TLS."`

	MaxBody        int64         `default:"1048576" min:"1" help:"Limit of a JSON or form body in bytes."`
	MaxHeader      int           `default:"65536" min:"4096" max:"1048576" help:"Limit of a request's header in bytes."`
	MinFree        int64         `default:"1073741824" min:"0" help:"Free space in bytes below which nothing new is stored (507), while reading and deleting go on; --min-free-percent counts if it is less. 0: no limit."`
	MinFreePercent float64       `default:"5" min:"0" max:"100" help:"The same in percent of the file system; what is less counts. 0: no limit."`
	StallTimeout   time.Duration `default:"60s" min:"100ms" help:"How long a client may take to send or receive the next piece of a body; its wait for the server has no limit."`

	Ratelimit   Ratelimit   `embed:"" prefix:"ratelimit-"`
	Idempotency Idempotency `embed:"" prefix:"idempotency-"`
	Audit       AuditConfig `embed:"" prefix:"audit-"`
}

// Ratelimit bounds how often callers may call. Nobody on the same machine is
// ever limited.
type Ratelimit struct {
	Anonymous       float64 `default:"200" min:"0" help:"Limit of requests per second from one address without a credential; 0: no limit."`
	Burst           int     `default:"1000" min:"1" help:"How many of these may come at once."`
	FailedLogins    float64 `default:"20" min:"0" help:"Limit of failed logins per minute from one address; 0: no limit."`
	Credential      float64 `default:"0" min:"0" help:"Limit of requests per second with one valid credential; 0: no limit."`
	CredentialBurst int     `default:"100" min:"1" help:"How many of these may come at once."`
}

// Idempotency says how long an Idempotency-Key counts. Age is always longer than Lost,
// so that no claim is forgotten whose request may still be at work.
type Idempotency struct {
	Age  time.Duration `default:"24h" min:"1h" max:"8760h" help:"How long the answer to an Idempotency-Key is kept: a request that is sent again later is done again."`
	Wait time.Duration `default:"10s" min:"0s" max:"5m" help:"How long a second request under an Idempotency-Key waits for the first, which is still at work, before it is refused (409); 0: it is refused at once."`
	Lost time.Duration `default:"2m" min:"10s" max:"30m" help:"After how long a request under an Idempotency-Key that has not ended counts as lost with its server. It must be longer than any such request takes."`
}

// AuditConfig says where the audit log goes, beside the store.
type AuditConfig struct {
	Stdout        bool `default:"true" negatable:"" help:"Write the audit log to standard output as well, one line of JSON for each entry, unless that is a terminal."`
	RetentionDays int  `default:"400" min:"0" max:"36500" help:"How many days the audit log is kept; 0: no limit."`
}

// Validate refuses addresses that are none.
func (c Settings) Validate() error {
	_, err := c.Resolver()
	for _, origin := range c.CORSOrigins {
		u, bad := url.Parse(origin)
		if bad != nil || !isWeb(u) || origin != u.Scheme+"://"+u.Host {
			err = errors.Join(err, fmt.Errorf("--cors-origins: %q must be like https://lab.example.org, without a path", origin))
		}
	}
	return err
}

// Resolver returns what finds out how a client reached the server, or which
// setting names no address.
func (c Settings) Resolver() (call.Resolver, error) {
	r := call.Resolver{AllowedHosts: c.AllowedHosts}
	for _, n := range c.TrustedProxies {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, err := netip.ParseAddr(n)
			if err != nil {
				return r, fmt.Errorf("--trusted-proxies: %q must be an address or a network such as 10.0.0.0/8", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		r.Trusted = append(r.Trusted, p)
	}
	switch strings.ToLower(c.ProxyHeader) {
	case "":
	case strings.ToLower(call.HeaderForwarded):
		r.Header = call.HeaderForwarded
	case strings.ToLower(call.HeaderXForwarded):
		r.Header = call.HeaderXForwarded
	default:
		return r, fmt.Errorf("--proxy-header: %q must be %s or %s", c.ProxyHeader, call.HeaderForwarded, call.HeaderXForwarded)
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || !isWeb(u) {
			return r, fmt.Errorf("--public-url: %q must be like https://lab.example.org", c.PublicURL)
		}
		r.Public = u
	}
	return r, nil
}

func isWeb(u *url.URL) bool { return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") }
