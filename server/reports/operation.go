package reports

import (
	"context"
	"strings"

	"github.com/slipway-lab/slipway/gen/api"
)

// This file is the seam to the generated interface: a method for each operation.
// The strict server looks at the error first, so that a nil *answer beside one is
// never asked to write itself.

// ListBoots answers the operation of that name.
func (h *Handler) ListBoots(ctx context.Context, _ api.ListBootsRequestObject) (api.ListBootsResponseObject, error) {
	return h.list(ctx, boots)
}

// CreateBoot answers the operation of that name.
func (h *Handler) CreateBoot(ctx context.Context, _ api.CreateBootRequestObject) (api.CreateBootResponseObject, error) {
	return h.createBoot(ctx)
}

// DeleteBoots answers the operation of that name.
func (h *Handler) DeleteBoots(ctx context.Context, _ api.DeleteBootsRequestObject) (api.DeleteBootsResponseObject, error) {
	return h.deleteBoots(ctx)
}

// GetBoot answers the operation of that name.
func (h *Handler) GetBoot(ctx context.Context, req api.GetBootRequestObject) (api.GetBootResponseObject, error) {
	return h.get(ctx, boots, req.BootID)
}

// DeleteBoot answers the operation of that name.
func (h *Handler) DeleteBoot(ctx context.Context, req api.DeleteBootRequestObject) (api.DeleteBootResponseObject, error) {
	return h.deleteBoot(ctx, req.BootID)
}

// ListBootValues answers the operation of that name.
func (h *Handler) ListBootValues(ctx context.Context, req api.ListBootValuesRequestObject) (api.ListBootValuesResponseObject, error) {
	return h.values(ctx, boots, req.FieldName)
}

// ListJobs answers the operation of that name.
func (h *Handler) ListJobs(ctx context.Context, _ api.ListJobsRequestObject) (api.ListJobsResponseObject, error) {
	return h.list(ctx, jobs)
}

// CreateJob answers the operation of that name.
func (h *Handler) CreateJob(ctx context.Context, _ api.CreateJobRequestObject) (api.CreateJobResponseObject, error) {
	return h.createJob(ctx)
}

// GetJob answers the operation of that name.
func (h *Handler) GetJob(ctx context.Context, req api.GetJobRequestObject) (api.GetJobResponseObject, error) {
	return h.get(ctx, jobs, req.JobID)
}

// DeleteJob answers the operation of that name.
func (h *Handler) DeleteJob(ctx context.Context, req api.DeleteJobRequestObject) (api.DeleteJobResponseObject, error) {
	return h.deleteJob(ctx, req.JobID)
}

// ListJobValues answers the operation of that name.
func (h *Handler) ListJobValues(ctx context.Context, req api.ListJobValuesRequestObject) (api.ListJobValuesResponseObject, error) {
	return h.values(ctx, jobs, req.FieldName)
}

// ListBuilds answers the operation of that name.
func (h *Handler) ListBuilds(ctx context.Context, _ api.ListBuildsRequestObject) (api.ListBuildsResponseObject, error) {
	return h.list(ctx, builds)
}

// CreateBuild answers the operation of that name.
func (h *Handler) CreateBuild(ctx context.Context, _ api.CreateBuildRequestObject) (api.CreateBuildResponseObject, error) {
	return h.createBuild(ctx)
}

// GetBuild answers the operation of that name.
func (h *Handler) GetBuild(ctx context.Context, req api.GetBuildRequestObject) (api.GetBuildResponseObject, error) {
	return h.get(ctx, builds, req.BuildID)
}

// DeleteBuild answers the operation of that name.
func (h *Handler) DeleteBuild(ctx context.Context, req api.DeleteBuildRequestObject) (api.DeleteBuildResponseObject, error) {
	return h.remove(ctx, builds, req.BuildID)
}

// ListBuildValues answers the operation of that name.
func (h *Handler) ListBuildValues(ctx context.Context, req api.ListBuildValuesRequestObject) (api.ListBuildValuesResponseObject, error) {
	return h.values(ctx, builds, req.FieldName)
}

// ListLabs answers the operation of that name.
func (h *Handler) ListLabs(ctx context.Context, _ api.ListLabsRequestObject) (api.ListLabsResponseObject, error) {
	return h.list(ctx, labs)
}

// CreateLab answers the operation of that name.
func (h *Handler) CreateLab(ctx context.Context, _ api.CreateLabRequestObject) (api.CreateLabResponseObject, error) {
	return h.createLab(ctx)
}

// GetLab answers the operation of that name.
func (h *Handler) GetLab(ctx context.Context, req api.GetLabRequestObject) (api.GetLabResponseObject, error) {
	return h.get(ctx, labs, req.LabID)
}

