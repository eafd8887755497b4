package reports

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// useLabToken is the warning for who reports with an administrator's token.
const useLabToken = "Use the token of the lab rather than an administrator's to report for it"

// everyLab reports whether the caller may report for any lab.
func everyLab(who auth.Identity) bool {
	if slices.Contains(who.Flags, auth.KernelCI) {
		return slices.Contains(who.Flags, "admin")
	}
	return who.Is(auth.Operator) || who.Is(auth.Admin)
}

// mayReport checks that the caller reports for the lab, which he must see in s. It
// returns a warning for administrators. In the transaction that stores the report it
// costs next to nothing: the writer has in memory what a reader would read anew after
// every commit.
func (h *Handler) mayReport(ctx context.Context, s *reportstore.Store, lab string) ([]string, error) {
	who := auth.From(ctx)
	every := everyLab(who)
	if !every && !slices.Contains(who.Labs, lab) {
		return nil, notTheLabs(ctx, lab)
	}
	known, err := s.For(who.Scope()).HasIdentity(ctx, labs.table, labIdentity(lab))
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, notTheLabs(ctx, lab)
	case every:
		return []string{useLabToken}, nil
	}
	return nil, nil
}

// labIdentity is that of the lab with this name.
func labIdentity(name string) []byte {
	lab := document.Lab.New()
	lab.Set("name", name)
	return lab.Identity()
}

// notTheLabs refuses a token that does not speak for the lab. The cause, which only
// the log tells, says for which labs it does: people ask why their lab's reports do
// not come in.
func notTheLabs(ctx context.Context, lab string) error {
	who := auth.From(ctx)
	return fault.New(http.StatusForbidden, "not-the-labs-token",
		"Provided authentication token is not associated with lab '%.80s' or is not valid", lab).
		Because(fmt.Errorf("token %s speaks for the labs %q", who.TokenID, who.Labs))
}

// mayTest checks that a lab's token reports the lab's own tests. Who speaks for
// no lab in particular may report for any.
func mayTest(ctx context.Context, lab string) error {
	who := auth.From(ctx)
	kernelCI := slices.Contains(who.Flags, auth.KernelCI)
	switch {
	case everyLab(who), slices.Contains(who.Labs, lab):
		return nil
	case len(who.Labs) == 0 && (kernelCI || !who.Is(auth.Lab)): // test_lab without a lab, as in the original
		return nil
	}
	return notTheLabs(ctx, lab)
}

// mayUpload checks that a token that speaks for labs stores files only for them:
// for the lab that a form names, and below a folder that is called like the lab, which
// is where KernelCI keeps what labs send.
func mayUpload(ctx context.Context, lab string, files []*reportstore.File) error {
	who := auth.From(ctx)
	if everyLab(who) || len(who.Labs) == 0 {
		return nil
	}
	if lab != "" && !slices.Contains(who.Labs, lab) {
		return notTheLabs(ctx, lab)
	}
	for _, f := range files {
		folders := strings.Split(f.Path, "/")
		if !slices.ContainsFunc(folders[:len(folders)-1], func(name string) bool { return slices.Contains(who.Labs, name) }) {
			return fault.Forbidden("the token of a lab stores files below a folder with the name of the lab only")
		}
	}
	return nil
}

// ownLabs returns the labs that a deletion is limited to, and false when it is
// not limited.
func ownLabs(who auth.Identity) ([]string, bool) {
	switch {
	case everyLab(who):
		return nil, false
	case slices.Contains(who.Flags, auth.KernelCI):
		return who.Labs, slices.Contains(who.Flags, "lab") && !slices.Contains(who.Flags, "superuser")
	}
	return who.Labs, true
}
