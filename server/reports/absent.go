package reports

import (
	"context"
	"strings"

	"github.com/slipway-lab/slipway/server/fault"
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

// version answers which version of the server runs: its number, and with the
// commit.
func (h *Handler) version(ctx context.Context) (*answer, error) {
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

// refuseToken answers a POST to a token of its own: the original says 400 and
// not 501.
func refuseToken() (*answer, error) {
	return nil, fault.Invalid("a token is created by POST /token, without anything behind it")
}
