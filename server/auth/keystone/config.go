package keystone

import "time"

// Config says which Keystone to ask, and as whom: a user with his project, or an
// application credential.
type Config struct {
	AuthURL                     string            `name:"auth-url" aliases:"keystone-url" placeholder:"URL" help:"Keystone that validates tokens in X-Auth-Token, such as https://keystone.example.org/v3."`
	Username                    string            `placeholder:"NAME" help:"User with which the server asks Keystone; it needs the role service or admin."`
	Password                    string            `placeholder:"TEXT" help:"Password of that user; better set as SLIPWAY_KEYSTONE_PASSWORD."`
	UserDomain                  string            `default:"Default" help:"Domain of that user."`
	Project                     string            `default:"service" help:"Project of that user."`
	ProjectDomain               string            `default:"Default" help:"Domain of that project."`
	ApplicationCredentialID     string            `placeholder:"ID" help:"Application credential to use instead of a password."`
	ApplicationCredentialSecret string            `placeholder:"TEXT" help:"Secret of the application credential; better set as SLIPWAY_KEYSTONE_APPLICATION_CREDENTIAL_SECRET."`
	WWWAuthenticateURI          string            `name:"www-authenticate-uri" placeholder:"URL" help:"Address at which clients get a token. Default: --keystone-auth-url."`
	ServiceType                 string            `default:"test-lab" help:"Type by which access rules of application credentials name this service."`
	CacheSeconds                int               `default:"60" min:"0" max:"60" help:"How many seconds an answer of Keystone is reused; a revoked token works that much longer. 0: Keystone is asked each time."`
	CAFile                      string            `name:"cafile" type:"path" placeholder:"FILE" help:"File of certificate authorities for Keystone's certificate. Default: the system's."`
	Timeout                     time.Duration     `default:"10s" min:"10ms" help:"How long one question to Keystone may take, of which 3s to connect."`
	Ratelimit                   float64           `default:"50" min:"0" help:"Limit of questions to Keystone per second; 0: no limit."`
	RoleMap                     map[string]string `placeholder:"ROLE=OURS" help:"Slipway's roles for each Keystone role, several joined by a plus sign. Default: admin=admin;slipway_operator=operator;slipway_lab=lab;slipway_machine=machine;slipway_runner=runner;reader=reader;slipway_readonly=reader."`

	// Now is replaced by tests; nil is time.Now.
	Now func() time.Time `kong:"-"`
}

func (c *Config) cacheFor() time.Duration { return time.Duration(c.CacheSeconds) * time.Second }