// UpdateLab answers the operation of that name.
func (h *Handler) UpdateLab(ctx context.Context, req api.UpdateLabRequestObject) (api.UpdateLabResponseObject, error) {
	return h.updateLab(ctx, req.LabID)
}

// DeleteLab answers the operation of that name.
func (h *Handler) DeleteLab(ctx context.Context, req api.DeleteLabRequestObject) (api.DeleteLabResponseObject, error) {
	return h.deleteLab(ctx, req.LabID)
}

// ListTokens answers the operation of that name.
func (h *Handler) ListTokens(ctx context.Context, _ api.ListTokensRequestObject) (api.ListTokensResponseObject, error) {
	return h.listTokens(ctx)
}

// CreateToken answers the operation of that name.
func (h *Handler) CreateToken(ctx context.Context, _ api.CreateTokenRequestObject) (api.CreateTokenResponseObject, error) {
	return h.createToken(ctx)
}

// GetToken answers the operation of that name.
func (h *Handler) GetToken(ctx context.Context, req api.GetTokenRequestObject) (api.GetTokenResponseObject, error) {
	return h.getToken(ctx, req.Token)
}

// RefuseToken answers the operation of that name.
func (h *Handler) RefuseToken(_ context.Context, _ api.RefuseTokenRequestObject) (api.RefuseTokenResponseObject, error) {
	return refuseToken()
}

// UpdateToken answers the operation of that name.
func (h *Handler) UpdateToken(ctx context.Context, req api.UpdateTokenRequestObject) (api.UpdateTokenResponseObject, error) {
	return h.updateToken(ctx, req.Token)
}

// DeleteToken answers the operation of that name.
func (h *Handler) DeleteToken(ctx context.Context, req api.DeleteTokenRequestObject) (api.DeleteTokenResponseObject, error) {
	return h.deleteToken(ctx, req.Token)
}

// ListTestGroups answers the operation of that name.
func (h *Handler) ListTestGroups(ctx context.Context, _ api.ListTestGroupsRequestObject) (api.ListTestGroupsResponseObject, error) {
	return h.list(ctx, groups)
}

// CreateTestGroup answers the operation of that name.
func (h *Handler) CreateTestGroup(ctx context.Context, _ api.CreateTestGroupRequestObject) (api.CreateTestGroupResponseObject, error) {
	return h.createGroup(ctx)
}

// GetTestGroup answers the operation of that name.
func (h *Handler) GetTestGroup(ctx context.Context, req api.GetTestGroupRequestObject) (api.GetTestGroupResponseObject, error) {
	return h.get(ctx, groups, req.TestGroupID)
}

// UpdateTestGroup answers the operation of that name.
func (h *Handler) UpdateTestGroup(ctx context.Context, req api.UpdateTestGroupRequestObject) (api.UpdateTestGroupResponseObject, error) {
	return h.updateGroup(ctx, req.TestGroupID)
}

// DeleteTestGroup answers the operation of that name.
func (h *Handler) DeleteTestGroup(ctx context.Context, req api.DeleteTestGroupRequestObject) (api.DeleteTestGroupResponseObject, error) {
	return h.deleteGroup(ctx, req.TestGroupID)
}

// ListTestGroupValues answers the operation of that name.
func (h *Handler) ListTestGroupValues(ctx context.Context, req api.ListTestGroupValuesRequestObject) (api.ListTestGroupValuesResponseObject, error) {
	return h.values(ctx, groups, req.FieldName)
}

// CountTestGroupValues answers the operation of that name.
func (h *Handler) CountTestGroupValues(ctx context.Context, req api.CountTestGroupValuesRequestObject) (api.CountTestGroupValuesResponseObject, error) {
	return h.valueCount(ctx, groups, req.FieldName)
}

// ListTestCases answers the operation of that name.
func (h *Handler) ListTestCases(ctx context.Context, _ api.ListTestCasesRequestObject) (api.ListTestCasesResponseObject, error) {
	return h.list(ctx, cases)
}

// CreateTestCase answers the operation of that name.
func (h *Handler) CreateTestCase(ctx context.Context, _ api.CreateTestCaseRequestObject) (api.CreateTestCaseResponseObject, error) {
	return h.createCase(ctx)
}

// GetTestCase answers the operation of that name.
func (h *Handler) GetTestCase(ctx context.Context, req api.GetTestCaseRequestObject) (api.GetTestCaseResponseObject, error) {
	return h.get(ctx, cases, req.TestCaseID)
}

// UpdateTestCase answers the operation of that name.
func (h *Handler) UpdateTestCase(ctx context.Context, req api.UpdateTestCaseRequestObject) (api.UpdateTestCaseResponseObject, error) {
	return h.updateCase(ctx, req.TestCaseID)
}

// DeleteTestCase answers the operation of that name.
func (h *Handler) DeleteTestCase(ctx context.Context, req api.DeleteTestCaseRequestObject) (api.DeleteTestCaseResponseObject, error) {
	return h.deleteCase(ctx, req.TestCaseID)
}

