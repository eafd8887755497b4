package products

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

const (
	shownImages     = 20
	shownPromotions = 10
	mostPages       = 5 // of a list that a matrix is made of
	mostWaiting     = 100
)

// entry is an opportunity with what became of it.
type entry struct {
	client.Opportunity
	Result *client.TestResult
	State  state
}

// Href is the page of the opportunity.
func (e *entry) Href() string { return "/ui/opportunities/" + e.TestOpportunityID }

// Over reports whether nothing more will become of it.
func (e *entry) Over() bool { return over(&e.Opportunity) }

// image is a column of the matrix.
type image struct {
	id       string
	first    time.Time // when its first opportunity was made
	channels []string  // through which it was advertised
	bySpec   map[string][]*entry
}

// promotion is something that was advertised, as the page lists it.
type promotion struct {
	What, Channel, By string
	Href              string
	Released          string // of a gold master
	Opportunities     any
	When              time.Time
	Again             bool // the image had been in another channel before
}

type productShown struct {
	Crumbs     []frame.Link
	Product    client.Product
	Made       time.Time
	Bar        picture.Bar
	Matrix     picture.Matrix
	Image      string
	Chips      []frame.Chip
	Entries    []*entry // of the image
	Open       []*entry
	MoreOpen   bool
	Specs      []client.TestSpec
	Promotions []promotion
	Compare    string
	Missing    []string // lists that are longer than the page
	Unseen     bool     // the visitor may not see all of it
	Empty      frame.Empty

	images []*image // the oldest first
}

// product shows what a product's images became of: the matrix of specs and images,
// what waits and why, what was advertised.
func product(v *frame.Visit) (*frame.View, error) {
	id := v.Path("product")
	answer, err := v.API.GetProductWithResponse(v.Context(), id)
	if err != nil {
		return nil, err
	}
	data := productShown{Crumbs: []frame.Link{{Text: "Products", Href: "/ui/products"}}, Product: *answer.JSON200, Image: v.Query("image")}
	data.Made = at(data.Product.CreatedAt)
	for _, read := range []func(*frame.Visit, string) error{data.readSpecs, data.readMatrix, data.readOpen, data.readPromotions} {
		if err := read(v, id); frame.Refused(err) {
			data.Unseen = true
		} else if err != nil {
			return nil, err
		}
	}
	data.draw(v)
	outcome := ""
	if n := len(data.images); n > 0 && data.Image == "" {
		data.Bar = picture.Bar{Tall: true, Counts: data.images[n-1].counts()}
		outcome = string(data.Bar.Counts.Worst())
	}
	if len(data.images) == 0 && !data.Unseen {
		data.Empty = frame.Empty{
			Why: "No image of this product was advertised, or none that a test spec wants.", Hint: "Advertise one:",
			Command: "slipway advertise image " + frame.Quote(id) + " --channel " + frame.Quote(data.Product.Release+"/edge") + " --id IMAGE --server " + v.Server(),
		}
	}
	var keeping *frame.Keeping
	if data.Image != "" {
		if keeping, err = frame.KeepingOf(v, "image:"+url.PathEscape(id)+"/"+url.PathEscape(data.Image)); err != nil {
			return nil, err
		}
	}
	api := frame.APIPath("/v1/products/"+url.PathEscape(id)+"/tests/opportunities", "image_unique_id", data.Image)
	return &frame.View{
		Title: data.Product.Name, Pin: &frame.Kept{Kind: frame.KeptProduct, Name: data.Product.Name + " " + data.Product.Release, Href: "/ui/products/" + url.PathEscape(id)}, Keeping: keeping, Outcome: outcome, Templates: templates, File: "product.html", Data: &data, API: api, CSV: data.csv, Live: v.May("listEvents"),
	}, nil
}

