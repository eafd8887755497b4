package kernels

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

const (
	mostPages   = 10 // of a comparison that the tree is made of
	shownGroups = 400
	shownLeaves = 150
	shownBuilds = 200
	shownNew    = 50
	regressions = "new_failure,new_failing,error"
	bootTest    = "boot" // the name under which a set of tests has a boot
)

type buildRow struct {
	client.KernelBuild
	Outcome picture.Outcome
	Log     string
}

// group is a group of tests with those below it.
type group struct {
	Name    string
	Path    string
	Counts  picture.Counts
	Below   []*group
	Leaves  []leaf // tests of its own that did not pass
	byName  map[string]*group
	Hidden  int
	Because bool // something below it failed or is an error
}

// leaf is a test that failed or is an error.
type leaf struct {
	Name    string
	Where   string
	Outcome string
	Href    string
	New     bool
}

type kernelShown struct {
	Crumbs  []frame.Link
	Kernel  string
	Job     string
	Branch  string
	Also    []frame.Link // the kernel under other spellings of its branch, with tests of their own
	Commit  string
	When    time.Time
	Set     string
	Builds  []buildRow
	Cut     int // builds that are not listed
	Built   picture.Counts
	Boots   picture.Matrix
	Booted  picture.Counts
	Against *client.ComparedSet
	Head    picture.Counts
	Classes client.ClassCounts
	New     []client.ComparedItem
	More    bool
	Groups  []*group
	Grouped int    // tests of all groups
	Fault   string // why nothing can be said of the tests
	Missing bool   // there are more tests than the page reads
	bare    bool   // the kernel without a branch is asked for
}

// kernel shows one kernel of a branch.
func kernel(v *frame.Visit) (*frame.View, error) {
	k := key{v.Path("job"), v.Query("branch"), v.Path("kernel")}
	data := kernelShown{Kernel: k.kernel, Job: k.job, bare: v.HTTP.URL.Query().Has("branch") && k.branch == ""}
	ask := &client.ListJobsParams{
		Job: one(k.job), Kernel: one(k.kernel), GitBranch: one(plainBranch(k.branch)), Sort: []string{"created_on"}, SortOrder: new(int32(-1)), Limit: new(int64(1)),
	}
	if data.bare {
		ask.Limit = new(int64(mostReports)) // no filter says that a field is absent
	}
	answer, err := v.API.ListJobsWithResponse(v.Context(), ask)
	if err != nil {
		return nil, err
	}
	answer.JSON200.Result = slices.DeleteFunc(answer.JSON200.Result, func(j client.Job) bool { return data.other(j.GitBranch) })
	if len(answer.JSON200.Result) > 0 {
		j := answer.JSON200.Result[0]
		k.branch, data.Commit, data.When = cmp.Or(k.branch, text(j.GitBranch)), text(j.GitCommit), when(j.CreatedOn)
	}
	built, tested, err := branchesOf(v, []string{k.job}, []string{k.kernel})
	if err != nil {
		return nil, err
	}
	tested = like(tested, k.branch)
	if len(tested) > 0 && !slices.Contains(tested, k.branch) {
		k.branch = tested[0]
	}
	for _, branch := range tested {
		if branch != k.branch {
			data.Also = append(data.Also, frame.Link{Text: branch, Href: key{k.job, branch, k.kernel}.href()})
		}
	}
	data.Branch, data.Set = k.branch, k.ref()
	branches := like(append(built, tested...), k.branch)
	if len(branches) == 0 {
		branches = one(k.branch)
	}
	data.Crumbs = []frame.Link{
		{Text: "Kernels", Href: "/ui/kernels"}, {Text: k.job, Href: "/ui/kernels?" + url.Values{"job": {k.job}}.Encode()},
		{Text: cmp.Or(k.branch, "no branch"), Href: "/ui/kernels?" + url.Values{"job": {k.job}, "branch": {plainBranch(k.branch)}}.Encode()},
	}
	for _, read := range []func(*frame.Visit, key, []string) error{data.readBuilds, data.readBoots} {
		if err := read(v, k, branches); err != nil && !frame.Refused(err) {
			return nil, err
		}
	}
	if v.May("compareSets") {
		if err := data.readTests(v, k); err != nil {
			return nil, err
		}
	}
	if len(answer.JSON200.Result) == 0 && len(data.Builds) == 0 && data.Booted.Total() == 0 && data.Head.Total() == 0 {
		return nil, v.NotFound("No job, build, boot or test of this kernel was reported.")
	}
	keeping, err := frame.KeepingOf(v, data.Set)
	if err != nil {
		return nil, err
	}
	all := picture.Counts{
		Fail: data.Built.Fail + data.Booted.Fail + data.Head.Fail, Error: data.Built.Error + data.Booted.Error + data.Head.Error,
		Unknown: data.Built.Unknown + data.Booted.Unknown, Pass: data.Built.Pass + data.Booted.Pass + data.Head.Pass,
	}
	return &frame.View{
		Title: k.kernel, Pin: &frame.Kept{Kind: frame.KeptKernel, Name: "kernel " + k.kernel, Href: k.href()}, Keeping: keeping, Outcome: string(all.Worst()), Templates: templates, File: "kernel.html", Data: &data, CSV: data.csv,
		API: frame.APIPath("/v1/compare", "head", data.Set),
	}, nil
}

