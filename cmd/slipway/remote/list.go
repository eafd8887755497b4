package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// pageLimit is the most that one page of the API holds.
const pageLimit = 1000

// maxAnswer bounds an answer that is held in memory.
const maxAnswer = 256 << 20

// Limited are the flags of a list.
type Limited struct {
	Limit int           `default:"100" min:"0" help:"How many at most; 0: all."`
	Since time.Duration `default:"0s" min:"0s" placeholder:"DURATION" help:"Only what is younger than this, such as 2h; 0: no limit."`
}

// Counted is the flag of a list whose items have no time of their own.
type Counted struct {
	Limit int `default:"100" min:"0" help:"How many at most; 0: all."`
}

func (c Counted) limited() Limited { return Limited{Limit: c.Limit} }

// example is the help of a command: a line that works on a server as the tests
// prepare it.
func example(lines ...string) string {
	return "Example:\n\n    " + strings.Join(lines, "\n    ")
}

// Example is the command of a help text.
func Example(help string) string {
	_, lines, _ := strings.Cut(help, "Example:\n\n    ")
	return strings.ReplaceAll(lines, "\n    ", "\n")
}

func document(v any) json.RawMessage {
	text, _ := json.Marshal(v) // of plain values
	return text
}

// call is a generated call whose parameters are in the query.
type call func(...client.RequestEditorFn) (*http.Response, error)

// listing is a list of the API.
type listing struct {
	call    call
	query   url.Values
	key     string // the member that holds the list; "" when the answer is the list
	skips   bool   // pages are asked for by skip, as KernelCI has them
	limits  bool   // the call has a limit
	time    string // where an item's time is, for --since
	columns []terminal.Column
	empty   string
}

// list reads a list and prints it.
func (s *session) list(l listing, by Limited) error {
	items, more, err := s.read(l, by)
	if err != nil {
		return err
	}
	rows := terminal.Rows{Items: items, Columns: l.columns, Empty: l.empty}
	if more {
		rows.More = fmt.Sprintf("There are more than these %d: --limit 0 shows all.", len(items))
	}
	return s.List(rows)
}

// read reads pages until there are enough; more is whether there are others.
func (s *session) read(l listing, by Limited) (items []json.RawMessage, more bool, err error) {
	query := url.Values{}
	for k, v := range l.query {
		query[k] = v
	}
	for {
		if l.limits {
			n := pageLimit
			if by.Limit > 0 {
				n = min(by.Limit-len(items)+1, pageLimit)
			}
			query.Set("limit", strconv.Itoa(n))
		}
		page, next, err := fetch(l, query)
		if err != nil {
			return nil, false, err
		}
		for _, item := range page {
			if by.Since > 0 && l.time != "" && older(item, l.time, by.Since) {
				continue
			}
			if by.Limit > 0 && len(items) == by.Limit {
				return items, true, nil
			}
			items = append(items, item)
		}
		switch {
		case next != nil && len(page) > 0:
			query = next
		case l.skips && len(page) == pageLimit:
			skip, _ := strconv.Atoi(query.Get("skip"))
			query.Set("skip", strconv.Itoa(skip+len(page)))
		default:
			return items, false, nil
		}
	}
}

// fetch reads one page and the query of the next.
func fetch(l listing, query url.Values) ([]json.RawMessage, url.Values, error) {
	answer, err := l.call(func(_ context.Context, r *http.Request) error {
		r.URL.RawQuery = query.Encode()
		return nil
	})
	text, err := body(answer, err)
	if err != nil {
		return nil, nil, err
	}
	list := text
	if l.key != "" {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return nil, nil, terminal.Trouble("the server's answer is no JSON: %w", err)
		}
		list = members[l.key]
	}
	var items []json.RawMessage
	if len(list) > 0 {
		if err := json.Unmarshal(list, &items); err != nil {
			return nil, nil, terminal.Trouble("the server's answer is no list: %w", err)
		}
	}
	return items, nextOf(answer.Header), nil
}

// nextOf is the query of the link to the next page, nil when there is none.
func nextOf(h http.Header) url.Values {
	for _, value := range h.Values("Link") {
		for _, link := range strings.Split(value, ", <") {
			address, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
			if !ok || !strings.Contains(rest, `rel="next"`) {
				continue
			}
			if u, err := url.Parse(address); err == nil {
				return u.Query()
			}
		}
	}
	return nil
}

// body reads an answer whole.
func body(answer *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, terminal.Trouble("the answer broke off: %w", err)
	}
	if len(text) > maxAnswer {
		return nil, terminal.Trouble("the answer is larger than %s; ask for less", terminal.Bytes(maxAnswer))
	}
	return text, nil
}

// into reads an answer as JSON.
func into(v any, answer *http.Response, err error) error {
	text, err := body(answer, err)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return terminal.Trouble("the server's answer is not what the document says: %w", err)
	}
	return nil
}

// show prints the document of an answer.
func (s *session) show(columns []terminal.Column, answer *http.Response, err error) error {
	var item json.RawMessage
	if err := into(&item, answer, err); err != nil {
		return err
	}
	return s.One(item, columns)
}

// older reports whether an item's time lies before the last d; an item without a
// time is not.
func older(item json.RawMessage, path string, d time.Duration) bool {
	at, err := time.Parse(time.RFC3339Nano, stringAt(item, path))
	return err == nil && time.Since(at) > d
}

// stringAt is a text of a document, "" when there is none.
func stringAt(item json.RawMessage, path string) string {
	for _, name := range strings.Split(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(item, &members) != nil {
			return ""
		}
		item = members[name]
	}
	var text string
	if json.Unmarshal(item, &text) != nil {
		return strings.TrimSpace(string(item))
	}
	return text
}

// values builds a query of pairs and leaves out what is empty.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Add(pairs[i], pairs[i+1])
		}
	}
	return v
}

// number is a number as text, "" for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// confirmed asks before something is destroyed; without a terminal it must have
// been said.
func (s *session) confirmed(yes bool, question string) error {
	if yes {
		return nil
	}
	if !s.ErrTTY {
		return terminal.Usage("%s Say --yes.", question)
	}
	fmt.Fprint(s.Err, question+" [y/N] ")
	var answer string
	if _, err := fmt.Fscanln(s.In, &answer); err != nil && !errors.Is(err, io.EOF) {
		return terminal.Usage("it was not confirmed")
	}
	if a := strings.ToLower(answer); a != "y" && a != "yes" {
		return terminal.Usage("it was not confirmed")
	}
	return nil
}

// columns writes heads and places as "HEAD path" or "HEAD path other".
func columns(specs ...string) []terminal.Column {
	list := make([]terminal.Column, len(specs))
	for i, spec := range specs {
		parts := strings.Fields(spec)
		list[i] = terminal.Column{Head: strings.ReplaceAll(parts[0], "_", " "), Path: parts[1]}
		if len(parts) > 2 {
			list[i].Or = parts[2]
		}
	}
	return list
}

// setQuery gives a call its whole query.
func setQuery(q url.Values) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.URL.RawQuery = q.Encode()
		return nil
	}
}
