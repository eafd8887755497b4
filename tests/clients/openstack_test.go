package clients

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// pythonClients are what testdata/keystone_client.py can run, as Debian has them.
var pythonClients = []string{"keystoneauth1", "barbicanclient", "openstackclient", "openstack"}

// runPython runs one of them with settings of its own.
func runPython(t *testing.T, module string, env ...string) {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import "+module).Run(); err != nil {
		t.Skipf("%s has no %s: apt-get install python3-keystoneauth1 python3-barbicanclient python3-openstackclient python3-openstacksdk", python, module)
	}
	ctx, cancel := context.WithTimeout(t.Context(), await.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "testdata/keystone_client.py", module)
	cmd.Env = append(append(os.Environ(), "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1", "PYTHONWARNINGS=ignore"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", module, err, out)
	}
}

// TestKeystoneauth runs keystoneauth, openstackclient, openstacksdk and
// barbicanclient.
func TestKeystoneauth(t *testing.T) {
	c := realKeystone(t)
	for _, module := range pythonClients {
		t.Run(module, func(t *testing.T) {
			c.serve(t)
			runPython(t, module, "OS_AUTH_TYPE=password", "OS_AUTH_URL="+c.authURL, "OS_USERNAME=lab-runner", "OS_PASSWORD="+os.Getenv("KEYSTONE_USER_PASSWORD"),
				"OS_PROJECT_NAME=lab-a", "OS_USER_DOMAIN_ID=default", "OS_PROJECT_DOMAIN_ID=default", "OS_IDENTITY_API_VERSION=3",
				"OS_REGION_NAME=RegionOne", "OS_INTERFACE=public")
		})
	}
}

// TestFixedToken: without a Keystone the same clients take one of our tokens.
// openstackclient finds services by a catalogue only.
func TestFixedToken(t *testing.T) {
	t.Parallel()

	for _, module := range pythonClients {
		if module == "openstackclient" {
			continue
		}
		t.Run(module, func(t *testing.T) {
			t.Parallel()

			s := servertest.New(t)
			runPython(t, module, "OS_AUTH_TYPE=admin_token", "OS_ENDPOINT="+s.URL+"/", "OS_TOKEN="+s.Token(auth.Reader))
		})
	}
	t.Run("gophercloud", func(t *testing.T) {
		t.Parallel()

		s := servertest.New(t)
		p := &gophercloud.ProviderClient{IdentityBase: s.URL + "/", IdentityEndpoint: s.URL + "/"}
		p.SetToken(s.Token(auth.Reader))
		chosen, base, err := utils.ChooseVersion(t.Context(), p, []*utils.Version{{ID: "v1.0", Priority: 10, Suffix: "/v1/"}})
		if err != nil || chosen.ID != "v1.0" {
			t.Fatalf("ChooseVersion: %+v, %v", chosen, err)
		}
		var list struct{ Runs []any }
		service := &gophercloud.ServiceClient{ProviderClient: p, Endpoint: base, Type: "test-lab"}
		resp, err := service.Get(t.Context(), service.ServiceURL("runs"), &list, nil)
		if err != nil || list.Runs == nil {
			t.Fatalf("GET runs: %+v, %v", list, err)
		}
		_ = resp.Body.Close()
	})
}
