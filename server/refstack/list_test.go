package refstack_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// eachAt runs the test on every database with a clock that the test turns.
func eachAt(t *testing.T, test func(t *testing.T, s *servertest.Server, now *clock)) {
	t.Helper()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		now := &clock{}
		now.set(time.Date(2015, 1, 16, 10, 10, 10, 500_000_000, time.UTC))
		cfg.Now = now.get
		test(t, servertest.On(t, storetest.Open(t, cfg), func(c *server.Config) {}), now)
	})
}

// clock is read by the server's background work while the test turns it.
type clock struct{ nanos atomic.Int64 }

func (c *clock) get() time.Time  { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) set(t time.Time) { c.nanos.Store(t.UnixNano()) }

func TestListPublishedResults(t *testing.T) {
	t.Parallel()
	eachAt(t, func(t *testing.T, s *servertest.Server, now *clock) {
		empty := decode[page](t, s.Do("GET", "/v1/results/", ""), 200)
		if empty.Results == nil || len(empty.Results) != 0 || empty.Pagination.CurrentPage != 1 || empty.Pagination.TotalPages != 0 {
			t.Errorf("empty: %+v", empty)
		}
		start := now.get()
		var ids []string
		for i := range 41 {
			now.set(start.Add(time.Duration(i) * time.Hour))
			body := fmt.Sprintf(`{"cpid":"cp%d","duration_seconds":%d,"results":["a"]}`, i%2, i)
			ids = append(ids, post(t, s, body))
		}
		first := decode[page](t, s.Do("GET", "/v1/results/?page=1", ""), 200)
		r := first.Results[19]
		if len(first.Results) != 20 || first.Pagination.TotalPages != 3 || first.Results[0].ID != ids[40] || r.ID != ids[21] {
			t.Errorf("page 1: %d results, %+v", len(first.Results), first.Pagination)
		}
		if r.CreatedAt != "2015-01-17 07:10:10" || r.DurationSeconds != 21 || r.Meta == nil || r.URL != s.URL+"/v1/results/"+r.ID || r.CPID != nil || r.ProductVersion != nil {
			t.Errorf("an item: %+v", r)
		}
		last := decode[page](t, s.Do("GET", "/v1/results/?page=3", ""), 200)
		if len(last.Results) != 1 || last.Results[0].ID != ids[0] || last.Pagination.CurrentPage != 3 {
			t.Errorf("page 3: %+v", last)
		}
		for _, tt := range []struct {
			name  string
			query url.Values
			want  int // on all pages
		}{
			{"cpid", url.Values{"cpid": {"cp1"}}, 20},
			{"another cpid", url.Values{"cpid": {"cp2"}}, 0},
			{"inclusive to the second", url.Values{"start_date": {"2015-01-16 10:10:10"}, "end_date": {"2015-01-16 11:10:10"}}, 2},
			{"one digit for two", url.Values{"start_date": {"2015-1-16 10:10:9"}, "end_date": {"2015-1-16"}}, 14},
			{"days", url.Values{"start_date": {"2015-01-17"}, "end_date": {"2015-01-17"}}, 24},
			{"a day as the end takes in all of it", url.Values{"end_date": {"2015-01-16"}}, 14},
			{"everything together", url.Values{"start_date": {"2015-01-17"}, "end_date": {"2015-01-17 23:59:59"}, "cpid": {"cp0"}}, 12},
			{"none verified", url.Values{"verification_status": {"1"}}, 0},
			{"all unverified", url.Values{"verification_status": {"0"}}, 41},
		} {
			got := 0
			for n := 1; ; n++ {
				tt.query.Set("page", fmt.Sprint(n))
				list := decode[page](t, s.Do("GET", "/v1/results/?"+tt.query.Encode(), ""), 200)
				got += len(list.Results)
				if list.Pagination.TotalPages <= n {
					break
				}
			}
			if got != tt.want {
				t.Errorf("%s: %d results, want %d", tt.name, got, tt.want)
			}
		}
	})
}

