package demo

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
)

// cloud is a cloud whose runs the story tells.
type cloud struct {
	label, version string
	id             string
	runner         string
	every          time.Duration
	first          time.Duration // how long before the end its newest run began
	runs           int
	suite          []test
}

// timedOut is the failure that a known issue explains.
const timedOut = "SSHTimeout: Connection to 172.24.5.88 via SSH timed out. User: cirros"

// clouds tells of three clouds and their runs.
func (s *story) clouds() {
	private := &cloud{label: "private cloud", version: "2025.2", runner: "ci-runner-3", every: 24 * time.Hour, first: 102 * time.Minute, runs: 28, suite: s.tempest("private", 121)}
	private.suite[4].habit = habit{failing: last(1), message: "Timed out waiting for server to become VERIFY_RESIZE (196 s)"}
	private.suite[5].habit = habit{failing: last(1), message: `Details: {'code': 409, 'message': "Cannot 'rebuild' instance while it is in task_state resize_prep"}`}
	private.suite[9].habit = habit{failing: last(1), flaky: .2, message: "NotFound: Floating IP 172.24.5.113 not found"}
	for _, i := range []int{20, 21, 22, 23} {
		private.suite[i].habit = habit{failing: last(12), message: timedOut}
	}
	for _, i := range []int{40, 41} {
		private.suite[i].habit = habit{failing: []span{{6, 1}}, message: "BuildErrorException: Volume c1b9 failed to build and is in ERROR status"}
	}
	private.suite[60].habit = habit{flaky: .3, message: "AssertionError: 3 != 2 : ports are left of the test before"}
	private.suite[61].habit = habit{flaky: .12, message: "ConnectionResetError: [Errno 104] Connection reset by peer"}
	private.suite[80].habit = habit{broken: .15}
	private.suite[81].habit = habit{lost: last(1)}

	long := &cloud{label: "tempest-nightly-multinode-ovn-ipv6-only-with-a-long-name", version: "2026.1", runner: "ci-runner-3", every: 24 * time.Hour, first: 21 * time.Hour, runs: 28, suite: s.tempest("ovn", 310)}
	long.suite[33].habit = habit{failing: last(1), message: "RuntimeError: fe80::f816:3eff:fe2c:11 is not reachable"}
	for i := range 12 {
		long.suite[100+i].habit = habit{failing: []span{{4, 1}}, message: "ServiceUnavailable: The server is currently unavailable (503)"}
	}
	long.suite[200].habit = habit{flaky: .25, message: "TimeoutException: Network rbac policy is not gone"}

	east := &cloud{label: "東京 <b>staging</b> & \"edge\"", version: "2025.1", runner: "ランナー東", every: 84 * time.Hour, first: 30 * time.Hour, runs: 8, suite: s.strange()}
	for _, c := range []*cloud{private, long, east} {
		s.cloud(c)
	}
}

// areas are where tests of a cloud come from.
var areas = []string{
	"tempest.api.compute.servers.test_server_actions.ServerActionsTestJSON", "tempest.api.network.test_floating_ips.FloatingIPTestJSON",
	"tempest.scenario.test_network_v6.TestGettingAddress", "tempest.api.identity.v3.test_tokens.TokensV3Test",
	"tempest.api.volume.test_volumes_extend.VolumesExtendAttachedTest", "tempest.api.image.v2.test_images.BasicOperationsImagesTest",
	"tempest.api.object_storage.test_container_sync.ContainerSyncTest", "tempest.api.compute.volumes.test_attach_volume.AttachVolumeShelveTestJSON",
}

var verbs = []string{"create", "list", "show", "update", "delete", "resize", "rebuild", "attach", "detach", "validate"}

var things = []string{"server", "port", "subnet", "token", "snapshot", "image_member", "volume_backup", "keypair", "security_group_rule", "address_scope"}

// tempest makes a suite of n tests.
func (s *story) tempest(name string, n int) []test {
	draw := s.draw("suite " + name)
	suite := make([]test, n)
	for i := range suite {
		area := areas[i*len(areas)/n]
		title := fmt.Sprintf("test_%s_%s", verbs[i%len(verbs)], things[i/len(verbs)%len(things)])
		if i >= 100 {
			title += fmt.Sprintf("_%d", i/100)
		}
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(area+title))
		suite[i] = test{name: fmt.Sprintf("%s.%s[id-%s]", area, title, id), took: time.Duration(300+draw.IntN(40_000)) * time.Millisecond}
		suite[i].skip = draw.IntN(11) == 0
	}
	return suite
}

// strange is a suite whose names are not plain.
func (s *story) strange() []test {
	suite := s.tempest("east", 48)
	for i, name := range []string{
		"日本語.試験.ログイン画面.正しい合言葉で入れる", "日本語.試験.ログイン画面.空の合言葉は断られる", `ui.render.<script>alert("x")</script>`,
		`ui.render.<b>bold</b>&amp;"quotes" 'single'`, "ui.render.a/very/deep/path/that/goes/on/and/on/without/any/blank/in/it/" + fmt.Sprintf("%0120d", 7),
		"emoji.👩‍🔬.☕", "rtl.שלום.مرحبا",
	} {
		suite[i].name, suite[i].skip = name, false
	}
	suite[1].failing, suite[1].message = last(2), "期待: 断られる、実際: <b>入れた</b>"
	suite[2].failing, suite[2].message = last(1), `expected "<b>" & got "&lt;b&gt;"`
	suite[5].flaky = .3
	return suite
}

