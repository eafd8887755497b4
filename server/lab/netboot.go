package lab

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/lab/netboot"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// A machine that boots from the network knows no secret but the address that DHCP
// or iPXE itself tells it. So the addresses are the secrets: the one of the
// scripts holds the boot key of the lab, which administrators read and write into
// their DHCP server, and a script names the seed of one deployment under a key of
// its own, which is good until the deployment ends. Whoever listens on the boot
// network learns them, as with every boot by PXE; nobody else does.

// bootPrefix marks keys in addresses, so that they are kept out of logs and
// errors (auth.Redact).
const bootPrefix = "slwb_"

// derive makes a key for a purpose out of the server secret.
func (h *Handler) derive(purpose, name string) string {
	mac := hmac.New(sha256.New, h.config.Secret)
	_, _ = mac.Write([]byte("slipway " + purpose + "\x00" + name)) // a hash never fails
	return bootPrefix + hex.EncodeToString(mac.Sum(nil))
}

func sameBootKey(want, sent string) bool { return hmac.Equal([]byte(want), []byte(sent)) }

func (h *Handler) bootKey() string { return h.derive("netboot", "") }

// seedURL is where a machine finds the seed of a deployment, with a slash at its
// end, as NoCloud wants it.
func (h *Handler) seedURL(ctx context.Context, d *labstore.Deployment) string {
	return call.From(ctx).Origin.URL("/v1/seeds/" + h.seedKey(d) + "/" + url.PathEscape(d.Node) + "/")
}

func (h *Handler) seedKey(d *labstore.Deployment) string {
	return h.derive("seed", d.Task+"\x00"+d.Node)
}

// GetNetboot tells administrators what to write into their DHCP server.
func (h *Handler) GetNetboot(ctx context.Context, _ labapi.GetNetbootRequestObject) (labapi.Response, error) {
	script := call.From(ctx).Origin.URL("/v1/netboot/"+h.bootKey()) + "/${net0/mac}/ipxe"
	body := map[string]any{"script": script, "chain": "#!ipxe\ndhcp\nchain " + script + " || exit\n", "images": orNull(h.config.NetbootImages)}
	return call.OK(body).Secret(), nil
}

// GetNetbootScript answers what a machine is to boot.
func (h *Handler) GetNetbootScript(ctx context.Context, req labapi.GetNetbootScriptRequestObject) (labapi.Response, error) {
	if !sameBootKey(h.bootKey(), req.BootKey) {
		return nil, fault.NotFound("the address does not hold the lab's boot key")
	}
	mac, good := cleanMAC(req.Mac)
	if !good {
		return nil, fault.InvalidField("path", "mac", "must be a MAC address such as 52:54:00:ce:da:08")
	}
	node, err := h.store.NodeOfMAC(ctx, mac)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("no node boots from %s: a task that names it comes first", mac)
	}
	if err != nil {
		return nil, err
	}
	text, err := h.bootScript(ctx, node)
	return bootText("text/plain; charset=utf-8", text), err
}

func (h *Handler) bootScript(ctx context.Context, node string) ([]byte, error) {
	b := netboot.Boot{Node: node, About: "Nothing is to be installed.", Images: h.config.NetbootImages}
	d, err := h.installing(ctx, node)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err == nil {
		c, err := h.snapshot(ctx, d.Digest)
		if err != nil {
			return nil, err
		}
		n := c.site.Node(node)
		b.Install, b.Image, b.Kernel, b.Parameters, b.Seed = true, n.Image, n.Kernel, kernelLine(n.KernelParams), h.seedURL(ctx, d)
		if b.About = "Slipway installs it."; h.nodes.Simulated() {
			b.About = "Slipway's node driver is a simulator; this is what a machine would get."
		}
	}
	text, err := netboot.Script(b)
	var parameter *netboot.ParameterError
	if errors.As(err, &parameter) {
		return nil, fault.Invalid("the design cannot be told to iPXE: %s", parameter.Error())
	}
	return []byte(text), err
}

