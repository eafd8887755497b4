package reports

import "net/http"

// An *answer is the answer to every operation of the area, and the generated
// interfaces each want a method of their own for that.

// VisitListBootsResponse writes the answer.
func (a *answer) VisitListBootsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateBootResponse writes the answer.
func (a *answer) VisitCreateBootResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteBootsResponse writes the answer.
func (a *answer) VisitDeleteBootsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetBootResponse writes the answer.
func (a *answer) VisitGetBootResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteBootResponse writes the answer.
func (a *answer) VisitDeleteBootResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListBootValuesResponse writes the answer.
func (a *answer) VisitListBootValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListJobsResponse writes the answer.
func (a *answer) VisitListJobsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateJobResponse writes the answer.
func (a *answer) VisitCreateJobResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetJobResponse writes the answer.
func (a *answer) VisitGetJobResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteJobResponse writes the answer.
func (a *answer) VisitDeleteJobResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListJobValuesResponse writes the answer.
func (a *answer) VisitListJobValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListBuildsResponse writes the answer.
func (a *answer) VisitListBuildsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateBuildResponse writes the answer.
func (a *answer) VisitCreateBuildResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetBuildResponse writes the answer.
func (a *answer) VisitGetBuildResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteBuildResponse writes the answer.
func (a *answer) VisitDeleteBuildResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListBuildValuesResponse writes the answer.
func (a *answer) VisitListBuildValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListLabsResponse writes the answer.
func (a *answer) VisitListLabsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateLabResponse writes the answer.
func (a *answer) VisitCreateLabResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetLabResponse writes the answer.
func (a *answer) VisitGetLabResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitUpdateLabResponse writes the answer.
func (a *answer) VisitUpdateLabResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteLabResponse writes the answer.
func (a *answer) VisitDeleteLabResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListTokensResponse writes the answer.
func (a *answer) VisitListTokensResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateTokenResponse writes the answer.
func (a *answer) VisitCreateTokenResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetTokenResponse writes the answer.
func (a *answer) VisitGetTokenResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitRefuseTokenResponse writes the answer.
func (a *answer) VisitRefuseTokenResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitUpdateTokenResponse writes the answer.
func (a *answer) VisitUpdateTokenResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteTokenResponse writes the answer.
func (a *answer) VisitDeleteTokenResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListTestGroupsResponse writes the answer.
func (a *answer) VisitListTestGroupsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateTestGroupResponse writes the answer.
func (a *answer) VisitCreateTestGroupResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetTestGroupResponse writes the answer.
func (a *answer) VisitGetTestGroupResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitUpdateTestGroupResponse writes the answer.
func (a *answer) VisitUpdateTestGroupResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteTestGroupResponse writes the answer.
func (a *answer) VisitDeleteTestGroupResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListTestGroupValuesResponse writes the answer.
func (a *answer) VisitListTestGroupValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCountTestGroupValuesResponse writes the answer.
func (a *answer) VisitCountTestGroupValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListTestCasesResponse writes the answer.
func (a *answer) VisitListTestCasesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCreateTestCaseResponse writes the answer.
func (a *answer) VisitCreateTestCaseResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetTestCaseResponse writes the answer.
func (a *answer) VisitGetTestCaseResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitUpdateTestCaseResponse writes the answer.
func (a *answer) VisitUpdateTestCaseResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitDeleteTestCaseResponse writes the answer.
func (a *answer) VisitDeleteTestCaseResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListTestCaseValuesResponse writes the answer.
func (a *answer) VisitListTestCaseValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitCountTestCaseValuesResponse writes the answer.
func (a *answer) VisitCountTestCaseValuesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListTestRegressionsResponse writes the answer.
func (a *answer) VisitListTestRegressionsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetTestRegressionResponse writes the answer.
func (a *answer) VisitGetTestRegressionResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListCountsResponse writes the answer.
func (a *answer) VisitListCountsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetCountResponse writes the answer.
func (a *answer) VisitGetCountResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitRunBatchResponse writes the answer.
func (a *answer) VisitRunBatchResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitUploadFilesResponse writes the answer.
func (a *answer) VisitUploadFilesResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitUploadFileResponse writes the answer.
func (a *answer) VisitUploadFileResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetServiceVersionResponse writes the answer.
func (a *answer) VisitGetServiceVersionResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitReceiveLavaTestResponse writes the answer.
func (a *answer) VisitReceiveLavaTestResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitReceiveLavaBootResponse writes the answer.
func (a *answer) VisitReceiveLavaBootResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitSendReportResponse writes the answer.
func (a *answer) VisitSendReportResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListReportsResponse writes the answer.
func (a *answer) VisitListReportsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetReportResponse writes the answer.
func (a *answer) VisitGetReportResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListStatisticsResponse writes the answer.
func (a *answer) VisitListStatisticsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListJobLogsResponse writes the answer.
func (a *answer) VisitListJobLogsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitListBuildLogsResponse writes the answer.
func (a *answer) VisitListBuildLogsResponse(w http.ResponseWriter) error { return a.respond(w) }

// VisitGetBisectionResponse writes the answer.
func (a *answer) VisitGetBisectionResponse(w http.ResponseWriter) error { return a.respond(w) }