// cloud tells of one cloud.
func (s *story) cloud(c *cloud) {
	s.at(s.ago(s.whole()-time.Minute), func(ctx context.Context) error {
		made, err := s.json(ctx, s.tokens["ada"], "POST", "/v1/clouds", object{
			"label": c.label, "version": c.version, "endpoint": "http://198.51.100.7:5000/v2.0", "endpoint_v3": "http://198.51.100.7:5000/v3",
			"admin_endpoint": "http://198.51.100.7:35357/v2.0", "test_user": "demo", "admin_user": "admin", "alt_user": "alt_demo", "architecture": "x86_64",
		})
		c.id = text(made, "id")
		s.count("clouds", 1)
		return err
	})
	for back := range c.runs {
		began := s.ago(c.first + time.Duration(back)*c.every + time.Duration(back*7%40)*time.Minute)
		s.at(began, func(ctx context.Context) error { return s.run(ctx, c, back) })
	}
	if c.runner == "ci-runner-3" && c.version == "2025.2" {
		s.at(s.ago(50*time.Hour), func(ctx context.Context) error { return s.crashed(ctx, c) })
		s.at(s.ago(17*time.Minute), func(ctx context.Context) error { return s.running(ctx, c) })
	}
}

// newRun makes a run and says that it has begun.
func (s *story) newRun(ctx context.Context, c *cloud) (id string, err error) {
	made, err := s.json(ctx, s.tokens[c.runner], "POST", "/v1/runs", object{"cloud_id": number(c.id), "name": "nightly"})
	if err != nil {
		return "", err
	}
	s.count("runs", 1)
	id = text(made, "test_id")
	return id, s.status(ctx, c, id, "environment set up, tests begin", false)
}

func (s *story) status(ctx context.Context, c *cloud, id, message string, finished bool) error {
	form := url.Values{"status": {message}}
	if finished {
		form.Set("finished", "true")
	}
	_, err := s.send(ctx, s.tokens[c.runner], "POST", "/v1/update-test-status/"+id, "application/x-www-form-urlencoded", []byte(form.Encode()))
	return err
}

// run tells of one run: it begins, it sends its result after a while, it ends. The
// night before the last one was cut short, and the newest ran twice.
func (s *story) run(ctx context.Context, c *cloud, back int) error {
	id, err := s.newRun(ctx, c)
	if err != nil {
		return err
	}
	out := &stream{at: s.clock.Now()}
	draw := s.draw(fmt.Sprint(c.label, back))
	for i := range c.suite {
		out.write(&c.suite[i], back, draw)
	}
	if c.runner != "ci-runner-3" && back == 0 {
		out.begin("ui.render.画面")
		out.end("ui.render.画面", failed, 2*time.Second, screenshot(), traceback(&c.suite[1]))
	}
	content := out.Bytes()
	damaged := c.version == "2026.1" && back == 2
	if damaged {
		content = content[:len(content)*3/5]
	}
	length := min(time.Duration(len(c.suite))*48*time.Second, 97*time.Minute)
	s.at(s.clock.Now().Add(length), func(ctx context.Context) error {
		if back == 0 && c.version == "2025.2" { // the first attempt was not finished
			if err := s.result(ctx, c, id, content[:len(content)/2], ""); err != nil {
				return err
			}
		}
		if err := s.result(ctx, c, id, content, ""); err != nil {
			return err
		}
		if damaged {
			s.count("damaged results", 1)
		}
		if err := s.status(ctx, c, id, "tests ended", true); err != nil {
			return err
		}
		return s.settle(ctx)
	})
	return nil
}

func (s *story) result(ctx context.Context, c *cloud, id string, content []byte, more string) error {
	_, err := s.send(ctx, s.tokens[c.runner], "POST", "/v1/post-result?test_id="+id+more, "application/octet-stream", content)
	s.count("results", 1)
	return err
}

// crashed tells of a run that nobody heard of again.
func (s *story) crashed(ctx context.Context, c *cloud) error {
	id, err := s.newRun(ctx, c)
	if err != nil {
		return err
	}
	return s.status(ctx, c, id, "setUpClass (tempest.api.compute.servers): worker 2 does not answer, restarting it", false)
}

// running tells of a run that is under way at the end.
func (s *story) running(ctx context.Context, c *cloud) error {
	id, err := s.newRun(ctx, c)
	if err != nil {
		return err
	}
	for n, message := range []string{"12 of 121 tests", "31 of 121 tests", "58 of 121 tests"} {
		s.at(s.ago(time.Duration(12-5*n)*time.Minute), func(ctx context.Context) error { return s.status(ctx, c, id, message, false) })
	}
	return nil
}
