package reports

import (
	"context"
	"strings"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// absent answers for what the original has and this server does not.
func absent(what string) (*answer, error) { return nil, fault.NotImplemented("%s", what) }

const (
	noMail        = "this server sends no reports by mail"
	noStatistics  = "this server keeps no daily totals; GET /v1/count answers for any span of time"
	noLogs        = "this server does not search the logs of builds"
	noBisection   = "this server does not bisect"
	noRegressions = "this server does not look for regressions"
)

// GetServiceVersion answers which version of the server runs: its number, and with the
// commit.
func (h *Handler) GetServiceVersion(ctx context.Context, _ reportsapi.GetServiceVersionRequestObject) (reportsapi.Response, error) {
	number := strings.TrimPrefix(h.config.Build, "v")
	for i, part := range strings.Split(number, ".") {
		if i == 3 || part == "" || strings.Trim(part, "0123456789") != "" {
			number = strings.Join(strings.Split(number, ".")[:i], ".")
			break
		}
	}
	if number == "" {
		number = h.config.Build
	}
	return reading(ctx, func(b *body) (err error) {
		b.buf = append(b.buf, `{"code":200,"result":[`...)
		b.buf, err = appendJSON(b.buf, map[string]string{"version": number, "full_version": h.config.Build})
		b.buf = append(b.buf, `]}`...)
		return err
	}), nil
}

// RefuseToken answers a POST to a token of its own: the original says 400 and
// not 501.
func (h *Handler) RefuseToken(context.Context, reportsapi.RefuseTokenRequestObject) (reportsapi.Response, error) {
	return nil, fault.Invalid("a token is created by POST /token, without a further path")
}

// ListTestRegressions answers 501.
func (h *Handler) ListTestRegressions(context.Context, reportsapi.ListTestRegressionsRequestObject) (reportsapi.Response, error) {
	return absent(noRegressions)
}

// GetTestRegression answers 501.
func (h *Handler) GetTestRegression(context.Context, reportsapi.GetTestRegressionRequestObject) (reportsapi.Response, error) {
	return absent(noRegressions)
}

// SendReport answers 501.
func (h *Handler) SendReport(context.Context, reportsapi.SendReportRequestObject) (reportsapi.Response, error) {
	return absent(noMail)
}

// ListReports answers 501.
func (h *Handler) ListReports(context.Context, reportsapi.ListReportsRequestObject) (reportsapi.Response, error) {
	return absent(noMail)
}

// GetReport answers 501.
func (h *Handler) GetReport(context.Context, reportsapi.GetReportRequestObject) (reportsapi.Response, error) {
	return absent(noMail)
}

// ListStatistics answers 501.
func (h *Handler) ListStatistics(context.Context, reportsapi.ListStatisticsRequestObject) (reportsapi.Response, error) {
	return absent(noStatistics)
}

// ListJobLogs answers 501.
func (h *Handler) ListJobLogs(context.Context, reportsapi.ListJobLogsRequestObject) (reportsapi.Response, error) {
	return absent(noLogs)
}

// ListBuildLogs answers 501.
func (h *Handler) ListBuildLogs(context.Context, reportsapi.ListBuildLogsRequestObject) (reportsapi.Response, error) {
	return absent(noLogs)
}

// ListBisections answers 501.
func (h *Handler) ListBisections(context.Context, reportsapi.ListBisectionsRequestObject) (reportsapi.Response, error) {
	return absent(noBisection)
}

// SendBisection answers 501.
func (h *Handler) SendBisection(context.Context, reportsapi.SendBisectionRequestObject) (reportsapi.Response, error) {
	return absent(noBisection)
}

// GetBisection answers 501.
func (h *Handler) GetBisection(context.Context, reportsapi.GetBisectionRequestObject) (reportsapi.Response, error) {
	return absent(noBisection)
}
