package products

import (
	"context"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/fault"
)

func (h *Handler) PostTestResult(ctx context.Context, req api.PostTestResultRequestObject) (api.PostTestResultResponseObject, error) {
	if req.JSONBody == nil {
		return nil, fault.NotImplemented("later")
	}
	return h.postResult(ctx, req, req.JSONBody, "", nil)
}
func (h *Handler) ListResultTests(ctx context.Context, req api.ListResultTestsRequestObject) (api.ListResultTestsResponseObject, error) {
	return nil, fault.NotImplemented("later")
}
func (h *Handler) GetResultTest(ctx context.Context, req api.GetResultTestRequestObject) (api.GetResultTestResponseObject, error) {
	return nil, fault.NotImplemented("later")
}
func (h *Handler) GetResultAttachment(ctx context.Context, req api.GetResultAttachmentRequestObject) (api.GetResultAttachmentResponseObject, error) {
	return nil, fault.NotImplemented("later")
}
func (h *Handler) GetResultRaw(ctx context.Context, req api.GetResultRawRequestObject) (api.GetResultRawResponseObject, error) {
	return nil, fault.NotImplemented("later")
}
