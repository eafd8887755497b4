package frame

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// CSV takes the rows of a list.
type CSV struct {
	w *csv.Writer
	n int
}

// Row writes a row. Times are written in UTC, what is absent is empty, and text that
// a spreadsheet would take for a formula gets an apostrophe in front.
func (c *CSV) Row(fields ...any) error {
	record := make([]string, len(fields))
	for i, f := range fields {
		record[i] = cell(f)
	}
	c.n++
	if err := c.w.Write(record); err != nil {
		return err
	}
	if c.n%100 == 0 {
		c.w.Flush()
	}
	return c.w.Error()
}

func cell(field any) string {
	switch value := deref(field).(type) {
	case nil:
		return ""
	case time.Time:
		return value.UTC().Format(time.RFC3339)
	case string:
		if value != "" && strings.ContainsRune("=+-@\t\r\n", rune(value[0])) {
			return "'" + value
		}
		return value
	default:
		return fmt.Sprint(value)
	}
}

// writeCSV streams the list. One that breaks off ends in a row that says so.
func (v *Visit) writeCSV(view *View) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+fileTitle(view.Title)+`.csv"`)
	out := &CSV{w: csv.NewWriter(v.w)}
	out.w.UseCRLF = true
	if err := view.CSV(out); err != nil {
		_ = out.Row("THE LIST ENDS HERE, BUT IT IS NOT WHOLE: " + err.Error()) // the visitor may have gone
	}
	out.w.Flush()
	return nil
}

// fileTitle is a title as the name of a file.
func fileTitle(title string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(title)), "-")
}

// writeJSON answers with what the API answers.
func (v *Visit) writeJSON(path string) error {
	answer, err := v.transport.get(v.Context(), path, "application/json")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	v.w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	v.w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(v.w, answer.Body) // the visitor may have gone
	return nil
}

// Answer calls an operation with a body, and returns what came back whatever its
// status, for those whose refusal is a document of its own. The caller closes the body.
func (v *Visit) Answer(method, path, mediaType string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(v.Context(), method, base+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", mediaType)
	return v.transport.Do(r)
}

// Get calls an operation of the API whose answer is no JSON, such as a file, by its
// path. The caller closes the body. An answer of status 400 and above is a
// *client.Problem.
func (v *Visit) Get(path, accept string) (*http.Response, error) {
	answer, err := v.transport.get(v.Context(), path, accept)
	if err != nil {
		return nil, err
	}
	return checked(answer)
}

// passedOn are the headers of a file that its visitor's browser needs.
var passedOn = []string{
	"Content-Type", "Content-Length", "Content-Disposition", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified", "Content-Security-Policy", "X-Content-Type-Options",
}

// asked are the headers by which a browser asks for a part of a file.
var asked = []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"}

// File answers with a file of the API, by its path, as the API has it: parts of it
// too, and never as something that a browser would run.
func (v *Visit) File(path string) *View {
	return &View{Raw: func(w http.ResponseWriter) error {
		r, err := http.NewRequestWithContext(v.Context(), http.MethodGet, base+path, http.NoBody)
		if err != nil {
			return err
		}
		for _, name := range asked {
			if value := v.HTTP.Header.Get(name); value != "" {
				r.Header.Set(name, value)
			}
		}
		answer, err := v.transport.Do(r)
		if err != nil {
			return err
		}
		if answer, err = checked(answer); err != nil {
			return v.writePage(v.problem(err))
		}
		defer answer.Body.Close()
		for _, name := range passedOn {
			if value := answer.Header.Get(name); value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body) // the visitor may have gone
		return nil
	}}
}
