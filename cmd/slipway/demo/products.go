package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// product is a product with its specs and the images that were advertised.
type product struct {
	name, release, channel string
	id                     string
	specs                  []spec
	images                 int
	every, first           time.Duration
	backs                  map[string]int // how many images back one is, by its id
}

// spec is a test spec and how its tests behave.
type spec struct {
	name, platform string
	usual          time.Duration
	days           int // in the queue at most; 0: as the server likes
	suite          []test
	habit
}

// agent is an agent at work.
type agent struct {
	id, platform, group string
	until               time.Duration // before the end it falls silent; 0: never
	loses               int           // attempts of which it never speaks again
	at                  *job          // what it works on; nil: it is idle
}

func (s *story) products() {
	core := &product{name: "pc-kernel", release: "22", channel: "22/edge", images: 20, every: 30 * time.Hour, first: 20 * time.Minute, specs: []spec{
		{name: "kernel-snap-boot", platform: "rpi4b", usual: 28 * time.Minute, habit: habit{failing: last(2)}},
		{name: "snapd-refresh", platform: "x1-nano", usual: 14 * time.Minute, habit: habit{flaky: .15}},
		{name: "uc22-install", platform: "nuc11", usual: 9 * time.Minute},
		{name: "network-manager", platform: "nuc11", usual: 11 * time.Minute, suite: s.network()},
		{name: "日本語ロケール", platform: "vm-amd64", usual: 6 * time.Minute, habit: habit{failing: []span{{9, 4}}}},
		{name: "<b>disk</b>-encryption & TPM", platform: "vm-amd64", usual: 8 * time.Minute, habit: habit{broken: .12}},
		{name: "armhf-boot", platform: "armhf", days: 2},
	}}
	desktop := &product{name: "core-desktop", release: "24", channel: "24/beta", images: 12, every: 50 * time.Hour, first: 26 * time.Hour, specs: []spec{
		{name: "login-screen", platform: "vm-amd64", usual: 7 * time.Minute, habit: habit{failing: []span{{7, 6}, {2, 2}}}},
		{name: "suspend-resume", platform: "nuc11", usual: 21 * time.Minute, habit: habit{flaky: .2}},
		{name: "wifi-roaming", platform: "rpi5", usual: 16 * time.Minute, habit: habit{skip: true}},
	}}
	for _, p := range []*product{core, desktop} {
		p.backs = map[string]int{}
		s.product(p)
	}
	for _, a := range []*agent{
		{id: "lab2-rpi-03", platform: "rpi4b", group: "lab2"}, {id: "lab2-rpi-05", platform: "rpi5", group: "lab2", loses: 2},
		{id: "lab1-x1-07", platform: "x1-nano", group: "lab1", until: 3 * time.Hour}, {id: "lab3-nuc-01", platform: "nuc11", group: "lab3"},
		{id: "vm-01", platform: "vm-amd64", group: "vms"}, {id: "vm-02", platform: "vm-amd64", group: "vms"},
		{id: "試験機-07 <i>", platform: "arm64-bench", group: "lab4"},
	} {
		s.agent(a, []*product{core, desktop})
	}
	s.at(s.ago(90*time.Second), func(ctx context.Context) error { return s.cancelOne(ctx, core) })
}

// network is the suite of a spec that has a file.
func (s *story) network() []test {
	suite := s.tempest("network", 24)
	for i := range suite {
		suite[i].name = fmt.Sprintf("nm.connection.%s_%s", verbs[i%len(verbs)], things[i/len(verbs)])
		suite[i].took /= 10
	}
	suite[3].habit = habit{failing: last(2), message: "Error: Connection activation failed: no suitable device"}
	suite[7].habit = habit{flaky: .3, message: "Error: Timeout expired (90 seconds)"}
	return suite
}