// TestListPublishedResults_Cursor: with limit or after the list goes on by cursor, and
// without them RefStack's clients get its body, with a Link that counts on.
func TestListPublishedResults_Cursor(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		var ids []string
		for i := range 21 {
			ids = append(ids, post(t, s, fmt.Sprintf(`{"cpid":"cp","duration_seconds":%d,"results":["a"]}`, i)))
		}
		slices.Reverse(ids)

		plain := s.Do("GET", "/v1/results/?cpid=cp", "")
		if !strings.HasSuffix(strings.TrimSpace(string(plain.Body)), `"pagination":{"current_page":1,"total_pages":2}}`) || plain.Header.Get("Link") != `</v1/results?cpid=cp&page=2>; rel="next"` {
			t.Errorf("RefStack's page: Link %q, %s", plain.Header.Get("Link"), plain.Body)
		}
		if last := s.Do("GET", "/v1/results/?page=2", ""); last.Header.Get("Link") != "" || strings.Contains(string(last.Body), "next") {
			t.Errorf("RefStack's last page: Link %q, %s", last.Header.Get("Link"), last.Body)
		}

		first := s.Do("GET", "/v1/results?limit=8&page=1", "")
		if p := decode[page](t, first, 200); len(p.Results) != 8 || p.Pagination.TotalPages != 3 || first.Header.Get("Link") != `</v1/results?limit=8&page=2>; rel="next"` {
			t.Errorf("the first of 8: Link %q, %s", first.Header.Get("Link"), first.Body)
		}
		if link := s.Do("GET", "/v1/results?limit=8", "").Header.Get("Link"); !strings.HasPrefix(link, `</v1/results?after=`) || !strings.HasSuffix(link, `&limit=8>; rel="next"`) {
			t.Errorf("the first of 8 that no number was asked for has Link %q", link)
		}
		var seen []string
		for target := "/v1/results?limit=8"; target != ""; {
			a := s.Do("GET", target, "")
			p := decode[struct {
				page
				Next *string `json:"next"`
			}](t, a, 200)
			for _, r := range p.Results {
				seen = append(seen, r.ID)
			}
			if behind := strings.Contains(target, "after="); behind == strings.Contains(string(a.Body), `"pagination"`) {
				t.Errorf("%s: %s", target, a.Body)
			}
			if target = ""; p.Next != nil {
				target = "/v1/results?limit=8&after=" + url.QueryEscape(*p.Next)
			}
		}
		if !slices.Equal(seen, ids) {
			t.Errorf("seen %v, want %v", seen, ids)
		}
	})
}

// TestListPublishedResults_Refusals is every 400 of the list with RefStack's text.
func TestListPublishedResults_Refusals(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	post(t, s, onePass)
	for _, tt := range []struct{ query, want string }{
		{"page=x", "Invalid page number: The page number can not be converted to an integer"},
		{"page=", "Invalid page number: The page number can not be converted to an integer"},
		{"page=0", "Invalid page number: The page number less or equal zero."},
		{"page=-1", "Invalid page number: The page number less or equal zero."},
		{"page=2", "Invalid page number: The page number is greater than the total number of pages."},
		{"page=9223372036854775807", "Invalid page number: The page number is greater than the total number of pages."},
		{"start_date=2015-01-16+10:10:10.5", "Invalid date format: start_date does not match YYYY-MM-DD HH:MM:SS or YYYY-MM-DD"},
		{"start_date=yesterday", "Invalid date format: start_date does not match YYYY-MM-DD HH:MM:SS or YYYY-MM-DD"},
		{"end_date=2015-02-30", "Invalid date format: end_date does not match YYYY-MM-DD HH:MM:SS or YYYY-MM-DD"},
		{"start_date=2015-01-02&end_date=2015-01-01", "Invalid dates: start_date more than end_date"},
		{"signed=true", "To see signed test results you need to authenticate"},
		{"verification_status=2", "Invalid verification_status value: 2"},
	} {
		if p := decode[problem](t, s.Do("GET", "/v1/results/?"+tt.query, ""), 400); p.Title != tt.want || p.Detail != tt.want || len(p.Errors) == 0 {
			t.Errorf("%s: %+v, want %q", tt.query, p, tt.want)
		}
	}
	decode[any](t, s.Do("GET", "/v1/results?product_id=1", ""), 404)
}

