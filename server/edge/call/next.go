package call

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
)

// Paged makes the answer a page of a list: it says where the next one begins, in
// next of the body, and in a Link header that has the whole address unless the
// handler has set one. An empty next is the last page's. A body that is an array has
// the header alone.
func (a *Answer) Paged(ctx context.Context, next string) *Answer {
	a.paged, a.next = true, next
	if a.Header.Get("Link") == "" {
		a.With("Link", Next(ctx, next))
	}
	return a
}

// Next is the value of a Link header that leads to the next page of the list that
// was asked for: the same path and query with after set to the cursor. It is empty
// for an empty one, which is the last page's.
func Next(ctx context.Context, cursor string) string {
	if cursor == "" {
		return ""
	}
	info := From(ctx)
	query, _ := url.ParseQuery(info.Query) // the request was admitted, so it can be read
	query.Set("after", cursor)
	query.Del("cursor") // its second name
	query.Del("page")   // says where to begin as well
	return fmt.Sprintf(`<%s%s?%s>; rel="next"`, info.Origin.Prefix, info.Path, query.Encode())
}

// withNext writes next at the end of a JSON object; what is no object stays as it
// is.
func withNext(text []byte, next string) []byte {
	body, object := bytes.CutSuffix(bytes.TrimRight(text, "\n"), []byte("}"))
	if !object {
		return text
	}
	value := []byte("null")
	if next != "" {
		value, _ = json.Marshal(next) // a text always can be
	}
	comma := ","
	if len(bytes.TrimSpace(body)) == 1 {
		comma = ""
	}
	return fmt.Appendf(body[:len(body):len(body)], "%s\"next\":%s}\n", comma, value)
}