// product tells of a product from its beginning.
func (s *story) product(p *product) {
	s.at(s.ago(s.whole()-3*time.Minute), func(ctx context.Context) error {
		made, err := s.json(ctx, s.tokens["ada"], "POST", "/v1/products", object{"name": p.name, "release": p.release, "snaps": []string{p.name + ".canonical", "snapd.canonical"}})
		if err != nil {
			return err
		}
		p.id = text(made, "id")
		s.count("products", 1)
		for _, one := range p.specs {
			body := object{"name": one.name, "platform": one.platform, "test_payload": object{"test_cmds": []string{"./run " + one.name}}, "max_attempts": 2, "triggers": []string{"image"}}
			if one.days > 0 {
				body["queue_ttl_seconds"] = one.days * 24 * 3600
			}
			if _, err := s.json(ctx, s.tokens["ada"], "POST", "/v1/products/"+p.id+"/testspecs", body); err != nil {
				return err
			}
			s.count("test specs", 1)
		}
		return nil
	})
	for back := range p.images {
		when := s.ago(p.first + time.Duration(back)*p.every)
		s.at(when, func(ctx context.Context) error {
			image := fmt.Sprintf("%s-%s-%s.%d", p.name, p.release, when.UTC().Format("20060102"), 1+back%2)
			p.backs[image] = back
			made, err := s.json(ctx, s.tokens["grace"], "POST", "/v1/products/"+p.id+"/images", object{
				"image_unique_id": image, "extra_snaps": []any{}, "channel": p.channel, "image_reference": "https://images.example.org/" + image + ".img.xz",
			})
			if err != nil {
				return err
			}
			ids, _ := made["ids"].([]any)
			s.count("images", 1)
			s.count("opportunities", len(ids))
			return nil
		})
		s.at(when.Add(50*time.Minute), s.settle)
	}
	s.at(s.ago(8*24*time.Hour), func(ctx context.Context) error {
		_, err := s.json(ctx, s.tokens["grace"], "POST", "/v1/products/"+p.id+"/gold-masters", object{"snaps": []object{{"name": p.name + ".canonical", "revision": 1077}}, "channel": strings.Split(p.channel, "/")[0] + "/stable"})
		return err
	})
}

// agent tells of an agent: it registers, and asks for work whenever something may
// wait, and at the end.
func (s *story) agent(a *agent, products []*product) {
	path := "/v1/agents/" + url.PathEscape(a.id)
	register := func(ago, silence time.Duration) {
		s.at(s.ago(ago), func(ctx context.Context) error {
			_, err := s.json(ctx, s.tokens["agents"], "PUT", path, object{
				"platform": a.platform, "agent_group": a.group, "agent_revno": "197", "capacity": 1, "silence_seconds": int(silence / time.Second), "labels": object{"place": "rack " + a.group},
			})
			return err
		})
	}
	s.count("agents", 1)
	register(s.whole()-4*time.Minute, stays) // so that a demo looks the same in an hour
	if a.until > 0 {
		register(a.until+5*time.Minute, 2*time.Minute)
	}
	for _, p := range products {
		if !p.has(a.platform) {
			continue
		}
		for back := range p.images {
			s.at(s.ago(p.first+time.Duration(back)*p.every-3*time.Minute), func(ctx context.Context) error { return s.pick(ctx, a, path, products) })
		}
	}
	s.at(s.ago(40*time.Second), func(ctx context.Context) error { return s.pick(ctx, a, path, products) })
}

func (p *product) has(platform string) bool {
	for i := range p.specs {
		if p.specs[i].platform == platform {
			return true
		}
	}
	return false
}

// pick lets an agent ask for work, do it, and ask again.
func (s *story) pick(ctx context.Context, a *agent, path string, products []*product) error {
	if a.until > 0 && s.clock.Now().After(s.ago(a.until)) {
		return nil
	}
	if a.at != nil {
		return s.beat(ctx, a, path)
	}
	lease := int(stays / time.Second)
	if a.loses > 0 {
		lease = 300
	}
	got, err := s.json(ctx, s.tokens["agents"], "POST", path+"/pick", object{"lease_seconds": lease})
	if err != nil || got == nil {
		return err
	}
	if a.loses > 0 { // the work is begun and nobody hears of it again
		a.loses--
		s.at(s.clock.Now().Add(10*time.Minute), func(ctx context.Context) error {
			if err := s.settle(ctx); err != nil {
				return err
			}
			return s.pick(ctx, a, path, products)
		})
		return nil
	}
	j := &job{agent: a, got: got}
	for _, p := range products {
		for i := range p.specs {
			if p.id == text(got, "product_id") && p.specs[i].name == text(got, "spec_name") {
				j.product, j.spec = p, &p.specs[i]
			}
		}
	}
	if j.spec == nil {
		return fmt.Errorf("the agent %s got work that nobody asked for: %v", a.id, got)
	}
	a.at = j
	return s.work(ctx, j, func(ctx context.Context) error { return s.pick(ctx, a, path, products) })
}

// beat tells that an agent is still at it.
func (s *story) beat(ctx context.Context, a *agent, path string) error {
	_, err := s.json(ctx, s.tokens["agents"], "POST", path+"/heartbeat", object{
		"leases": []object{{"test_opportunity_id": text(a.at.got, "test_opportunity_id"), "token": a.at.lease(), "phase": "runtest"}},
	})
	return err
}

// job is one opportunity at work.
type job struct {
	agent   *agent
	product *product
	spec    *spec
	got     object
	sent    int
}

func (j *job) path() string {
	return "/v1/products/" + j.product.id + "/tests/opportunities/" + text(j.got, "test_opportunity_id")
}

