package discovery

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	discoveryapi "github.com/slipway-lab/slipway/gen/discovery"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// home is the home document without the parts that depend on the request: the
// prefix before the paths and the address of the explorer.
type home struct {
	title     string
	resources map[string]discoveryapi.HomeResource
	anchors   map[string]string // relation -> anchor in the explorer
}

// homeAnswer renders the home document in the words of
// draft-nottingham-json-home-03, with the api object of draft -05.
func (h *Handler) homeAnswer(info *call.Info) *call.Answer {
	doc := discoveryapi.HomeDocument{Resources: make(map[string]discoveryapi.HomeResource, len(h.home.resources))}
	doc.API.Title = h.home.title
	doc.API.Links = map[string]string{"describedBy": info.Origin.URL("/docs/")}
	for rel, r := range h.home.resources {
		doc.Resources[rel] = h.home.located(r, info.Origin, h.home.anchors[rel])
	}
	return cached(info, call.OK(doc).With("Content-Type", mediaHome), oneHour)
}

func (m home) located(r discoveryapi.HomeResource, o call.Origin, anchor string) discoveryapi.HomeResource {
	if r.Href != nil {
		href := o.Prefix + *r.Href
		r.Href = &href
	}
	if r.HrefTemplate != nil {
		template := o.Prefix + *r.HrefTemplate
		r.HrefTemplate = &template
	}
	hints := *r.Hints
	docs := o.URL("/docs/") + anchor
	hints.Docs = &docs
	r.Hints = &hints
	return r
}

// newHome makes the home document: one resource for each path item. Two path
// items with one relation are an error, because clients find things by it.
func newHome(doc *openapi3.T) (home, error) {
	base, _ := doc.Info.Extensions["x-rel-base"].(string)
	if base == "" {
		return home{}, errors.New("the document's info has no x-rel-base")
	}
	m := home{title: doc.Info.Title, resources: map[string]discoveryapi.HomeResource{}, anchors: map[string]string{}}
	paths := map[string]string{}
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		ops := visible(item)
		if len(ops) == 0 {
			continue
		}
		rel := base + "rel/" + relation(path, item)
		if other, taken := paths[rel]; taken {
			return home{}, fmt.Errorf("%s and %s have one relation, %s", path, other, rel)
		}
		paths[rel] = path
		m.resources[rel] = resource(doc, base, path, item, ops)
		m.anchors[rel] = anchor(ops)
	}
	return m, nil
}

// visible returns the operations of a path that the home document shows, by method.
func visible(item *openapi3.PathItem) map[string]*openapi3.Operation {
	ops := item.Operations()
	for method, op := range ops {
		if internal, _ := op.Extensions["x-internal"].(bool); internal {
			delete(ops, method)
		}
	}
	return ops
}

// relation is the path item's x-rel, or the path without version, parameters
// and slashes.
func relation(path string, item *openapi3.PathItem) string {
	if rel, ok := item.Extensions["x-rel"].(string); ok {
		return rel
	}
	var words []string
	for _, s := range strings.Split(path, "/") {
		if s != "" && s != "v1" && !strings.HasPrefix(s, "{") {
			words = append(words, s)
		}
	}
	return strings.Join(words, "-")
}

func resource(doc *openapi3.T, base, path string, item *openapi3.PathItem, ops map[string]*openapi3.Operation) discoveryapi.HomeResource {
	r := discoveryapi.HomeResource{Hints: hints(doc, ops)}
	vars := map[string]string{}
	var required, optional []string
	for _, p := range parameters(item, ops) {
		switch {
		case p.In == openapi3.ParameterInPath:
		case p.In == openapi3.ParameterInQuery && p.Required:
			required = append(required, p.Name)
		case p.In == openapi3.ParameterInQuery:
			optional = append(optional, p.Name)
		default:
			continue
		}
		vars[p.Name] = base + "param/" + p.Name
	}
	if !strings.Contains(path, "{") && len(required) == 0 && !needsQuery(ops) {
		r.Href = &path
		return r
	}
	// A query that is required can only be said in a template (RFC 6570).
	template := path
	if all := append(required, optional...); len(all) > 0 {
		template += "{?" + strings.Join(all, ",") + "}"
	}
	r.HrefTemplate, r.HrefVars = &template, vars
	return r
}

// needsQuery reports whether an operation must be given a query, although it
// requires no single parameter (x-needs-query).
func needsQuery(ops map[string]*openapi3.Operation) bool {
	for _, op := range ops {
		if names, _ := op.Extensions["x-needs-query"].([]any); len(names) > 0 {
			return true
		}
	}
	return false
}

// parameters returns those of the path and of its operations, each name once,
// in the order of the document.
func parameters(item *openapi3.PathItem, ops map[string]*openapi3.Operation) []*openapi3.Parameter {
	var out []*openapi3.Parameter
	add := func(list openapi3.Parameters) {
		for _, p := range list {
			if !slices.ContainsFunc(out, func(q *openapi3.Parameter) bool { return q.Name == p.Value.Name && q.In == p.Value.In }) {
				out = append(out, p.Value)
			}
		}
	}
	add(item.Parameters)
	for _, method := range methods {
		if op := ops[method]; op != nil {
			add(op.Parameters)
		}
	}
	return out
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func hints(doc *openapi3.T, ops map[string]*openapi3.Operation) *discoveryapi.HomeHints {
	h := &discoveryapi.HomeHints{}
	deprecated := true
	for _, method := range methods {
		op := ops[method]
		if op == nil {
			continue
		}
		h.Allow = append(h.Allow, method)
		deprecated = deprecated && op.Deprecated
		switch method {
		case http.MethodGet:
			h.Formats = formats(op)
		case http.MethodPost:
			h.AcceptPost = bodyTypes(op)
		case http.MethodPatch:
			h.AcceptPatch = bodyTypes(op)
		}
		if needsLogin(doc, op) && h.AuthReq == nil {
			h.AuthReq = []discoveryapi.HomeAuth{{Scheme: "Bearer"}}
		}
	}
	if deprecated {
		status := discoveryapi.HomeHintsStatusDeprecated
		h.Status = &status
	}
	return h
}

func needsLogin(doc *openapi3.T, op *openapi3.Operation) bool {
	security := doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	for _, requirement := range security {
		if len(requirement) == 0 {
			return false
		}
	}
	return len(security) > 0
}

func formats(op *openapi3.Operation) map[string]map[string]any {
	out := map[string]map[string]any{}
	for status, ref := range op.Responses.Map() {
		if strings.HasPrefix(status, "2") {
			for media := range ref.Value.Content {
				out[media] = map[string]any{}
			}
		}
	}
	return out
}

func bodyTypes(op *openapi3.Operation) []string {
	if op.RequestBody == nil {
		return nil
	}
	var out []string
	for media := range op.RequestBody.Value.Content {
		out = append(out, media)
	}
	slices.Sort(out)
	return out
}

func anchor(ops map[string]*openapi3.Operation) string {
	for _, method := range methods {
		if op := ops[method]; op != nil && len(op.Tags) > 0 {
			return "#/" + op.Tags[0] + "/" + op.OperationID
		}
	}
	return ""
}
