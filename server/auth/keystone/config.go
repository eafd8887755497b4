package keystone

import "time"

// Config says which Keystone to ask, and as whom: a user with his project, or an
// application credential.
type Config struct {
	AuthURL                     string            `name:"auth-url" aliases:"keystone-url" placeholder:"URL" help:"Keystone that validates tokens in X-Auth-Token, such as https://keystone.example.org/v3."`
	Username                    string            `placeholder:"NAME" help:"Account that asks Keystone; it needs the role service or admin."`
	Password                    string            `placeholder:"TEXT" help:"Its password; better as SLIPWAY_KEYSTONE_PASSWORD."`
	UserDomain                  string            `default:"Default" help:"Domain of the account."`
	Project                     string            `default:"service" help:"Project of the account."`
	ProjectDomain               string            `default:"Default" help:"Domain of that project."`
	ApplicationCredentialID     string            `placeholder:"ID" help:"Application credential to use instead of a password."`
	ApplicationCredentialSecret string            `placeholder:"TEXT" help:"Its secret; better as SLIPWAY_KEYSTONE_APPLICATION_CREDENTIAL_SECRET."`
	WWWAuthenticateURI          string            `name:"www-authenticate-uri" placeholder:"URL" help:"Where clients get a token. Default: the URL above."`
	ServiceType                 string            `default:"test-lab" help:"What access rules of application credentials call this service."`
	CacheSeconds                int               `default:"60" min:"0" max:"60" help:"How long an answer of Keystone is believed; a revoked token works this much longer. 0: every token is asked for every time."`
	CAFile                      string            `name:"cafile" type:"path" placeholder:"FILE" help:"Certificates that may vouch for Keystone. Default: the system's."`
	Timeout                     time.Duration     `default:"10s" min:"10ms" help:"Limit of one question to Keystone, of which 3 s for the connection."`
	Ratelimit                   float64           `default:"50" min:"0" help:"Questions per second to Keystone; 0: no limit."`
	RoleMap                     map[string]string `placeholder:"ROLE=OURS" help:"Our roles for each Keystone role, several joined by a plus sign. Default: admin=admin;slipway_operator=operator;slipway_lab=lab;slipway_runner=runner;reader=reader;slipway_readonly=reader."`

	// Now is replaced by tests; nil is time.Now.
	Now func() time.Time `kong:"-"`
}

func (c *Config) cacheFor() time.Duration { return time.Duration(c.CacheSeconds) * time.Second }