func (j *job) lease() string {
	lease, _ := j.got["lease"].(object)
	return text(lease, "token")
}

// work tells of the work on an opportunity, and what comes after it.
func (s *story) work(ctx context.Context, j *job, then func(context.Context) error) error {
	image := text(j.got, "image_unique_id")
	back, known := j.product.backs[image]
	if !known {
		back = 1 // of a gold master
	}
	draw := s.draw(j.product.name + j.spec.name + fmt.Sprint(back))
	outcome := j.spec.outcome(back, draw)
	length := time.Duration(float64(j.spec.usual) * (0.9 + 0.2*draw.Float64()))
	began := s.clock.Now()
	if err := s.print(ctx, j, fmt.Sprintf("+ flash %s\n+ boot %s\nbooted in 41 s\n", image, j.spec.platform)); err != nil {
		return err
	}
	const parts = 2
	for n := range parts {
		s.at(began.Add(length*time.Duration(n+1)/(parts+1)), func(ctx context.Context) error {
			return s.print(ctx, j, fmt.Sprintf("[%6.1f] \x1b[32mok\x1b[0m %s step %d of %d\n", (length*time.Duration(n+1)/(parts+1)).Seconds(), j.spec.name, n+1, parts))
		})
	}
	s.at(began.Add(length), func(ctx context.Context) error {
		if err := s.post(ctx, j, back, outcome); err != nil {
			return err
		}
		j.agent.at = nil
		s.at(s.clock.Now().Add(40*time.Second), then)
		return s.settle(ctx)
	})
	return nil
}

// print appends to the output of an opportunity.
func (s *story) print(ctx context.Context, j *job, line string) error {
	_, err := s.send(ctx, s.tokens["agents"], "POST", fmt.Sprintf("%s/output?offset=%d", j.path(), j.sent), "application/octet-stream", []byte(line), "Lease-Token", j.lease())
	j.sent += len(line)
	return err
}

// words are the outcomes as agents report them.
var words = map[string]string{passed: "PASSED", failed: "FAILED", skipped: "SKIPPED", broken: "ERROR"}

// post posts the result of an opportunity, with the file of its suite if it has one.
func (s *story) post(ctx context.Context, j *job, back int, outcome string) error {
	s.count("opportunity results", 1)
	path := "/v1/products/" + j.product.id + "/tests/results"
	result := object{
		"test_opportunity_id": text(j.got, "test_opportunity_id"), "test_status": words[outcome], "lease_token": j.lease(), "agent_id": j.agent.id,
		"result_payload": object{"kernel": "5.15.0-1071.77", "boots": 1},
	}
	if j.spec.suite == nil {
		_, err := s.json(ctx, s.tokens["agents"], "POST", path, result)
		return err
	}
	out := &stream{at: s.clock.Now().Add(-j.spec.usual)}
	draw := s.draw(fmt.Sprint(j.spec.name, "tests", back))
	for i := range j.spec.suite {
		if out.write(&j.spec.suite[i], back, draw) == failed {
			result["test_status"] = words[failed]
		}
	}
	body, mediaType, err := form(result, out.Bytes())
	if err != nil {
		return err
	}
	_, err = s.send(ctx, s.tokens["agents"], "POST", path, mediaType, body)
	return err
}

// form is a result and its file as a form.
func form(result object, file []byte) (body []byte, mediaType string, err error) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	words, err := json.Marshal(result)
	if err != nil {
		return nil, "", err
	}
	if err := w.WriteField("result", string(words)); err != nil {
		return nil, "", err
	}
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", "run.subunit")}, "Content-Type": {"application/octet-stream"},
	})
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(file); err != nil {
		return nil, "", err
	}
	err = w.Close()
	return out.Bytes(), w.FormDataContentType(), err
}

// cancelOne has an opportunity at work cancelled, which its agent has not heard of
// yet, and one that waits.
func (s *story) cancelOne(ctx context.Context, p *product) error {
	for _, state := range []string{"PICKED", "QUEUED"} {
		list, err := s.send(ctx, s.tokens["ada"], http.MethodGet, "/v1/products/"+p.id+"/tests/opportunities?limit=100&state="+state, "", nil)
		if err != nil {
			return err
		}
		all, _ := list["test_opportunities"].([]any)
		for _, one := range all {
			o, _ := one.(object)
			if platform := text(o, "platform"); platform == "rpi4b" || platform == "x1-nano" && state == "QUEUED" {
				continue // goes on
			}
			_, err := s.json(ctx, s.tokens["grace"], "POST", "/v1/products/"+p.id+"/tests/opportunities/"+text(o, "test_opportunity_id")+"/cancel", object{"reason": "the image is withdrawn"})
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}
