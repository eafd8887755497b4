package analysis

import (
	"context"
	"encoding/csv"
	"net/http"
	"strings"

	"github.com/slipway-lab/slipway/server/analysis/engine"
)

// compareCSV writes a whole comparison as it is read.
type compareCSV struct {
	ctx context.Context //nolint:containedctx // of the request, in which the answer is written
	c   *comparison
	q   *comparing
}

// WriteResponse writes the header when the first row is known, so that a failure
// before it is still an error.
func (a *compareCSV) WriteResponse(w http.ResponseWriter) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		return out.Write(append(append([]string{}, a.c.fields...), "name", "class", "base_outcome", "base_status", "head_outcome", "head_status", "known_issue"))
	}
	err := a.c.walk(a.ctx, passage{passes: a.q.mayWant}, func(e *entry) (bool, error) {
		if !a.q.wants(e) {
			return true, nil
		}
		if err := begin(); err != nil {
			return false, err
		}
		return true, out.Write(a.row(e))
	})
	if err == nil {
		err = begin()
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

func (a *compareCSV) row(e *entry) []string {
	key := e.Key()
	var row []string
	for _, v := range key.Context {
		row = append(row, cell(valueOr(engine.PlainValue(v), "")))
	}
	row = append(row, cell(key.Name), e.Class.String())
	for _, t := range []*engine.Test{e.Base, e.Head} {
		if t == nil {
			row = append(row, "", "")
		} else {
			row = append(row, t.Outcome.String(), cell(t.Status))
		}
	}
	if e.Issue == nil {
		return append(row, "")
	}
	return append(row, cell(e.Issue.Title))
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
