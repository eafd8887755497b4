package products

// The generated interfaces want one method for each operation; an answer is
// written the same way for all of them.

import "net/http"

// VisitCreateProductResponse writes the answer.
func (a *answer) VisitCreateProductResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetProductResponse writes the answer.
func (a *answer) VisitGetProductResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReplaceProductResponse writes the answer.
func (a *answer) VisitReplaceProductResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateProductResponse writes the answer.
func (a *answer) VisitUpdateProductResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListProductsResponse writes the answer.
func (a *answer) VisitListProductsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateTestSpecResponse writes the answer.
func (a *answer) VisitCreateTestSpecResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetTestSpecResponse writes the answer.
func (a *answer) VisitGetTestSpecResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReplaceTestSpecResponse writes the answer.
func (a *answer) VisitReplaceTestSpecResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateTestSpecResponse writes the answer.
func (a *answer) VisitUpdateTestSpecResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListTestSpecsResponse writes the answer.
func (a *answer) VisitListTestSpecsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListImagesResponse writes the answer.
func (a *answer) VisitListImagesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListSnapsResponse writes the answer.
func (a *answer) VisitListSnapsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAdvertiseImageResponse writes the answer.
func (a *answer) VisitAdvertiseImageResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAdvertiseSnapResponse writes the answer.
func (a *answer) VisitAdvertiseSnapResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAdvertiseGoldMasterResponse writes the answer.
func (a *answer) VisitAdvertiseGoldMasterResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAdvertiseSnapToAllResponse writes the answer.
func (a *answer) VisitAdvertiseSnapToAllResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListGoldMastersResponse writes the answer.
func (a *answer) VisitListGoldMastersResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetGoldMasterResponse writes the answer.
func (a *answer) VisitGetGoldMasterResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateGoldMasterResponse writes the answer.
func (a *answer) VisitUpdateGoldMasterResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListOpportunitiesResponse writes the answer.
func (a *answer) VisitListOpportunitiesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetOpportunityResponse writes the answer.
func (a *answer) VisitGetOpportunityResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReleaseOpportunityResponse writes the answer.
func (a *answer) VisitReleaseOpportunityResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCancelOpportunityResponse writes the answer.
func (a *answer) VisitCancelOpportunityResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRetryOpportunityResponse writes the answer.
func (a *answer) VisitRetryOpportunityResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPickOpportunityResponse writes the answer.
func (a *answer) VisitPickOpportunityResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitSendHeartbeatResponse writes the answer.
func (a *answer) VisitSendHeartbeatResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListAgentsResponse writes the answer.
func (a *answer) VisitListAgentsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetAgentResponse writes the answer.
func (a *answer) VisitGetAgentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRegisterAgentResponse writes the answer.
func (a *answer) VisitRegisterAgentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateAgentResponse writes the answer.
func (a *answer) VisitUpdateAgentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostTestResultResponse writes the answer.
func (a *answer) VisitPostTestResultResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetTestResultResponse writes the answer.
func (a *answer) VisitGetTestResultResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListTestResultsResponse writes the answer.
func (a *answer) VisitListTestResultsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListTestEventsResponse writes the answer.
func (a *answer) VisitListTestEventsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListEventsResponse writes the answer.
func (a *answer) VisitListEventsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAppendOutputResponse writes the answer.
func (a *answer) VisitAppendOutputResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateWebhookResponse writes the answer.
func (a *answer) VisitCreateWebhookResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetWebhookResponse writes the answer.
func (a *answer) VisitGetWebhookResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateWebhookResponse writes the answer.
func (a *answer) VisitUpdateWebhookResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListWebhooksResponse writes the answer.
func (a *answer) VisitListWebhooksResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListDeliveriesResponse writes the answer.
func (a *answer) VisitListDeliveriesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetDeliveryResponse writes the answer.
func (a *answer) VisitGetDeliveryResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRetryDeliveryResponse writes the answer.
func (a *answer) VisitRetryDeliveryResponse(w http.ResponseWriter) error { return a.write(w) }