// ListTestCaseValues answers the operation of that name.
func (h *Handler) ListTestCaseValues(ctx context.Context, req api.ListTestCaseValuesRequestObject) (api.ListTestCaseValuesResponseObject, error) {
	return h.values(ctx, cases, req.FieldName)
}

// CountTestCaseValues answers the operation of that name.
func (h *Handler) CountTestCaseValues(ctx context.Context, req api.CountTestCaseValuesRequestObject) (api.CountTestCaseValuesResponseObject, error) {
	return h.valueCount(ctx, cases, req.FieldName)
}

// ListTestRegressions answers the operation of that name.
func (h *Handler) ListTestRegressions(_ context.Context, _ api.ListTestRegressionsRequestObject) (api.ListTestRegressionsResponseObject, error) {
	return absent(noRegressions)
}

// GetTestRegression answers the operation of that name.
func (h *Handler) GetTestRegression(_ context.Context, _ api.GetTestRegressionRequestObject) (api.GetTestRegressionResponseObject, error) {
	return absent(noRegressions)
}

// ListCounts answers the operation of that name.
func (h *Handler) ListCounts(ctx context.Context, _ api.ListCountsRequestObject) (api.ListCountsResponseObject, error) {
	return h.count(ctx, "")
}

// GetCount answers the operation of that name.
func (h *Handler) GetCount(ctx context.Context, req api.GetCountRequestObject) (api.GetCountResponseObject, error) {
	return h.count(ctx, req.Collection)
}

// RunBatch answers the operation of that name.
func (h *Handler) RunBatch(ctx context.Context, _ api.RunBatchRequestObject) (api.RunBatchResponseObject, error) {
	return h.runBatch(ctx)
}

// UploadFiles answers the operation of that name.
func (h *Handler) UploadFiles(ctx context.Context, _ api.UploadFilesRequestObject) (api.UploadFilesResponseObject, error) {
	return h.uploadFiles(ctx)
}

// UploadFile answers the operation of that name.
func (h *Handler) UploadFile(ctx context.Context, req api.UploadFileRequestObject) (api.UploadFileResponseObject, error) {
	return h.uploadFile(ctx, req.FilePath)
}

// GetServiceVersion answers the operation of that name.
func (h *Handler) GetServiceVersion(ctx context.Context, _ api.GetServiceVersionRequestObject) (api.GetServiceVersionResponseObject, error) {
	return h.version(ctx)
}

// ReceiveLavaTest answers the operation of that name.
func (h *Handler) ReceiveLavaTest(ctx context.Context, req api.ReceiveLavaTestRequestObject) (api.ReceiveLavaTestResponseObject, error) {
	return h.receiveLavaTest(ctx, labOf(req.Params.LabName))
}

// ReceiveLavaBoot answers the operation of that name.
func (h *Handler) ReceiveLavaBoot(ctx context.Context, req api.ReceiveLavaBootRequestObject) (api.ReceiveLavaBootResponseObject, error) {
	return h.receiveLavaBoot(ctx, labOf(req.Params.LabName))
}

// labOf is the lab that a callback names, empty for none.
func labOf(name *string) string {
	if name == nil {
		return ""
	}
	return strings.TrimSpace(*name)
}

// SendReport answers the operation of that name.
func (h *Handler) SendReport(_ context.Context, _ api.SendReportRequestObject) (api.SendReportResponseObject, error) {
	return absent(noMail)
}

// ListReports answers the operation of that name.
func (h *Handler) ListReports(_ context.Context, _ api.ListReportsRequestObject) (api.ListReportsResponseObject, error) {
	return absent(noMail)
}

// GetReport answers the operation of that name.
func (h *Handler) GetReport(_ context.Context, _ api.GetReportRequestObject) (api.GetReportResponseObject, error) {
	return absent(noMail)
}

// ListStatistics answers the operation of that name.
func (h *Handler) ListStatistics(_ context.Context, _ api.ListStatisticsRequestObject) (api.ListStatisticsResponseObject, error) {
	return absent(noStatistics)
}

// ListJobLogs answers the operation of that name.
func (h *Handler) ListJobLogs(_ context.Context, _ api.ListJobLogsRequestObject) (api.ListJobLogsResponseObject, error) {
	return absent(noLogs)
}

// ListBuildLogs answers the operation of that name.
func (h *Handler) ListBuildLogs(_ context.Context, _ api.ListBuildLogsRequestObject) (api.ListBuildLogsResponseObject, error) {
	return absent(noLogs)
}

// GetBisection answers the operation of that name.
func (h *Handler) GetBisection(_ context.Context, _ api.GetBisectionRequestObject) (api.GetBisectionResponseObject, error) {
	return absent(noBisection)
}
