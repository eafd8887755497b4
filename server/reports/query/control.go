package query

import "fmt"

func readPaging(a args, q *Query) (err error) {
	if q.Limit, err = readCount(a, "limit"); err != nil {
		return err
	}
	q.Skip, err = readCount(a, "skip")
	return err
}

// readCount reads limit or skip. A number too large for 64 bits is as good as
// the largest.
func readCount(a args, key string) (int64, error) {
	raw, ok := a.last(key)
	if !ok {
		return 0, nil
	}
	if !isDigits(raw) {
		return 0, &SyntaxError{Parameter: key, Reason: quote(raw) + " is not a whole number of 0 or more"}
	}
	n, _, _ := parseInt(raw)
	return n, nil
}

// readSort reads sort and sort_order. Any integer but 1 means descending, and
// so does none: that is the original's default.
func readSort(a args, q *Query) error {
	q.Sort = a.given("sort")
	raw, ok := a.last("sort_order")
	n := int64(-1)
	if ok {
		if n, _, ok = parseInt(raw); !ok {
			return &SyntaxError{Parameter: "sort_order", Reason: quote(raw) + " is not an integer; 1 is ascending, -1 descending"}
		}
	}
	q.Descending = len(q.Sort) > 0 && n != 1
	return nil
}

// quote repeats what a client sent, but not all of it when it is long.
func quote(raw string) string {
	const most = 40
	if runes := []rune(raw); len(runes) > most {
		raw = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", raw)
}

// isParameter reports whether key controls the query and so is no field.
func isParameter(key string) bool {
	switch key {
	case "limit", "skip", "sort", "sort_order", "field", "nfield", "aggregate",
		"date_range", "time_range", "gte", "lt", "gt", "lte", "ne":
		return true
	}
	return false
}