// other reports whether something is of a branch where the kernel without one is shown.
func (d *kernelShown) other(branch interface{ Get() (string, error) }) bool {
	return d.bare && text(branch) != ""
}

func (d *kernelShown) readBuilds(v *frame.Visit, k key, branches []string) error {
	answer, err := v.API.ListBuildsWithResponse(v.Context(), &client.ListBuildsParams{Job: one(k.job), Kernel: one(k.kernel), GitBranch: branches, Limit: new(int64(mostReports)), Nfield: []string{"metadata", "dtb_dir_data"}})
	if err != nil {
		return err
	}
	for _, b := range answer.JSON200.Result {
		if d.other(b.GitBranch) {
			continue
		}
		row := buildRow{KernelBuild: b, Outcome: buildOutcome(text(b.Status))}
		if at := strings.Trim(text(b.FileServerResource), "/") + "/" + strings.TrimLeft(text(b.BuildLog), "/"); isFile(at) {
			row.Log = "/ui/kernels/file?" + url.Values{"at": {at}}.Encode()
		}
		d.Builds = append(d.Builds, row)
		count(&d.Built, row.Outcome)
	}
	slices.SortStableFunc(d.Builds, func(a, b buildRow) int {
		return cmp.Or(cmp.Compare(weight(a.Outcome), weight(b.Outcome)), strings.Compare(text(a.Arch), text(b.Arch)), strings.Compare(text(a.DefconfigFull), text(b.DefconfigFull)))
	})
	d.Cut = max(0, len(d.Builds)-shownBuilds)
	d.Builds = d.Builds[:len(d.Builds)-d.Cut]
	return nil
}

// file hands on a file that a build's report names: a browser has no token, which the
// API wants.
func file(v *frame.Visit) (*frame.View, error) {
	at := v.Query("at")
	if !isFile(at) {
		return nil, v.Invalid("“at” must be the path of an uploaded file, such as mainline/master/v6.12/build.log.")
	}
	u := url.URL{Path: "/v1/files/" + at}
	return v.File(u.EscapedPath()), nil
}

// isFile reports whether a file can be uploaded under a path.
func isFile(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || strings.Trim(part, ".") == "" {
			return false
		}
	}
	return true
}

// weight is the place of an outcome in the order of attention.
func weight(o picture.Outcome) int { return slices.Index(frame.Outcomes, string(o)) }

func count(c *picture.Counts, o picture.Outcome) {
	switch o {
	case picture.Fail:
		c.Fail++
	case picture.Error:
		c.Error++
	case picture.Skip:
		c.Skip++
	case picture.Pass:
		c.Pass++
	default:
		c.Unknown++
	}
}

