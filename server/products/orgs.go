package products

import (
	"context"
	"net/http"
	"strings"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// successors are the paths that took the place of SPI's organisations at the
// end of 2015 (docs/api-reference-products.md of tanuki-agent).
var successors = map[string]string{
	"images":         "/v1/products/{product_id}/images",
	"snap-revisions": "/v1/products/{product_id}/snaps",
	"tests/events":   "/v1/products/{product_id}/tests/events",
	"results":        "/v1/products/{product_id}/tests/results",
}

// GetOrganisation says where the path went.
func (h *Handler) GetOrganisation(_ context.Context, req productsapi.GetOrganisationRequestObject) (productsapi.Response, error) {
	return nil, pathGone(req.Rest)
}

// PostOrganisation says where the path went.
func (h *Handler) PostOrganisation(_ context.Context, req productsapi.PostOrganisationRequestObject) (productsapi.Response, error) {
	return nil, pathGone(req.Rest)
}

func pathGone(rest string) error {
	_, below, _ := strings.Cut(strings.Trim(rest, "/"), "/")
	where, known := successors[below]
	if !known {
		where = "/v1/products"
	}
	f := fault.New(http.StatusGone, "gone", "organisations are gone; the path is now %s", where)
	f.URL = where
	return f
}