// installing returns the deployment of a node while its machine is to be
// installed, or store.ErrNotFound. A machine that has reported the end boots from
// its disk, or it would be installed for ever.
func (h *Handler) installing(ctx context.Context, node string) (*labstore.Deployment, error) {
	d, err := h.store.Deployment(ctx, node)
	if err != nil {
		return nil, err
	}
	if d.Ended {
		return nil, store.ErrNotFound
	}
	if h.nodes.Simulated() {
		return d, nil
	}
	w, err := h.store.Work(ctx, d.Task)
	if err == nil && w.Status != workRunning {
		err = store.ErrNotFound
	}
	return d, err
}

// seedOf returns what a seed holds. Every wrong address is as unknown as any
// other.
func (h *Handler) seedOf(ctx context.Context, key, node string) (netboot.Seed, *labstore.Deployment, error) {
	unknown := fault.NotFound("there is no such seed, or its deployment has ended")
	d, err := h.store.Deployment(ctx, node)
	if errors.Is(err, store.ErrNotFound) || err == nil && (d.Ended || !sameBootKey(h.seedKey(d), key)) {
		return netboot.Seed{}, nil, unknown
	}
	if err != nil {
		return netboot.Seed{}, nil, err
	}
	c, err := h.snapshot(ctx, d.Digest)
	if err != nil {
		return netboot.Seed{}, nil, err
	}
	n := c.site.Node(node)
	s := netboot.Seed{Instance: d.Task, Hostname: n.Name, FQDN: n.FQDN, Report: h.seedURL(ctx, d) + "report"}
	if c.site.Region != nil {
		s.Keys = c.site.Region.AuthorizedKeys
	}
	if d.Keyed {
		links := bootLinks(ctx, node)
		s.Files, s.Units, s.Key = links["files"], links["units"], h.keyOf(d.Task, node)
	}
	return s, d, nil
}

// GetSeedUserData answers the configuration of cloud-init for a deployment.
func (h *Handler) GetSeedUserData(ctx context.Context, req labapi.GetSeedUserDataRequestObject) (labapi.Response, error) {
	s, d, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	if err != nil {
		return nil, err
	}
	packages, err := h.packages(ctx, d)
	if err != nil {
		return nil, renderFault(err)
	}
	for _, p := range packages {
		s.Packages = append(s.Packages, netboot.Package{Name: p.Name, Version: p.Version})
	}
	text, err := netboot.UserData(s)
	return bootText("text/cloud-config; charset=utf-8", text), err
}

// GetSeedMetaData answers who the machine is.
func (h *Handler) GetSeedMetaData(ctx context.Context, req labapi.GetSeedMetaDataRequestObject) (labapi.Response, error) {
	s, _, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	if err != nil {
		return nil, err
	}
	text, err := netboot.MetaData(s)
	return bootText("text/yaml; charset=utf-8", text), err
}

// GetSeedVendorData answers nothing, which spares cloud-init its retries.
func (h *Handler) GetSeedVendorData(ctx context.Context, req labapi.GetSeedVendorDataRequestObject) (labapi.Response, error) {
	_, _, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	return bootText("text/yaml; charset=utf-8", []byte("{}\n")), err
}

// ReportSeed takes the report of a machine that was installed from the network.
func (h *Handler) ReportSeed(ctx context.Context, req labapi.ReportSeedRequestObject) (labapi.Response, error) {
	_, d, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	if err != nil {
		return nil, err
	}
	w, err := h.store.Work(ctx, d.Task)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.Conflict("nobody waits for a report: the node driver is %s", h.nodes.Name())
	}
	if err != nil {
		return nil, err
	}
	if err := h.takeReport(ctx, w, req.Body); err != nil {
		return nil, err
	}
	return call.OK(workDocument(ctx, w)), nil
}

// bootText is a text for a machine that boots. It holds secrets.
func bootText(media string, text []byte) *call.Answer {
	return call.Text(http.StatusOK, media, text).Secret()
}
