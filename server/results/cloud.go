package results

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/oapi-codegen/nullable"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// ListClouds answers a page of clouds, newest first.
func (h *Handler) ListClouds(ctx context.Context, req resultsapi.ListCloudsRequestObject) (resultsapi.Response, error) {
	page := asked(req.Params.Page, req.Params.Limit, req.Params.After)
	list, err := h.store.ListClouds(ctx, resultstore.CloudFilter{
		Scope: auth.From(ctx).Scope(), Label: deref(req.Params.Label), CPID: deref(req.Params.Cpid), Page: page,
	})
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := resultsapi.CloudList{Clouds: []resultsapi.Cloud{}}
	for i := range list.Items {
		cloud, err := h.cloudToAPI(ctx, &list.Items[i])
		if err != nil {
			return nil, err
		}
		body.Clouds = append(body.Clouds, cloud)
	}
	p, link := pagination(ctx, "/v1/clouds", page, &list)
	body.Pagination = p
	return call.OK(body).Linked(link).Paged(ctx, list.Next), nil
}

// CreateCloud registers a cloud of the caller's tenant.
func (h *Handler) CreateCloud(ctx context.Context, req resultsapi.CreateCloudRequestObject) (resultsapi.Response, error) {
	cloud := resultstore.Cloud{Tenant: auth.From(ctx).Tenant}
	const given = "is the server's to give; a new cloud is registered without it"
	switch {
	case req.Body.ID != nil:
		return nil, fault.InvalidBody("/id", given)
	case req.Body.CreatedAt != nil:
		return nil, fault.InvalidBody("/created_at", given)
	case req.Body.UpdatedAt != nil:
		return nil, fault.InvalidBody("/updated_at", given)
	}
	if err := h.replaceCloud(&cloud, req.Body); err != nil {
		return nil, err
	}
	if err := h.store.CreateCloud(ctx, &cloud); err != nil {
		return nil, err
	}
	body, err := h.cloudToAPI(ctx, &cloud)
	if err != nil {
		return nil, err
	}
	location := fmt.Sprintf("/v1/clouds/%d", cloud.ID)
	return call.Created(location, body), nil
}

// GetCloud answers one cloud.
func (h *Handler) GetCloud(ctx context.Context, req resultsapi.GetCloudRequestObject) (resultsapi.Response, error) {
	cloud, err := h.store.Cloud(ctx, auth.From(ctx).Scope(), req.CloudID)
	if err != nil {
		return nil, noCloud(req.CloudID, err)
	}
	body, err := h.cloudToAPI(ctx, cloud)
	return call.OK(body), err
}

// ReplaceCloud changes every field.
func (h *Handler) ReplaceCloud(ctx context.Context, req resultsapi.ReplaceCloudRequestObject) (resultsapi.Response, error) {
	if err := sameCloud(req.CloudID, req.Body.ID); err != nil {
		return nil, err
	}
	body, err := h.changeCloud(ctx, req.CloudID, func(c *resultstore.Cloud) error { return h.replaceCloud(c, req.Body) })
	return call.OK(body), err
}

// UpdateCloud changes the fields that the body names.
func (h *Handler) UpdateCloud(ctx context.Context, req resultsapi.UpdateCloudRequestObject) (resultsapi.Response, error) {
	if err := sameCloud(req.CloudID, req.Body.ID); err != nil {
		return nil, err
	}
	body, err := h.changeCloud(ctx, req.CloudID, func(c *resultstore.Cloud) error { return h.patchCloud(c, req.Body) })
	return call.OK(body), err
}

// sameCloud refuses the id of another cloud in the body: whoever reads a cloud,
// changes it and sends it back sends its id, too.
func sameCloud(id int64, sent *int64) error {
	if sent != nil && *sent != id {
		return fault.InvalidBody("/id", "must be %d, that of the path", id)
	}
	return nil
}

func (h *Handler) changeCloud(ctx context.Context, id int64, change func(*resultstore.Cloud) error) (resultsapi.Cloud, error) {
	scope := auth.From(ctx).Scope()
	if err := h.store.UpdateCloud(ctx, scope, id, change); err != nil {
		return resultsapi.Cloud{}, noCloud(id, err)
	}
	cloud, err := h.store.Cloud(ctx, scope, id)
	if err != nil {
		return resultsapi.Cloud{}, noCloud(id, err)
	}
	return h.cloudToAPI(ctx, cloud)
}

// DeleteCloud removes a cloud, and its runs when the caller says so.
func (h *Handler) DeleteCloud(ctx context.Context, req resultsapi.DeleteCloudRequestObject) (resultsapi.Response, error) {
	cascade := req.Params.Cascade != nil && *req.Params.Cascade
	err := h.store.DeleteCloud(ctx, auth.From(ctx).Scope(), req.CloudID, cascade)
	if errors.Is(err, store.ErrConflict) && cascade {
		return nil, fault.Conflict("cloud %d has runs that you may not delete", req.CloudID).Because(err)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("cloud %d has runs; cascade=true deletes them with it", req.CloudID).Because(err)
	}
	if err != nil {
		return nil, noCloud(req.CloudID, staying(err))
	}
	return call.NoContent(), nil
}

