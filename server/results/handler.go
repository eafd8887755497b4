package results

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/seal"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Store is what the area reads and writes.
type Store interface {
	Alone() bool
	JobHeld(ctx context.Context, name string) (bool, error)
	HoldJob(ctx context.Context, name string, lease time.Duration) (held context.Context, release func(), err error)
	EndJob(ctx context.Context, name string) error
	CreateCloud(ctx context.Context, c *resultstore.Cloud) error
	Cloud(ctx context.Context, scope store.Scope, id int64) (*resultstore.Cloud, error)
	ListClouds(ctx context.Context, f resultstore.CloudFilter) (store.List[resultstore.Cloud], error)
	UpdateCloud(ctx context.Context, scope store.Scope, id int64, change func(*resultstore.Cloud) error) error
	DeleteCloud(ctx context.Context, scope store.Scope, id int64, cascade bool) error

	CreateRun(ctx context.Context, r *resultstore.Run) error
	Run(ctx context.Context, scope store.Scope, id int64) (*resultstore.Run, error)
	ListRuns(ctx context.Context, f resultstore.RunFilter) (store.List[resultstore.Run], error)
	DeleteRun(ctx context.Context, scope store.Scope, id int64) error
	AddStatus(ctx context.Context, runID int64, text string, finished *bool) (*resultstore.StatusMessage, *resultstore.Run, error)
	ListStatuses(ctx context.Context, runID int64, p store.Page) (store.List[resultstore.StatusMessage], error)

	Now() time.Time
	StaleAnonymousRuns(ctx context.Context, before time.Time, after int64, limit int) ([]int64, error)
	ExpireRun(ctx context.Context, id int64, before time.Time) (removed bool, err error)

	intake.Store
	PublishResult(ctx context.Context, final *resultstore.Result) (*resultstore.Result, error)
	Result(ctx context.Context, id uuid.UUID) (*resultstore.Result, error)
	ResultsByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*resultstore.Result, error)
	CurrentResult(ctx context.Context, runID int64) (*resultstore.Result, error)
	ExtendResult(ctx context.Context, final, base *resultstore.Result) (*resultstore.Result, error)
	ResultFile(ctx context.Context, r *resultstore.Result, n int64) (*resultstore.ResultFile, error)
	ResultParts(ctx context.Context, r *resultstore.Result) ([]resultstore.ResultFile, error)
	FileNames(ctx context.Context, r *resultstore.Result, tests []resultstore.Test) (map[int64]string, error)
	ResultByAttempt(ctx context.Context, runID, attempt int64) (*resultstore.Result, error)
	ResultByUpload(ctx context.Context, runID int64, sha256 string) (*resultstore.Result, error)
	ListResults(ctx context.Context, f resultstore.ResultFilter) (store.List[resultstore.Result], error)
	ListTests(ctx context.Context, f resultstore.TestFilter) (store.List[resultstore.Test], error)
	Test(ctx context.Context, r *resultstore.Result, n int64) (*resultstore.Test, error)
	download.Attachments
}

// Handler answers the operations of the tags runner and results.
type Handler struct {
	store  Store
	blobs  store.Blobs
	intake *intake.Intake
	config Config
	adding turns
	box    seal.Box // secrets of clouds

	analysis *analysisstore.Store // for what is said beside tests
}

var _ resultsapi.StrictServerInterface = (*Handler)(nil)

// New checks the settings.
func New(s *resultstore.Store, c Config) (*Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	box, err := seal.New(c.Pepper, "slipway clouds")
	if err != nil {
		return nil, err
	}
	in := &intake.Intake{Store: s, Blobs: s.Blobs, Limits: c.Limits, Strangers: c.Strangers}
	return &Handler{store: s, blobs: s.Blobs, intake: in, config: c, box: box, analysis: analysisstore.New(s.Store)}, nil
}

// asked turns the document's page, limit and after, which are checked and filled
// in already, into the store's. A page behind a cursor has no number, so nothing is
// counted for it.
func asked(page *int64, limit *int32, after *string) store.Page {
	p := store.Page{Limit: store.DefaultLimit, Total: true}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if after != nil {
		p.After, p.Total = *after, false
		return p
	}
	if page != nil {
		p.Offset = int(*page-1) * p.Limit
	}
	return p
}

// pagination says where a page stands, and in a Link header how to reach its
// neighbours, where the caller asks by number. Any other walk goes by cursor, which
// loses and repeats nothing when items come or go meanwhile. A page behind a cursor
// has no number. Where there are more items than are counted there is no number of
// pages.
func pagination[T any](ctx context.Context, path string, p store.Page, list *store.List[T]) (*resultsapi.Pagination, *string) {
	if p.After != "" {
		return nil, nil
	}
	limit := int64(p.Limit)
	pages := (list.Total + limit - 1) / limit
	out := &resultsapi.Pagination{CurrentPage: int64(p.Offset)/limit + 1}
	last := out.CurrentPage >= pages
	if list.More {
		out.TotalAtLeast = &list.Total
		last, pages = list.Next == "", max(pages, out.CurrentPage)
	} else {
		out.TotalPages, out.Total = &pages, &list.Total
	}
	if query, _ := url.ParseQuery(call.From(ctx).Query); !query.Has("page") {
		return out, nil
	}
	var links []string
	if !last {
		links = append(links, pageLink(ctx, path, out.CurrentPage+1, "next"))
	}
	if out.CurrentPage > 1 && pages > 0 {
		links = append(links, pageLink(ctx, path, min(out.CurrentPage-1, pages), "prev"))
	}
	if len(links) == 0 {
		return out, nil
	}
	link := strings.Join(links, ", ")
	return out, &link
}

func pageLink(ctx context.Context, path string, page int64, rel string) string {
	info := call.From(ctx)
	query, _ := url.ParseQuery(info.Query) // the request was admitted, so it can be read
	query.Set("page", strconv.FormatInt(page, 10))
	return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, info.Origin.Prefix, path, query.Encode(), rel)
}
