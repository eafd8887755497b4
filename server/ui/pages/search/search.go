// Package search is the page of the one search field.
package search

import (
	"embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "search.html")

// Pages lists the page of this package.
func Pages() []frame.Page {
	return []frame.Page{{
		Path:  "/ui/search",
		Calls: []string{"searchTestResults", "getRun", "listClouds", "listJobs", "listProducts", "listImages", "listNodes", "listAgents", "getTask"},
		Show:  search,
	}}
}

const (
	shownEach   = 20   // of each kind
	testPages   = 5    // of names of tests, in which one name may come often
	looked      = 1000 // rows of a list that is looked through
	productsMax = 20   // whose images are looked through
	longest     = 500  // characters of a question
)

// hit is one thing that was found.
type hit struct {
	Text, Href, Note string
	Outcome          string
}

// kind is what was found of one kind.
type kind struct {
	Name  string
	Hits  []hit
	More  bool
	Fault string // why it could not be searched

	exact string // where a question that names just one thing leads
	left  bool   // it is nothing for the visitor's eyes
}

type shown struct {
	Q     string
	Kinds []*kind
	Total int
	Empty frame.Empty
}

// finder looks for one kind.
type finder struct {
	name string
	find func(v *frame.Visit, q string, k *kind) error
}

var finders = []finder{
	{"Runs", runs}, {"Kernels", kernels}, {"Products", products}, {"Images", images}, {"Nodes", nodes}, {"Agents", agents},
	{"Clouds", clouds}, {"Tasks", tasks}, {"Tests", tests},
}

// search looks for a question in all kinds at once. One that names just one thing leads
// there.
func search(v *frame.Visit) (*frame.View, error) {
	q := strings.TrimSpace(v.Query("q"))
	if len([]rune(q)) > longest {
		return nil, v.Invalid(fmt.Sprintf("The question is longer than %d characters.", longest))
	}
	data := shown{Q: q}
	if q == "" {
		data.Empty = frame.Empty{Why: "Type a part of a test's name, a run's number, a kernel, a product, an image, a node or an agent. * stands for any text, ? for one character.", Hint: "The same on a command line:", Command: "slipway tests --name '*boot*' --server " + v.Server()}
		return view(&data), nil
	}
	found := make([]*kind, len(finders))
	var all sync.WaitGroup
	for i, f := range finders {
		found[i] = &kind{Name: f.name}
		all.Go(func() { found[i].look(v, q, f) })
	}
	all.Wait()
	for _, k := range found {
		if k.exact != "" {
			return v.Redirect(k.exact, ""), nil
		}
		if k.left || len(k.Hits) == 0 && k.Fault == "" {
			continue
		}
		data.Kinds = append(data.Kinds, k)
		data.Total += len(k.Hits)
	}
	if len(data.Kinds) == 0 {
		data.Empty = frame.Empty{Why: "Nothing that you may see has this in its name. Upper and lower case differ in names of tests.", Hint: "A part in the middle of a name needs a star on both sides on a command line:", Command: "slipway tests --name '*" + strings.ReplaceAll(q, "'", "?") + "*' --server " + v.Server()}
	}
	return view(&data), nil
}

func view(data *shown) *frame.View {
	title := "Search"
	api := ""
	if data.Q != "" {
		title = "Search: " + data.Q
		api = frame.APIPath("/v1/test-results", "name_glob", glob(data.Q))
	}
	return &frame.View{Title: title, Templates: templates, File: "search.html", Data: data, API: api, CSV: data.csv}
}

func (d *shown) csv(out *frame.CSV) error {
	err := out.Row("kind", "name", "note", "outcome", "page")
	for _, k := range d.Kinds {
		for _, h := range k.Hits {
			if err == nil {
				err = out.Row(k.Name, h.Text, h.Note, h.Outcome, h.Href)
			}
		}
	}
	return err
}

// look lets a finder find. What the visitor may not see is left out; another fault of
// one kind does not hide what the others found.
func (k *kind) look(v *frame.Visit, q string, f finder) {
	err := f.find(v, q, k)
	var p *client.Problem
	switch {
	case err == nil:
	case frame.Refused(err), frame.IsNotFound(err):
		k.left = frame.Refused(err)
	case errors.As(err, &p):
		k.Fault = p.Detail
	default:
		k.Fault = "The server's log says why."
	}
	if len(k.Hits) > shownEach {
		k.Hits, k.More = k.Hits[:shownEach], true
	}
}

// glob is a question as a pattern for whole names.
func glob(q string) string {
	if strings.ContainsAny(q, "*?") {
		return q
	}
	return "*" + q + "*"
}

// matches tells whether a name answers a question; case does not count.
func matches(name, q string) bool {
	name, q = strings.ToLower(name), strings.ToLower(q)
	if strings.ContainsAny(q, "*?") {
		return like(name, q)
	}
	return strings.Contains(name, q)
}

// like matches a whole name with a pattern, going back to the last star only, so that
// its time grows with the product of both at most.
func like(name, pattern string) bool {
	n, p := []rune(name), []rune(pattern)
	i, j, star, from := 0, 0, -1, 0
	for i < len(n) {
		switch {
		case j < len(p) && p[j] == '*':
			star, from = j, i
			j++
		case j < len(p) && (p[j] == '?' || p[j] == n[i]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == '*' {
		j++
	}
	return j == len(p)
}

// add notes a hit when its name answers the question.
func (k *kind) add(q, name string, h hit) {
	if matches(name, q) {
		h.Text = name
		k.Hits = append(k.Hits, h)
	}
}

// tests finds names of tests, each once, with their newest outcome.
func tests(v *frame.Visit, q string, k *kind) error {
	ask := client.SearchTestResultsParams{NameGlob: ptr(glob(q)), Limit: ptr(int32(500))}
	seen := map[string]bool{}
	for range testPages {
		answer, err := v.API.SearchTestResultsWithResponse(v.Context(), &ask)
		if err != nil {
			return err
		}
		for _, t := range answer.JSON200.TestResults {
			if seen[t.Name] {
				continue
			}
			seen[t.Name] = true
			k.Hits = append(k.Hits, hit{Text: t.Name, Href: "/ui/history?" + url.Values{"name": {t.Name}}.Encode(), Note: string(t.Source), Outcome: string(t.Outcome)})
		}
		next, err := answer.JSON200.Next.Get()
		if k.More = err == nil && next != ""; !k.More || len(k.Hits) > shownEach {
			return nil
		}
		ask.After = &next
	}
	return nil
}

// runs finds a run by its number; run:17 and run 17 are the same.
func runs(v *frame.Visit, q string, k *kind) error {
	digits := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(q), "run"), ":"))
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || id < 1 {
		return nil
	}
	answer, err := v.API.GetRunWithResponse(v.Context(), id)
	if err != nil {
		return err
	}
	name, _ := answer.JSON200.Name.Get()
	h := hit{Text: "run " + digits, Href: "/ui/runs/" + strconv.FormatInt(id, 10), Note: name}
	k.Hits = append(k.Hits, h)
	if digits != q || len(digits) < 4 { // a short number may be a part of anything
		k.exact = map[bool]string{true: h.Href}[digits != q]
		return nil
	}
	k.exact = h.Href
	return nil
}

// kernels finds kernels of jobs.
func kernels(v *frame.Visit, q string, k *kind) error {
	answer, err := v.API.ListJobsWithResponse(v.Context(), &client.ListJobsParams{
		Limit: ptr(int64(looked)), Sort: []string{"created_on"}, SortOrder: ptr(int32(-1)), Field: []string{"job", "kernel", "git_branch"},
	})
	if err != nil {
		return err
	}
	if answer.JSON200 == nil {
		return fmt.Errorf("listJobs: %s", answer.Status())
	}
	for _, j := range answer.JSON200.Result {
		job, kernel, branch := text(j.Job), text(j.Kernel), text(j.GitBranch)
		if !matches(kernel, q) && !matches(job, q) && !matches(branch, q) {
			continue
		}
		href := "/ui/kernels/" + url.PathEscape(job) + "/" + url.PathEscape(kernel) + "?" + url.Values{"branch": {branch}}.Encode()
		k.Hits = append(k.Hits, hit{Text: kernel, Href: href, Note: job + " / " + branch})
		if kernel == q {
			k.exact = href
		}
	}
	return nil
}

func products(v *frame.Visit, q string, k *kind) error {
	answer, err := v.API.ListProductsWithResponse(v.Context(), &client.ListProductsParams{Limit: ptr(int32(looked))})
	if err != nil {
		return err
	}
	for _, p := range answer.JSON200.Products {
		k.add(q, p.Name, hit{Href: "/ui/products/" + p.ID, Note: "release " + p.Release})
	}
	return nil
}

// images finds images of the newest products.
func images(v *frame.Visit, q string, k *kind) error {
	answer, err := v.API.ListProductsWithResponse(v.Context(), &client.ListProductsParams{Limit: ptr(int32(productsMax))})
	if err != nil {
		return err
	}
	for _, p := range answer.JSON200.Products {
		list, err := v.API.ListImagesWithResponse(v.Context(), p.ID, &client.ListImagesParams{Limit: ptr(int32(looked))})
		if err != nil {
			return err
		}
		for _, i := range slices.Backward(list.JSON200.Advertisements) {
			if image := text(i.ImageUniqueID); image != "" {
				k.add(q, image, hit{Href: "/ui/products/" + p.ID + "?" + url.Values{"image": {image}}.Encode(), Note: p.Name})
			}
		}
	}
	return nil
}

func nodes(v *frame.Visit, q string, k *kind) error {
	answer, err := v.API.ListNodesWithResponse(v.Context(), nil)
	if err != nil {
		return err
	}
	for _, n := range *answer.JSON200 {
		h := hit{Href: "/ui/nodes/" + url.PathEscape(n.Hostname), Note: string(n.StatusName)}
		k.add(q, n.Hostname, h)
		if n.Hostname == q {
			k.exact = h.Href
		}
	}
	return nil
}

func agents(v *frame.Visit, q string, k *kind) error {
	answer, err := v.API.ListAgentsWithResponse(v.Context(), &client.ListAgentsParams{Limit: ptr(int32(looked))})
	if err != nil {
		return err
	}
	for _, a := range answer.JSON200.Agents {
		k.add(q, a.AgentID, hit{Href: "/ui/agents?" + url.Values{"agent": {a.AgentID}}.Encode(), Note: string(a.State)})
	}
	return nil
}

func clouds(v *frame.Visit, q string, k *kind) error {
	answer, err := v.API.ListCloudsWithResponse(v.Context(), &client.ListCloudsParams{Limit: ptr(int32(looked))})
	if err != nil {
		return err
	}
	for _, c := range answer.JSON200.Clouds {
		k.add(q, c.Label, hit{Href: "/ui/runs?cloud=" + strconv.FormatInt(c.ID, 10), Note: "its runs"})
	}
	return nil
}

// tasks finds a task by its id.
func tasks(v *frame.Visit, q string, k *kind) error {
	id, err := uuid.Parse(q)
	if err != nil {
		return nil // it is no id, and tasks have no names
	}
	answer, err := v.API.GetTask(v.Context(), id.String(), &client.GetTaskParams{})
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	k.exact = "/ui/tasks/" + id.String()
	return nil
}

func ptr[T any](value T) *T { return &value }

// text is a nullable text, "" for none.
func text(n interface{ Get() (string, error) }) string {
	s, _ := n.Get()
	return s
}