func noCloud(id int64, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFound("cloud %d does not exist", id).Because(err)
	}
	return err
}

// replaceCloud puts a whole new record in the place of c; what the body leaves
// out becomes empty.
func (h *Handler) replaceCloud(c *resultstore.Cloud, in *resultsapi.NewCloud) error {
	c.Label, c.Endpoint, c.AdminEndpoint = in.Label, in.Endpoint, in.AdminEndpoint
	c.TestUser, c.AdminUser = in.TestUser, in.AdminUser
	c.EndpointV3, c.AltUser = orEmpty(in.EndpointV3), orEmpty(in.AltUser)
	c.Version, c.TempestSHA = orEmpty(in.Version), orEmpty(in.TempestSHA)
	c.Architecture, c.CPID = orEmpty(in.Architecture), orEmpty(in.Cpid)
	if err := h.setConfig(c, orNone(in.ExtraConfig), orNone(in.SecretOptions)); err != nil {
		return err
	}
	return checkCloud(c)
}

func (h *Handler) patchCloud(c *resultstore.Cloud, in *resultsapi.CloudPatch) error {
	for _, f := range []struct {
		into *string
		from *string
	}{
		{&c.Label, in.Label}, {&c.Endpoint, in.Endpoint}, {&c.AdminEndpoint, in.AdminEndpoint},
		{&c.TestUser, in.TestUser}, {&c.AdminUser, in.AdminUser},
	} {
		if f.from != nil {
			*f.into = *f.from
		}
	}
	for _, f := range []struct {
		into *string
		from nullable.Nullable[string]
	}{
		{&c.EndpointV3, in.EndpointV3}, {&c.AltUser, in.AltUser}, {&c.Version, in.Version},
		{&c.TempestSHA, in.TempestSHA}, {&c.Architecture, in.Architecture}, {&c.CPID, in.Cpid},
	} {
		if f.from.IsSpecified() {
			*f.into = orEmpty(f.from)
		}
	}
	if err := h.patchConfig(c, in); err != nil {
		return err
	}
	return checkCloud(c)
}

// checkNames keeps out what the runner's ConfigParser could not take.
func checkNames(section string, options map[string]string) error {
	if strings.TrimSpace(section) == "" || strings.ContainsAny(section, "\r\n]") {
		return fault.InvalidBody("/extra_config", "has a section whose name is blank or holds a line end or ]")
	}
	for key := range options {
		if strings.TrimSpace(key) == "" || strings.ContainsAny(key, "\r\n=:") {
			return fault.InvalidBody("/extra_config/"+pointerText(section), "has an option whose name is blank or holds a line end, = or :")
		}
	}
	return nil
}

func pointerText(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// checkCloud holds what the document cannot say: the endpoints are http URLs,
// and no text holds what cannot be stored.
func checkCloud(c *resultstore.Cloud) error {
	for _, f := range []struct{ name, text string }{
		{"label", c.Label}, {"test_user", c.TestUser}, {"admin_user", c.AdminUser}, {"alt_user", c.AltUser},
		{"version", c.Version}, {"tempest_sha", c.TempestSHA}, {"architecture", c.Architecture}, {"cpid", c.CPID},
	} {
		if strings.ContainsRune(f.text, 0) {
			return fault.InvalidBody("/"+f.name, "must not hold U+0000")
		}
	}
	if strings.TrimSpace(c.Label) == "" {
		return fault.InvalidBody("/label", "must not be blank")
	}
	for _, f := range []struct{ name, text string }{
		{"endpoint", c.Endpoint}, {"endpoint_v3", c.EndpointV3}, {"admin_endpoint", c.AdminEndpoint},
	} {
		if f.text == "" && f.name == "endpoint_v3" {
			continue
		}
		u, err := url.Parse(f.text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fault.InvalidBody("/"+f.name, "must be a URL that begins with http:// or https:// and names a host")
		}
		if u.User != nil {
			return fault.InvalidBody("/"+f.name, "must not hold a user or password")
		}
	}
	return nil
}

func (h *Handler) cloudToAPI(ctx context.Context, c *resultstore.Cloud) (resultsapi.Cloud, error) {
	out := resultsapi.Cloud{
		ID:            c.ID,
		Label:         c.Label,
		Endpoint:      c.Endpoint,
		EndpointV3:    orNull(c.EndpointV3),
		AdminEndpoint: c.AdminEndpoint,
		TestUser:      c.TestUser,
		AdminUser:     c.AdminUser,
		AltUser:       orNull(altUser(c)),
		Version:       orNull(c.Version),
		TempestSHA:    orNull(c.TempestSHA),
		Architecture:  orNull(c.Architecture),
		Cpid:          orNull(c.CPID),
		CreatedAt:     c.CreatedAt,
		UpdatedAt:     c.UpdatedAt,
	}
	var err error
	out.ExtraConfig, out.SecretOptions, err = h.shownConfig(ctx, c)
	return out, err
}

func orEmpty(n nullable.Nullable[string]) string {
	s, _ := n.Get() // null and absent are both no value
	return s
}

func orNone[T any](n nullable.Nullable[T]) T {
	v, _ := n.Get() // like above
	return v
}

func orNull(s string) nullable.Nullable[string] {
	if s == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(s)
}