func (d *productShown) readSpecs(v *frame.Visit, id string) error {
	answer, err := v.API.ListTestSpecsWithResponse(v.Context(), id, &client.ListTestSpecsParams{Limit: new(int32(most))})
	if err != nil {
		return err
	}
	d.Specs = answer.JSON200.TestSpecs
	slices.SortStableFunc(d.Specs, func(a, b client.TestSpec) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// readMatrix reads the newest opportunities until twenty images are whole, and their
// results: some pages of two lists, never a call for each.
func (d *productShown) readMatrix(v *frame.Visit, id string) error {
	params := &client.ListOpportunitiesParams{Limit: new(int32(most)), ImageUniqueID: frame.Optional(d.Image)}
	var entries []*entry
	byID := map[string]*entry{}
	images := map[string]*image{}
	for page := range mostPages {
		answer, err := v.API.ListOpportunitiesWithResponse(v.Context(), id, params)
		if err != nil {
			return err
		}
		for _, o := range answer.JSON200.TestOpportunities {
			e := &entry{Opportunity: o}
			entries, byID[o.TestOpportunityID] = append(entries, e), e
			if images[o.ImageUniqueID] == nil {
				images[o.ImageUniqueID] = &image{id: o.ImageUniqueID, bySpec: map[string][]*entry{}}
			}
			i := images[o.ImageUniqueID]
			i.first = at(o.QueuedAt) // the newest come first
			i.bySpec[o.SpecID] = append(i.bySpec[o.SpecID], e)
		}
		next, none := answer.JSON200.Next.Get()
		if none != nil || next == "" || len(images) > 2*shownImages {
			break
		}
		if page == mostPages-1 {
			d.Missing = append(d.Missing, "opportunities")
		}
		params.After = &next
	}
	for _, i := range images {
		d.images = append(d.images, i)
	}
	slices.SortFunc(d.images, func(a, b *image) int { return cmp.Or(a.first.Compare(b.first), strings.Compare(a.id, b.id)) })
	d.images = d.images[max(0, len(d.images)-shownImages):]
	if err := d.readResults(v, id, byID); err != nil {
		return err
	}
	for _, e := range entries {
		e.State = stateOf(&e.Opportunity, e.Result)
		if d.Image != "" {
			d.Entries = append(d.Entries, e)
		}
	}
	return nil
}

// readResults reads the results since the first image that is shown.
func (d *productShown) readResults(v *frame.Visit, id string, byID map[string]*entry) error {
	if len(d.images) == 0 {
		return nil
	}
	params := &client.ListTestResultsParams{Limit: new(int32(most)), ImageUniqueID: frame.Optional(d.Image)}
	params.StartDate = new(d.images[0].first.Format("2006-01-02T15:04:05"))
	for page := range mostPages {
		answer, err := v.API.ListTestResultsWithResponse(v.Context(), id, params)
		if err != nil {
			return err
		}
		for _, r := range answer.JSON200.TestResults {
			if e := byID[r.TestOpportunityID]; e != nil {
				e.Result = &r
			}
		}
		next, none := answer.JSON200.Next.Get()
		if none != nil || next == "" {
			break
		}
		if page == mostPages-1 {
			d.Missing = append(d.Missing, "results")
		}
		params.After = &next
	}
	return nil
}

func (d *productShown) readOpen(v *frame.Visit, id string) error {
	answer, err := v.API.ListOpportunitiesWithResponse(v.Context(), id, &client.ListOpportunitiesParams{State: open, Limit: new(int32(mostWaiting)), ImageUniqueID: frame.Optional(d.Image)})
	if err != nil {
		return err
	}
	for _, o := range answer.JSON200.TestOpportunities {
		d.Open = append(d.Open, &entry{Opportunity: o, State: stateOf(&o, nil)})
	}
	d.MoreOpen = !answer.JSON200.Next.IsNull()
	slices.SortStableFunc(d.Open, func(a, b *entry) int {
		return cmp.Or(strings.Compare(string(a.State.Outcome), string(b.State.Outcome)), at(a.QueuedAt).Compare(at(b.QueuedAt)))
	})
	return nil
}

// readPromotions reads what was advertised lately. An image that is advertised again
// in another channel was promoted.
func (d *productShown) readPromotions(v *frame.Visit, id string) error {
	images, err := v.API.ListImagesWithResponse(v.Context(), id, &client.ListImagesParams{Limit: new(int32(most))})
	if err != nil {
		return err
	}
	snaps, err := v.API.ListSnapsWithResponse(v.Context(), id, &client.ListSnapsParams{Limit: new(int32(shownImages))})
	if err != nil {
		return err
	}
	masters, err := v.API.ListGoldMastersWithResponse(v.Context(), id, &client.ListGoldMastersParams{Limit: new(int32(shownImages))})
	if err != nil {
		return err
	}
	channels := map[string][]string{}
	for _, a := range slices.Backward(images.JSON200.Advertisements) { // the oldest first
		name := text(a.ImageUniqueID)
		p := promotion{What: name, Channel: a.Channel, By: a.CreatedBy, Opportunities: a.Opportunities, When: at(a.CreatedAt), Href: frame.SetPage("image:" + id + "/" + url.PathEscape(name))}
		if !slices.Contains(channels[name], a.Channel) {
			p.Again = len(channels[name]) > 0
			channels[name] = append(channels[name], a.Channel)
		}
		d.Promotions = append(d.Promotions, p)
	}
	for _, i := range d.images {
		i.channels = channels[i.id]
	}
	for _, a := range snaps.JSON200.Advertisements {
		d.Promotions = append(d.Promotions, promotion{What: "snap " + text(a.Name), Channel: a.Channel, By: a.CreatedBy, Opportunities: a.Opportunities, When: at(a.CreatedAt)})
	}
	for _, m := range masters.JSON200.GoldMasters {
		p := promotion{What: "gold master of " + frame.Count(len(m.Snaps), "snap"), Channel: m.Channel, When: at(m.CreatedAt), Again: m.Released, Released: "not released"}
		if m.Released {
			p.Released = "released"
		}
		d.Promotions = append(d.Promotions, p)
	}
	slices.SortStableFunc(d.Promotions, func(a, b promotion) int { return b.When.Compare(a.When) })
	d.Promotions = d.Promotions[:min(len(d.Promotions), shownPromotions)]
	return nil
}

// counts are the outcomes of an image, one for each spec.
func (i *image) counts() picture.Counts {
	var list []picture.Outcome
	for _, entries := range i.bySpec {
		list = append(list, cellOf(entries).Outcome)
	}
	return picture.Count(list)
}

// cellOf is the cell of a spec and an image. The newest opportunity counts, but one
// that was cancelled hides none that has a result, and one that is not over yet says
// what came before.
func cellOf(entries []*entry) picture.Cell {
	if len(entries) == 0 {
		return picture.Cell{}
	}
	last := entries[0]
	for _, e := range entries {
		if e.State.Outcome != picture.Skip || e.State.Words == picture.Skip.Word() {
			last = e
			break
		}
	}
	cell := picture.Cell{Outcome: last.State.Outcome, Link: last.Href(), Note: last.State.Words}
	if reason := text(last.WaitingReason); reason != "" && last.State.Outcome == picture.Waiting {
		cell.Note = reason
	}
	if n := len(entries); n > 1 {
		before := entries[min(1+slices.Index(entries, last), n-1)]
		cell.Note += ", try " + frame.Number(n)
		if before != last {
			cell.Note += ", before: " + before.State.Words
		}
	}
	return cell
}

// draw makes the matrix: a row for each spec that there is or was.
func (d *productShown) draw(v *frame.Visit) {
	d.Matrix = picture.Matrix{Of: "Test spec"}
	id := d.Product.ID
	type row struct{ id, name, note string }
	var rows []row
	seen := map[string]bool{}
	for _, s := range d.Specs {
		seen[s.ID] = true
		note := text(s.Platform)
		if !s.Enabled {
			note = strings.TrimPrefix(note+", disabled", ", ")
		}
		rows = append(rows, row{s.ID, s.Name, note})
	}
	for _, i := range slices.Backward(d.images) {
		for spec, entries := range i.bySpec {
			if !seen[spec] {
				seen[spec] = true
				rows = append(rows, row{spec, entries[0].SpecName, "deleted"})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id)) })
	for _, i := range d.images {
		name := i.id
		if len(i.channels) > 1 {
			name = "▲ " + name
		}
		d.Matrix.Columns = append(d.Matrix.Columns, picture.Column{Name: name, Link: frame.SetPage("image:" + id + "/" + url.PathEscape(i.id))})
	}
	for _, r := range rows {
		line := picture.Row{Name: r.name, Note: r.note, Link: frame.HistoryPage(r.name)}
		for _, i := range d.images {
			line.Cells = append(line.Cells, cellOf(i.bySpec[r.id]))
		}
		d.Matrix.Rows = append(d.Matrix.Rows, line)
	}
	if d.Image != "" {
		d.Chips = []frame.Chip{v.Active("image: "+d.Image, "image")}
		d.Compare = frame.ComparePage("", "image:"+id+"/"+url.PathEscape(d.Image))
		slices.SortStableFunc(d.Entries, func(a, b *entry) int {
			return cmp.Or(cmp.Compare(weight(a), weight(b)), strings.Compare(a.SpecName, b.SpecName))
		})
		var list []picture.Outcome
		for _, e := range d.Entries {
			list = append(list, e.State.Outcome)
		}
		d.Bar = picture.Bar{Tall: true, Counts: picture.Count(list)}
	}
}

// weight is the place of an entry in the order of attention.
func weight(e *entry) int {
	return slices.Index([]picture.Outcome{picture.Fail, picture.Error, picture.Unknown, picture.Running, picture.Waiting, picture.Skip, picture.Pass}, e.State.Outcome)
}

func (d *productShown) csv(out *frame.CSV) error {
	err := out.Row("spec", "image", "outcome", "state", "try", "opportunity", "queued", "updated", "waiting_reason")
	for _, i := range slices.Backward(d.images) {
		for _, entries := range i.bySpec {
			for n, e := range entries {
				if err == nil {
					err = out.Row(e.SpecName, i.id, string(e.State.Outcome), string(e.Opportunity.State), len(entries)-n, e.TestOpportunityID, at(e.QueuedAt), at(e.UpdatedAt), text(e.WaitingReason))
				}
			}
		}
	}
	return err
}
