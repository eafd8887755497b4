package frame

import (
	"errors"
	"net/http"

	"github.com/slipway-lab/slipway/gen/client"
)

// Keeping is whether a set stays whatever the rules of retention say:
// {{template "keeping" $}} where the view has one.
type Keeping struct {
	Set  string
	Keep *client.RetentionKeep // nil: the rules count
}

// KeepingOf asks whether a set is kept. It is nil for visitors who may neither keep nor
// know it.
func KeepingOf(v *Visit, set string) (*Keeping, error) {
	if !v.May("listRetentionKeeps", "createRetentionKeep") {
		return nil, nil
	}
	answer, err := v.API.ListRetentionKeepsWithResponse(v.Context(), &client.ListRetentionKeepsParams{Set: &set, Limit: new(int32(1))})
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusBadRequest {
		return nil, nil // such as a kernel of no branch, which has no reference
	}
	if err != nil {
		return nil, err
	}
	k := &Keeping{Set: set}
	if list := answer.JSON200.Keeps; len(list) > 0 {
		k.Keep = &list[0]
	}
	return k, nil
}
