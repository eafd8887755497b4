package refstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// perPage is the length of a page (refstack/api/app.py, results_per_page).
const perPage = 20

// timeFormat is how RefStack writes times: with a space, without a zone, UTC.
const timeFormat = "2006-01-02 15:04:05"

// The forms of a bound of a list; Python's strptime, with which RefStack read
// them, takes one digit for two.
const (
	momentLayout = "2006-1-2 15:4:5"
	dayLayout    = "2006-1-2"
)

// parseDate reads a bound of a list. Times are stored with more digits than
// they are shown with, so an end includes all that is shown as the same.
func parseDate(name, text string, end bool) (time.Time, error) {
	unit := time.Second
	t, err := time.Parse(momentLayout, text)
	if err != nil {
		unit = 24 * time.Hour
		t, err = time.Parse(dayLayout, text)
	}
	if err == nil && t.Nanosecond() != 0 { // which Go reads without being asked
		err = errors.New("a fraction of a second")
	}
	if err != nil {
		const allowed = "does not match YYYY-MM-DD HH:MM:SS or YYYY-MM-DD"
		return t, refused("Invalid date format: "+name+" "+allowed, entry(name, "query", allowed)).Because(err)
	}
	if end {
		t = t.Add(unit - time.Microsecond)
	}
	return t, nil
}

// filterOf reads the parameters of a list in RefStack's order.
func (h *Handler) filterOf(who caller, p refstackapi.ListPublishedResultsParams) (refstackstore.PublishedFilter, error) {
	f := refstackstore.PublishedFilter{Scope: who.scope}
	var err error
	if p.StartDate != nil {
		if f.From, err = parseDate("start_date", *p.StartDate, false); err != nil {
			return f, err
		}
	}
	if p.EndDate != nil {
		if f.To, err = parseDate("end_date", *p.EndDate, true); err != nil {
			return f, err
		}
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.From.After(f.To) {
		return f, refused("Invalid dates: start_date more than end_date",
			entry("start_date", "query", "must not be after end_date"), entry("end_date", "query", "must not be before start_date"))
	}
	if p.Cpid != nil {
		f.CPID = *p.Cpid
	}
	if p.Signed != nil {
		if who.owner == "" {
			return f, refused("To see signed test results you need to authenticate", entry("signed", "query", "needs a token that names an owner"))
		}
		f.Owner = who.owner
	}
	f.Verification, err = verificationOf(p.VerificationStatus)
	return f, err
}

func verificationOf(text *string) (*int64, error) {
	if text == nil || *text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	if err != nil || n != 0 && n != 1 {
		return nil, refused("Invalid verification_status value: "+*text, entry("verification_status", "query", "must be 0 or 1"))
	}
	return &n, nil
}

// pageOf reads the number of the page. Whether it exists is known later.
func pageOf(text *string) (int64, error) {
	if text == nil {
		return 1, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(*text), 10, 64)
	if err != nil {
		return 0, badPage("The page number can not be converted to an integer", "must be an integer").Because(err)
	}
	if n <= 0 {
		return 0, badPage("The page number less or equal zero.", "must be at least 1")
	}
	return n, nil
}

// badPage has the texts of refstack/api/utils.py, get_page_number.
func badPage(text, allowed string) *fault.Fault {
	return refused("Invalid page number: "+text, entry("page", "query", allowed))
}

// ListPublishedResults answers a page of results, newest first.
func (h *Handler) ListPublishedResults(ctx context.Context, req refstackapi.ListPublishedResultsRequestObject) (refstackapi.Response, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := h.filterOf(who, req.Params)
	if err != nil {
		return nil, err
	}
	if req.Params.ProductID != nil {
		f := fault.NotFound("Product with id %s not found", *req.Params.ProductID)
		f.Title = f.Detail
		return nil, f
	}
	number, err := pageOf(req.Params.Page)
	if err != nil {
		return nil, err
	}
	filter.Page = pageBehind(req.Params.Limit, req.Params.After)
	list, pages, err := h.listPage(ctx, filter, number)
	if err != nil {
		return nil, err
	}
	body := refstackapi.PublishedList{Results: []refstackapi.PublishedItem{}}
	link := ""
	if filter.Page.After == "" {
		body.Pagination = &refstackapi.PublishedPages{CurrentPage: number, TotalPages: pages}
		if req.Params.Page != nil || req.Params.Limit == nil { // a walk of ours goes by cursor
			link = numberedLink(ctx, number+1, pages)
		}
	}
	for i := range list.Items {
		body.Results = append(body.Results, h.itemToAPI(ctx, &list.Items[i], who))
	}
	answer := call.OK(body).With("Link", link)
	if filter.Page == (store.Page{}) { // RefStack's own clients, whose body has no next
		return answer, nil
	}
	return answer.Paged(ctx, list.Next), nil
}

// pageBehind is the page that the parameters of ours ask for; the zero value when there
// are none.
func pageBehind(limit *int32, after *string) store.Page {
	var p store.Page
	if limit != nil {
		p.Limit = int(*limit)
	}
	if after != nil {
		p.After = *after
	}
	return p
}

// numberedLink leads to the page with a number, if there is one.
func numberedLink(ctx context.Context, number, pages int64) string {
	if number > pages {
		return ""
	}
	info := call.From(ctx)
	query, _ := url.ParseQuery(info.Query) // the request was admitted, so it can be read
	query.Set("page", strconv.FormatInt(number, 10))
	return fmt.Sprintf(`<%s/v1/results?%s>; rel="next"`, info.Origin.Prefix, query.Encode())
}

// listPage reads one page, behind a cursor or the one with the number, and says how
// many there are; behind a cursor that is not counted. The first page exists in any case.
func (h *Handler) listPage(ctx context.Context, filter refstackstore.PublishedFilter, number int64) (store.List[refstackstore.Published], int64, error) {
	const last = 1 << 40 // beyond any list, and far from an overflow
	p := &filter.Page
	p.Limit = cmp.Or(p.Limit, perPage)
	if p.After == "" {
		// Exact: total_pages is a promise of RefStack's API.
		p.Offset, p.Total, p.Exact = (int(min(number, last))-1)*p.Limit, true, true
	}
	list, err := h.store.ListPublished(ctx, filter)
	if err != nil || p.After != "" {
		return list, 0, fault.Cursor(err)
	}
	pages := (list.Total + int64(p.Limit) - 1) / int64(p.Limit)
	if number > 1 && number > pages {
		return list, 0, badPage("The page number is greater than the total number of pages.", "must be at most "+strconv.FormatInt(max(pages, 1), 10))
	}
	return list, pages, nil
}

func (h *Handler) itemToAPI(ctx context.Context, p *refstackstore.Published, who caller) refstackapi.PublishedItem {
	out := refstackapi.PublishedItem{
		ID:                 p.ID,
		CreatedAt:          p.CreatedAt.UTC().Format(timeFormat),
		DurationSeconds:    p.DurationSeconds,
		Meta:               metaToAPI(p, who.roleFor(p)),
		URL:                h.resultURL(ctx, p.ID),
		VerificationStatus: int32(p.Verification),
	}
	if who.roleFor(p).mayWrite() {
		out.Cpid = &p.CPID
	}
	out.ProductVersion.SetNull()
	return out
}