func TestPublishedResult_Unknown(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for _, id := range []string{uuid.NewString(), "1", "x%20y"} {
		for _, call := range []struct{ method, path string }{
			{"GET", ""}, {"DELETE", ""}, {"GET", "/meta"}, {"GET", "/meta/shared"}, {"DELETE", "/meta/shared"}, {"POST", "/meta/shared"},
		} {
			text, _ := url.PathUnescape(id)
			if p := decode[problem](t, s.Do(call.method, "/v1/results/"+id+call.path, "", servertest.Admin()), 404); p.Detail != "Test result "+text+" not found" {
				t.Errorf("%s %s%s: %+v", call.method, id, call.path, p)
			}
		}
	}
}

// TestVerification walks through a result's way to being verified.
func TestVerification(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me := owner(t, s, "me")
		register(t, s, me, keys()[0])
		path := "/v1/results/" + post(t, s, onePass, signed(t, keys()[0], onePass))
		put := func(body string, status int, detail string, options ...servertest.Option) result {
			t.Helper()
			a := s.Do("PUT", path, body, append(options, servertest.JSON())...)
			if status != 201 {
				if p := decode[problem](t, a, status); p.Detail != detail {
					t.Errorf("PUT %s: %q, want %q", body, p.Detail, detail)
				}
				return result{}
			}
			return decode[result](t, a, 201)
		}
		const unready = "In order to mark a test verified, the test must be shared and have been associated to a guideline and target program."
		put(`{"verification_status":1}`, 403, "You do not have permission to change a verification status.", servertest.As(me))
		put(`{"verification_status":1}`, 403, unready, servertest.Admin())
		put(`{"verification_status":2}`, 400, "Invalid verification_status value: 2", servertest.Admin())
		put(`{"product_version_id":"7"}`, 404, "Product version with id 7 not found", servertest.As(me))
		put(`{"product_version_id":null}`, 201, "", servertest.As(me))
		for key, value := range map[string]string{"shared": "true", "guideline": "2019.11.json"} {
			decode[any](t, s.Do("POST", path+"/meta/"+key, value, servertest.As(me)), 201)
		}
		put(`{"verification_status":1}`, 403, unready, servertest.Admin())
		decode[any](t, s.Do("POST", path+"/meta/target", "platform", servertest.As(me)), 201)
		if r := put(`{"verification_status":1}`, 201, "", servertest.Admin()); r.VerificationStatus != 1 || r.Meta["target"] != "platform" || r.DurationSeconds != 25 {
			t.Errorf("verified: %+v", r)
		}
		if list := decode[page](t, s.Do("GET", "/v1/results?verification_status=1", ""), 200); len(list.Results) != 1 || list.Results[0].VerificationStatus != 1 {
			t.Errorf("list of verified: %+v", list)
		}
		for _, call := range []struct{ method, path, detail string }{
			{"DELETE", "", "Can not delete a verified test run."},
			{"POST", "/meta/shared", "Can not add/alter a new metadata key for a verified test run."},
			{"DELETE", "/meta/shared", "Can not delete a metadata key for a verified test run."},
		} {
			if p := decode[problem](t, s.Do(call.method, path+call.path, "x", servertest.As(me)), 403); p.Detail != call.detail {
				t.Errorf("%s %s: %q, want %q", call.method, call.path, p.Detail, call.detail)
			}
		}
		if p := decode[problem](t, s.Do("DELETE", "/v1/runs/1", "", servertest.Admin()), 403); p.Detail != "Can not delete a verified test run." {
			t.Errorf("DELETE of its run: %q", p.Detail)
		}
		put(`{"product_version_id":null}`, 403, "Can not update product_version_id for a verified test run.", servertest.As(me))
		put(`{"verification_status":0}`, 201, "", servertest.Admin())
		decode[any](t, s.Do("DELETE", path, "", servertest.As(me)), 204)
		decode[any](t, s.Do("DELETE", "/v1/runs/1", "", servertest.Admin()), 204)
	})
}

