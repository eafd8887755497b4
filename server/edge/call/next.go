package call

import (
	"context"
	"fmt"
	"net/url"
)

// Next is the value of a Link header that leads to the next page of the list that
// was asked for: the same path and query with the parameter set to value. It is
// empty for an empty value, which is the last page's.
func Next(ctx context.Context, parameter, value string) string {
	if value == "" {
		return ""
	}
	info := From(ctx)
	query, _ := url.ParseQuery(info.Query) // the request was admitted, so it can be read
	query.Set(parameter, value)
	return fmt.Sprintf(`<%s%s?%s>; rel="next"`, info.Origin.Prefix, info.Path, query.Encode())
}
