package lab

import (
	"context"
	"errors"
	"net/http"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/netboot"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// GetNetboot tells administrators what to write into their DHCP server.
func (h *Handler) GetNetboot(ctx context.Context, _ labapi.GetNetbootRequestObject) (labapi.Response, error) {
	script := call.From(ctx).Origin.URL("/v1/netboot/"+h.boot.NetbootKey()) + "/${netX/mac}/ipxe" // netX is the interface that iPXE opened last: the one that booted
	body := map[string]any{"script": script, "chain": "#!ipxe\ndhcp\nchain " + script + " || " + netboot.GoOn, "images": orNull(h.config.Boot.Images)}
	return call.OK(body).Secret(), nil
}

// GetNetbootScript answers what a machine is to boot.
func (h *Handler) GetNetbootScript(ctx context.Context, req labapi.GetNetbootScriptRequestObject) (labapi.Response, error) {
	if !h.boot.OpensNetboot(req.BootKey) {
		return nil, fault.NotFound("the address does not hold the lab's boot key")
	}
	mac, good := design.CleanMAC(req.Mac)
	if !good {
		return nil, fault.InvalidField("path", "mac", "must be a MAC address such as 52:54:00:ce:da:08")
	}
	node, err := h.store.NodeOfMAC(ctx, mac)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("no node boots from %s; a node is known from its first task on", mac)
	}
	if err != nil {
		return nil, err
	}
	text, err := h.boot.Script(ctx, node, call.From(ctx).Origin.URL)
	var parameter *netboot.ParameterError
	if errors.As(err, &parameter) {
		return nil, fault.Invalid("the design cannot be written as a script for iPXE: %s", parameter.Error())
	}
	return bootText("text/plain; charset=utf-8", text), err
}

// seedOf returns what a seed holds. Every wrong address is as unknown as any
// other.
func (h *Handler) seedOf(ctx context.Context, key, node string) (netboot.Seed, *labstore.Deployment, error) {
	d, err := h.store.Deployment(ctx, node)
	if errors.Is(err, store.ErrNotFound) || err == nil && (d.Ended || !h.boot.OpensSeed(d, key)) {
		return netboot.Seed{}, nil, fault.NotFound("there is no such seed, or its deployment has ended")
	}
	if err != nil {
		return netboot.Seed{}, nil, err
	}
	s, err := h.boot.Seed(ctx, d, call.From(ctx).Origin.URL)
	return s, d, err
}

// GetSeedUserData answers the configuration of cloud-init for a deployment.
func (h *Handler) GetSeedUserData(ctx context.Context, req labapi.GetSeedUserDataRequestObject) (labapi.Response, error) {
	s, d, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	if err != nil {
		return nil, err
	}
	packages, err := h.boot.Packages(ctx, d)
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

// GetSeedNetworkConfig answers the node's interfaces and addresses.
func (h *Handler) GetSeedNetworkConfig(ctx context.Context, req labapi.GetSeedNetworkConfigRequestObject) (labapi.Response, error) {
	_, d, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	if err != nil {
		return nil, err
	}
	network, found, err := h.boot.Network(ctx, d)
	if err == nil && !found {
		err = fault.NotFound("the design gives node %q no interfaces", req.Hostname)
	}
	if err != nil {
		return nil, err
	}
	text, err := netboot.NetworkConfig(network)
	return bootText("text/yaml; charset=utf-8", text), err
}

// ReportSeed takes the report of a machine that was installed from the network.
func (h *Handler) ReportSeed(ctx context.Context, req labapi.ReportSeedRequestObject) (labapi.Response, error) {
	_, d, err := h.seedOf(ctx, req.SeedKey, req.Hostname)
	if err != nil {
		return nil, err
	}
	w, err := h.store.Work(ctx, d.Task)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.Conflict("nobody waits for a report: the node driver is %s", h.drivers.Name())
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