func TestMeta(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		me := owner(t, s, "me")
		register(t, s, me, keys()[0])
		path := "/v1/results/" + post(t, s, onePass, signed(t, keys()[0], onePass)) + "/meta"
		if m := decode[map[string]string](t, s.Do("GET", path, "", servertest.As(me)), 200); len(m) != 1 || m["user"] != "me" {
			t.Errorf("meta %v", m)
		}
		decode[any](t, s.Do("GET", path, ""), 401)
		decode[any](t, s.Do("POST", path+"/user", "you", servertest.As(me)), 403)
		decode[any](t, s.Do("POST", path+"/other", "x", servertest.Admin()), 403)
		decode[any](t, s.Do("DELETE", path+"/target", "", servertest.As(me)), 404)
		decode[any](t, s.Do("POST", path+"/target", "\xff", servertest.As(me)), 400)
		decode[any](t, s.Do("POST", path+"/target", "a\x00", servertest.As(me)), 400)
		decode[any](t, s.Do("POST", path+"/target", string(make([]byte, 64<<10+1)), servertest.As(me)), 413)
		decode[any](t, s.Do("POST", path+"/target", "<b>\u00e9\"", servertest.As(me), servertest.With("Content-Type", "application/x-www-form-urlencoded")), 201)
		if v := decode[string](t, s.Do("GET", path+"/target", "", servertest.As(me)), 200); v != "<b>\u00e9\"" {
			t.Errorf("target %q", v)
		}
		if v := decode[*string](t, s.Do("GET", path+"/guideline", "", servertest.As(me)), 200); v != nil {
			t.Errorf("guideline %q, want null", *v)
		}
		if v := decode[string](t, s.Do("GET", path+"/user", "", servertest.As(me)), 200); v != "me" {
			t.Errorf("user %q", v)
		}
		// What plainly says no shares nothing.
		decode[any](t, s.Do("POST", path+"/shared", "false", servertest.As(me)), 201)
		decode[any](t, s.Do("GET", path, ""), 401)
		decode[any](t, s.Do("POST", path+"/shared", "1", servertest.As(me)), 201)
		decode[any](t, s.Do("GET", path, ""), 200)
		decode[any](t, s.Do("GET", path+"/user", ""), 403)
	})
}

// TestPublish_Retry: an upload that is sent again, because its client does not know what
// became of it, is stored once; somebody else's, or a later one, is another.
func TestPublish_Retry(t *testing.T) {
	t.Parallel()
	eachAt(t, func(t *testing.T, s *servertest.Server, now *clock) {
		const body = `{"cpid":"cp","duration_seconds":7,"results":["a","b"]}`
		start := now.get()
		first := post(t, s, body)
		unanswered(t, s, first)
		if again := post(t, s, body); again != first {
			t.Errorf("sent again: %s, want %s", again, first)
		}
		unanswered(t, s, first)
		other := post(t, s, body, servertest.As(s.Token(auth.Runner)))
		now.set(start.Add(refstackstore.RetryTime))
		if later := post(t, s, body); later == first || other == first || later == other {
			t.Errorf("%s, by somebody else %s, later %s: want three", first, other, later)
		}
		runs, err := resultstore.New(s.Store).ListRuns(t.Context(), resultstore.RunFilter{Scope: store.Everything, Page: store.Page{Total: true}})
		if err != nil || runs.Total != 3 {
			t.Errorf("%d runs, %v, want 3", runs.Total, err)
		}
	})
}

// unanswered makes a result what it is when its server was killed before it answered.
func unanswered(t *testing.T, s *servertest.Server, id string) {
	t.Helper()
	_, err := refstackstore.New(s.Store).UpdatePublished(t.Context(), uuid.MustParse(id), func(p *refstackstore.Published) error {
		p.Answered = false
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who has got an answer and sends the same bytes means another result, as with RefStack,
// whichever server answers.
func TestPublish_SameBytes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		const body = `{"cpid":"cp","duration_seconds":7,"results":["a","b"]}`
		servers := []*servertest.Server{s, servertest.On(t, s.Store)}
		seen := map[string]bool{}
		for i := range 21 {
			seen[post(t, servers[i%2], body)] = true
		}
		second := decode[page](t, s.Do("GET", "/v1/results?page=2", ""), 200)
		if len(seen) != 21 || len(second.Results) != 1 || !seen[second.Results[0].ID] {
			t.Errorf("%d results, %d on the second page; want 21 and 1", len(seen), len(second.Results))
		}
	})
}
