package admin

import (
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// keep takes the forms of the pages of runs, kernels and images that keep the set
// whatever the rules say, or let them count again.
func keep(v *frame.Visit) (*frame.View, error) {
	back := frame.SafePage(v.Form("back"))
	if v.Form("do") == "release" {
		if _, err := v.API.DeleteRetentionKeepWithResponse(v.Context(), v.Form("keep")); err != nil {
			return nil, err
		}
		return v.Redirect(back, "The rules of retention count for it again."), nil
	}
	in := client.NewRetentionKeep{Set: v.Form("set"), Reason: strings.TrimSpace(v.Form("reason"))}
	if in.Reason == "" {
		return nil, v.Invalid("The reason is missing: who cleans up later wants to know why it is kept.")
	}
	if text := strings.TrimSpace(v.Form("until")); text != "" {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, v.Invalid("“until” must be a day such as 2026-12-31, or nothing for ever.")
		}
		if !day.After(time.Now()) {
			return nil, v.Invalid("“until” must be a day that lies ahead, or nothing for ever: what is kept until a day that is over is not kept.")
		}
		in.Until = nullable.NewNullableWithValue(day)
	}
	if _, err := v.API.CreateRetentionKeepWithResponse(v.Context(), nil, in); err != nil {
		return nil, err
	}
	return v.Redirect(back, "It is kept whatever the rules of retention say."), nil
}