// readBoots makes the matrix of devices and labs. Of several boots of one device the
// worst counts.
func (d *kernelShown) readBoots(v *frame.Visit, k key, branches []string) error {
	answer, err := v.API.ListBootsWithResponse(v.Context(), &client.ListBootsParams{
		Job: one(k.job), Kernel: one(k.kernel), GitBranch: branches, Limit: new(int64(mostReports)),
		Field: []string{"git_branch", "device_type", "board", "arch", "lab_name", "status", "boot_result_description", "defconfig_full", "defconfig"},
	})
	if err != nil {
		return err
	}
	type device struct{ arch, name string }
	cells := map[device]map[string]picture.Cell{}
	var devices []device
	var labs []string
	for _, b := range answer.JSON200.Result {
		if d.other(b.GitBranch) {
			continue
		}
		on := device{text(b.Arch), cmp.Or(text(b.DeviceType), text(b.Board), "unknown device")}
		lab := cmp.Or(text(b.LabName), "no lab")
		if cells[on] == nil {
			cells[on] = map[string]picture.Cell{}
			devices = append(devices, on)
		}
		if !slices.Contains(labs, lab) {
			labs = append(labs, lab)
		}
		o := bootOutcome(text(b.Status))
		count(&d.Booted, o)
		cell, there := cells[on][lab]
		if !there || weight(o) < weight(cell.Outcome) {
			note := strings.TrimPrefix(cmp.Or(text(b.DefconfigFull), text(b.Defconfig))+", "+text(b.BootResultDescription), ", ")
			cells[on][lab] = picture.Cell{Outcome: o, Note: strings.TrimSuffix(note, ", ")}
		}
	}
	slices.SortFunc(devices, func(a, b device) int { return cmp.Or(strings.Compare(a.arch, b.arch), strings.Compare(a.name, b.name)) })
	slices.Sort(labs)
	d.Boots.Of = "Device"
	for _, lab := range labs {
		d.Boots.Columns = append(d.Boots.Columns, picture.Column{Name: lab})
	}
	for _, on := range devices {
		row := picture.Row{Name: on.name, Note: on.arch}
		for _, lab := range labs {
			row.Cells = append(row.Cells, cells[on][lab])
		}
		d.Boots.Rows = append(d.Boots.Rows, row)
	}
	return nil
}

// readTests reads all tests against the kernel before it: the tree and what is new.
func (d *kernelShown) readTests(v *frame.Visit, k key) error {
	params := &client.CompareSetsParams{Head: d.Set, Class: new("all"), Limit: new(int32(1000))}
	top := &group{byName: map[string]*group{}}
	for page := range mostPages {
		answer, err := v.API.CompareSetsWithResponse(v.Context(), params)
		var p *client.Problem
		switch {
		case frame.IsNotFound(err) && params.Base == nil:
			params.Base = new("none")
			if answer, err = v.API.CompareSetsWithResponse(v.Context(), params); err != nil {
				if errors.As(err, &p) {
					return nil // it has no tests
				}
				return err
			}
		case errors.As(err, &p) && p.Status < 500:
			d.Fault = p.Detail
			return nil
		case err != nil:
			return err
		}
		if page == 0 {
			d.Head, d.Classes = frame.CountsOf(answer.JSON200.Head.Counts), answer.JSON200.Counts
			if answer.JSON200.Base.Kind != client.SetKindNone {
				d.Against = &answer.JSON200.Base
			}
		}
		for _, item := range answer.JSON200.Items {
			top.add(&item, d.Set)
		}
		next, none := answer.JSON200.Next.Get()
		if none != nil || next == "" {
			break
		}
		d.Missing = page == mostPages-1
		params.After = &next
	}
	left, leaves := shownGroups, shownLeaves
	top.settle(&left, &leaves)
	d.Groups, d.Grouped = top.Below, top.Counts.Total()
	if n := len(top.Leaves); n > 0 || top.ownTests() {
		d.Groups = append(d.Groups, &group{Name: "without a group", Leaves: top.Leaves, Hidden: top.Hidden, Counts: top.own(), Because: n > 0})
	}
	if d.Against == nil {
		return nil
	}
	answer, err := v.API.CompareSetsWithResponse(v.Context(), &client.CompareSetsParams{Head: d.Set, Class: new(regressions), Limit: new(int32(shownNew)), History: new(client.HistoryLength(17))})
	if err != nil {
		return err
	}
	d.New, d.More = answer.JSON200.Items, !answer.JSON200.Next.IsNull()
	return nil
}

