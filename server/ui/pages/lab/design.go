package lab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

type designsShown struct {
	Tabs  []frame.Link
	Rows  []client.LabDesign
	Name  string
	Pager frame.Pager
	Empty frame.Empty
}

// designs lists the stored designs.
func designs(v *frame.Visit) (*frame.View, error) {
	params := &client.ListDesignsParams{After: frame.Optional(v.Query("after")), Name: frame.Optional(v.Query("name"))}
	answer, err := v.API.ListDesignsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := designsShown{Tabs: tabs("Designs"), Rows: answer.JSON200.Designs, Name: v.Query("name"), Pager: v.Pager(answer.JSON200.Next)}
	switch {
	case len(data.Rows) > 0:
	case data.Name != "":
		data.Empty = frame.Empty{Why: "No design has the name " + data.Name + ".", Link: frame.Link{Text: "All designs", Href: "/ui/designs"}}
	default:
		data.Empty = frame.Empty{Why: "No design is stored; tasks may also name one elsewhere.", Hint: "Store one:", Command: "slipway designs push site.yaml --name lab --server " + v.Server()}
	}
	return &frame.View{
		Title: "Designs", Templates: templates, File: "designs.html", Data: &data,
		API: frame.APIPath("/v1/designs", "name", data.Name, "after", v.Query("after")),
		CSV: func(out *frame.CSV) error {
			if err := out.Row("id", "name", "reference", "nodes", "size", "created", "by"); err != nil {
				return err
			}
			all := *params
			all.After = nil
			for d, err := range v.API.ListDesignsAll(v.Context(), &all) {
				if err == nil {
					err = out.Row(d.ID, d.Name, d.Reference, d.Nodes, d.Size, d.Created, d.CreatedBy)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// store takes the form of a new design.
func store(v *frame.Visit) (*frame.View, error) {
	if strings.TrimSpace(v.Form("documents")) == "" {
		return nil, v.Invalid("A design consists of YAML documents, and there are none.")
	}
	answer, err := v.API.CreateDesignWithBodyWithResponse(v.Context(), &client.CreateDesignParams{Name: v.Form("name")}, "application/x-yaml", strings.NewReader(v.Form("documents")))
	if err != nil {
		return nil, err
	}
	return v.Redirect("/ui/designs/"+url.PathEscape(answer.JSON201.ID), "The design is stored."), nil
}

// finding is one message of a validation.
type finding struct {
	Name, Message, Level, Diagnostic string
	Error                            bool
	Documents                        []struct{ Schema, Name string }
}

// weight is the place of a finding in the order of attention.
func (f *finding) weight() int {
	switch {
	case f.Error:
		return 0
	case f.Level == "Warning":
		return 1
	}
	return 2
}

type designShown struct {
	Crumbs    []frame.Link
	Design    client.LabDesign
	Checked   bool
	Status    string
	Message   string
	Findings  []finding
	Errors    int
	Documents string
	Cut       bool
	MayDelete bool
	Actions   []string
}

// shownDocuments is how much of a design the page shows; all of it can be downloaded.
const shownDocuments = 100 << 10

// design shows a stored design with what a validation finds.
func design(v *frame.Visit) (*frame.View, error) {
	id := v.Path("design")
	if v.Query("documents") != "" {
		return documents(v, id)
	}
	answer, err := v.API.GetDesignWithResponse(v.Context(), id)
	if err != nil {
		return nil, err
	}
	data := designShown{Crumbs: crumbs("Designs", "/ui/designs"), Design: *answer.JSON200, MayDelete: v.May("deleteDesign"), Actions: actions(v)}
	if v.May("validateDesign") {
		if err := data.validate(v); err != nil {
			return nil, err
		}
	}
	text, err := v.Get("/v1/designs/"+url.PathEscape(id)+"/documents", "application/x-yaml")
	if err != nil {
		return nil, err
	}
	defer text.Body.Close()
	head, err := io.ReadAll(io.LimitReader(text.Body, shownDocuments+1))
	if err != nil {
		return nil, err
	}
	data.Documents, data.Cut = string(head[:min(len(head), shownDocuments)]), len(head) > shownDocuments
	outcome := ""
	if data.Checked {
		outcome = "pass"
		if data.Errors > 0 || !strings.EqualFold(data.Status, "success") {
			outcome = "fail"
		}
	}
	return &frame.View{Title: "Design " + data.Design.Name, Outcome: outcome, Templates: templates, File: "design.html", Data: &data, API: "/v1/designs/" + url.PathEscape(id), CSV: data.csv}, nil
}

// documents sends the design itself, as text.
func documents(v *frame.Visit, id string) (*frame.View, error) {
	answer, err := v.Get("/v1/designs/"+url.PathEscape(id)+"/documents", "application/x-yaml")
	if err != nil {
		return nil, err
	}
	return &frame.View{Raw: func(w http.ResponseWriter) error {
		defer answer.Body.Close()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="design.yaml"`)
		_, _ = io.Copy(w, answer.Body) // the visitor may have gone
		return nil
	}}, nil
}

// validate asks what is wrong with the design. That it cannot be used at all is an
// answer too.
func (d *designShown) validate(v *frame.Visit) error {
	body, err := json.Marshal(map[string]string{"rel": "design", "href": d.Design.Reference, "type": "application/x-yaml"})
	if err != nil {
		return err
	}
	// A design that is not valid is answered with 400 and the same document.
	answer, err := v.Answer("POST", "/v1/validatedesign", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var found struct {
		Kind    string
		Status  string
		Message *string
		Details struct {
			ErrorCount  int
			MessageList []finding
		}
	}
	// A problem's members have other types.
	_ = json.NewDecoder(answer.Body).Decode(&found)
	if found.Kind != "Status" { // it could not be asked
		d.Message = fmt.Sprintf("The design could not be validated: the answer has status %d.", answer.StatusCode)
		d.Checked, d.Status = true, "failure"
		return nil
	}
	d.Checked, d.Status, d.Errors, d.Findings = true, found.Status, found.Details.ErrorCount, found.Details.MessageList
	slices.SortStableFunc(d.Findings, func(a, b finding) int { return cmp.Compare(a.weight(), b.weight()) })
	if found.Message != nil {
		d.Message = *found.Message
	}
	return nil
}

func (d *designShown) csv(out *frame.CSV) error {
	err := out.Row("code", "level", "message", "diagnostic")
	for i := 0; err == nil && i < len(d.Findings); i++ {
		f := &d.Findings[i]
		err = out.Row(f.Name, f.Level, f.Message, f.Diagnostic)
	}
	return err
}

// remove deletes a design, when the form says so.
func remove(v *frame.Visit) (*frame.View, error) {
	if v.Form("delete") == "" {
		return nil, v.Invalid("The form does not say that the design is to be deleted.")
	}
	if _, err := v.API.DeleteDesignWithResponse(v.Context(), v.Path("design")); err != nil {
		return nil, err
	}
	return v.Redirect("/ui/designs", "The design is deleted. Tasks that use it keep theirs."), nil
}
