package results

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/download"
	"github.com/slipway-lab/slipway/server/intake"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Store is what the area reads and writes.
type Store interface {
	CreateCloud(ctx context.Context, c *resultstore.Cloud) error
	Cloud(ctx context.Context, id int64) (*resultstore.Cloud, error)
	ListClouds(ctx context.Context, f resultstore.CloudFilter) (store.List[resultstore.Cloud], error)
	UpdateCloud(ctx context.Context, id int64, change func(*resultstore.Cloud) error) error
	DeleteCloud(ctx context.Context, id int64, cascade bool) error

	CreateRun(ctx context.Context, r *resultstore.Run) error
	Run(ctx context.Context, id int64) (*resultstore.Run, error)
	ListRuns(ctx context.Context, f resultstore.RunFilter) (store.List[resultstore.Run], error)
	DeleteRun(ctx context.Context, id int64) error
	AddStatus(ctx context.Context, runID int64, text string, finished *bool) (*resultstore.StatusMessage, *resultstore.Run, error)
	ListStatuses(ctx context.Context, runID int64, p store.Page) (store.List[resultstore.StatusMessage], error)

	intake.Store
	PublishResult(ctx context.Context, final *resultstore.Result) (*resultstore.Result, error)
	Result(ctx context.Context, id uuid.UUID) (*resultstore.Result, error)
	CurrentResult(ctx context.Context, runID int64) (*resultstore.Result, error)
	ResultByUpload(ctx context.Context, runID int64, sha256 string) (*resultstore.Result, error)
	ListResults(ctx context.Context, f resultstore.ResultFilter) (store.List[resultstore.Result], error)
	ListTests(ctx context.Context, f resultstore.TestFilter) (store.List[resultstore.Test], error)
	Test(ctx context.Context, r *resultstore.Result, n int64) (*resultstore.Test, error)
	download.Attachments
}

// Config holds the area's settings; the zero value of each has a meaning.
type Config struct {
	// RequireToken closes the runner calls to callers without a credential.
	RequireToken bool

	// OneResult refuses a second, different result of a run with 409, as the
	// API that replaced RefStack's first one did. Default: further attempts.
	OneResult bool

	// TempestConfig are the server's own options in every miniconf.
	TempestConfig map[string]map[string]string

	// Testcases is what get-testcases answers; default "tempest".
	Testcases []string

	// Limits bounds what one upload may cost.
	Limits intake.Limits

	// Pepper is the secret under which the tokens of runs are hashed.
	Pepper []byte
}

// Handler answers the operations of the tags runner and results.
type Handler struct {
	store  Store
	blobs  store.Blobs
	intake *intake.Intake
	config Config
}

// testcaseText is what may stand in a list of testcases: the runner of 2014
// puts each entry into a shell command.
var testcaseText = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// New checks the settings.
func New(s *resultstore.Store, c Config) (*Handler, error) {
	if len(c.Testcases) == 0 {
		c.Testcases = []string{"tempest"}
	}
	for _, t := range c.Testcases {
		if !testcaseText.MatchString(t) {
			return nil, fmt.Errorf("testcase %q must consist of letters, digits, '.', '_' and '-'", t)
		}
	}
	c.Limits = c.Limits.WithDefaults()
	if c.Limits.File < 0 || c.Limits.Decompressed < 0 || c.Limits.Tests < 0 {
		return nil, errors.New("limits of uploads must not be negative")
	}
	in := &intake.Intake{Store: s, Blobs: s.Blobs, Limits: c.Limits}
	return &Handler{store: s, blobs: s.Blobs, intake: in, config: c}, nil
}

// asked turns the document's page and limit, which are checked and filled in
// already, into the store's.
func asked(page *int64, limit *int32) store.Page {
	p := store.Page{Limit: store.DefaultLimit, Total: true}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if page != nil {
		p.Offset = int(*page-1) * p.Limit
	}
	return p
}

// pagination says where a page stands, and in a Link header how to reach its
// neighbours.
func pagination(ctx context.Context, path string, p store.Page, total int64) (api.Pagination, *string) {
	limit := int64(p.Limit)
	out := api.Pagination{
		CurrentPage: int64(p.Offset)/limit + 1,
		TotalPages:  (total + limit - 1) / limit,
		Total:       total,
	}
	var links []string
	if out.CurrentPage < out.TotalPages {
		links = append(links, pageLink(ctx, path, out.CurrentPage+1, "next"))
	}
	if out.CurrentPage > 1 && out.TotalPages > 0 {
		links = append(links, pageLink(ctx, path, min(out.CurrentPage-1, out.TotalPages), "prev"))
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