// add counts a test of the head in its group and all above it.
func (g *group) add(item *client.ComparedItem, set string) {
	head, err := item.Head.Get()
	if err != nil {
		return // only the base has it
	}
	if item.Name == bootTest {
		return // the matrix has it
	}
	o := picture.Outcome(head.Outcome)
	names, own, _ := frame.SplitName(item.Name)
	at := g
	count(&at.Counts, o)
	if names != "" {
		for name := range strings.SplitSeq(names, ".") {
			below := at.byName[name]
			if below == nil {
				below = &group{Name: name, Path: strings.TrimPrefix(at.Path+"."+name, "."), byName: map[string]*group{}}
				at.byName[name] = below
				at.Below = append(at.Below, below)
			}
			at = below
			count(&at.Counts, o)
		}
	}
	if o != picture.Fail && o != picture.Error {
		return
	}
	at.Leaves = append(at.Leaves, leaf{
		Name: own, Where: where(item.Context), Outcome: string(o), Href: frame.TestPage(set, item.Name),
		New: item.Class == client.TestClassNewFailure || item.Class == client.TestClassNewFailing,
	})
}

// where is the context of a test as words: device and lab first.
func where(c client.TestContext) string {
	var parts []string
	for _, name := range []string{"device_type", "board", "lab_name", "defconfig_full", "build_environment"} {
		if value := c[name]; value != "" && !slices.Contains(parts, value) {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, ", ")
}

// own are the tests of a group that are in none below it.
func (g *group) own() picture.Counts {
	c := g.Counts
	for _, b := range g.Below {
		c.Fail, c.Error, c.Unknown, c.Skip, c.Pass = c.Fail-b.Counts.Fail, c.Error-b.Counts.Error, c.Unknown-b.Counts.Unknown, c.Skip-b.Counts.Skip, c.Pass-b.Counts.Pass
	}
	return c
}

func (g *group) ownTests() bool { return g.own().Total() > 0 }

// settle puts what fails first and bounds what is shown; counts stay whole.
func (g *group) settle(groups, leaves *int) {
	g.Because = g.Counts.Fail > 0 || g.Counts.Error > 0
	slices.SortStableFunc(g.Below, func(a, b *group) int {
		return cmp.Or(cmp.Compare(weight(a.Counts.Worst()), weight(b.Counts.Worst())), strings.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(g.Leaves, func(a, b leaf) int {
		return cmp.Or(strings.Compare(b.Outcome, a.Outcome), strings.Compare(a.Name, b.Name))
	})
	if shown := min(len(g.Leaves), *leaves); shown < len(g.Leaves) {
		g.Hidden += len(g.Leaves) - shown
		g.Leaves = g.Leaves[:shown]
	}
	*leaves -= len(g.Leaves)
	for i, b := range g.Below {
		if *groups == 0 {
			g.Below = g.Below[:i]
			g.Hidden++
			break
		}
		*groups--
		b.settle(groups, leaves)
	}
}

func (d *kernelShown) csv(out *frame.CSV) error {
	err := out.Row("kind", "name", "where", "outcome")
	for i := range d.Builds {
		b := &d.Builds[i]
		if err == nil {
			err = out.Row("build", cmp.Or(text(b.DefconfigFull), text(b.Defconfig)), text(b.Arch)+" "+text(b.BuildEnvironment), string(b.Outcome))
		}
	}
	for _, row := range d.Boots.Rows {
		for i, cell := range row.Cells {
			if err == nil && cell.Outcome != picture.NotRun {
				err = out.Row("boot", row.Name, d.Boots.Columns[i].Name, string(cell.Outcome))
			}
		}
	}
	for _, item := range d.New {
		if err == nil {
			err = out.Row(string(item.Class), item.Name, where(item.Context), "")
		}
	}
	return err
}

// Where is the context of a test for templates.
func (d *kernelShown) Where(item client.ComparedItem) string { return where(item.Context) }
