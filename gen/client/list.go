package client

import (
	"fmt"
	"iter"
	"net/http"

	"github.com/oapi-codegen/nullable"
)

// pages walks a list: read reads the page behind a cursor, or the first one, and
// returns the cursor of the next. A list that is at its end has none; a log that goes
// on has the same one again.
func pages[P, T any](params *P, read func(params *P, after string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var p P
		if params != nil {
			p = *params
		}
		for after := ""; ; {
			items, next, err := read(&p, after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" || next == after {
				return
			}
			after = next
		}
	}
}

// fullPage is the limit for lists that name the next page only to those who ask for one.
var fullPage = int32(100)

// cursorOf is the cursor that a page names, "" on the last.
func cursorOf(next nullable.Nullable[string]) string {
	text, _ := next.Get() // "" when it is null or left out
	return text
}

// noPage says that an answer was a good one, but no page of a list.
func noPage(r *http.Response) error {
	return fmt.Errorf("the answer %s of type %q is no page of a list", r.Status, r.Header.Get("Content-Type"))
}
