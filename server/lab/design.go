package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// CreateDesign stores a design.
func (h *Handler) CreateDesign(ctx context.Context, req labapi.CreateDesignRequestObject) (labapi.Response, error) {
	raw, found := upload.FromContext(ctx)
	if !found {
		return nil, errors.New("design: the body was not put aside")
	}
	text, err := h.readDesign(raw.Body)
	if err != nil {
		return nil, err
	}
	c := h.library.Check(text)
	if err := c.Usable(); err != nil {
		return nil, fault.InvalidBody("", "is not a usable design: %s", err.Error())
	}
	d := &labstore.Design{
		ID: labstore.NewULID(h.store.Now()), Name: req.Params.Name, Digest: c.Digest,
		Size: int64(len(text)), Nodes: int64(len(c.Site.Nodes)), CreatedBy: auth.From(ctx).Label(),
	}
	d.Sealed = h.library.Seal(d.ID, text)
	if err := h.store.CreateDesign(ctx, d); err != nil {
		return nil, err
	}
	return call.Created(location(ctx, "/v1/designs/"+d.ID), designDocument(d)), nil
}

func (h *Handler) readDesign(body io.Reader) ([]byte, error) {
	text, err := readBody(io.LimitReader(body, h.library.Max()+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > h.library.Max():
		return nil, fault.TooLarge("the design is larger than the limit of %d bytes", h.library.Max())
	case !utf8.Valid(text):
		return nil, fault.InvalidBody("", "must be UTF-8")
	}
	return text, nil
}

// readBody reads a body to its end. One that breaks off, or cannot be
// decompressed, is the client's fault.
func readBody(body io.Reader) ([]byte, error) {
	text, err := io.ReadAll(body)
	var tooLarge *http.MaxBytesError
	var known *fault.Fault
	if err == nil || errors.As(err, &tooLarge) || errors.As(err, &known) {
		return text, err
	}
	return nil, fault.InvalidBody("", "could not be read to its end").Because(err)
}

// location is the address of a path as the caller reached the server.
func location(ctx context.Context, path string) string { return call.From(ctx).Origin.Prefix + path }

func designDocument(d *labstore.Design) map[string]any {
	return map[string]any{
		"id": d.ID, "name": d.Name, "reference": "slipway:/designs/" + d.ID, "digest": d.Digest,
		"size": d.Size, "nodes": d.Nodes, "created": wireTime(d.CreatedAt), "created_by": d.CreatedBy,
	}
}

// wireTime is how the lab writes times.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// ListDesigns answers stored designs, newest first.
func (h *Handler) ListDesigns(ctx context.Context, req labapi.ListDesignsRequestObject) (labapi.Response, error) {
	name := ""
	if req.Params.Name != nil {
		name = *req.Params.Name
	}
	list, err := h.store.ListDesigns(ctx, name, page(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	rows := []any{}
	for i := range list.Items {
		rows = append(rows, designDocument(&list.Items[i]))
	}
	return call.OK(map[string]any{"designs": rows}).Paged(ctx, list.Next), nil
}

func page(limit *int32, after *string) store.Page {
	p := store.Page{}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if after != nil {
		p.After = *after
	}
	return p
}

func (h *Handler) storedDesign(ctx context.Context, idOrName string) (*labstore.Design, error) {
	d, err := h.store.Design(ctx, idOrName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("design %q does not exist", idOrName)
	}
	return d, err
}

// GetDesign answers what is known of a design.
func (h *Handler) GetDesign(ctx context.Context, req labapi.GetDesignRequestObject) (labapi.Response, error) {
	d, err := h.storedDesign(ctx, req.Design)
	if err != nil {
		return nil, err
	}
	return call.OK(designDocument(d)), nil
}

// DeleteDesign removes a design.
func (h *Handler) DeleteDesign(ctx context.Context, req labapi.DeleteDesignRequestObject) (labapi.Response, error) {
	d, err := h.storedDesign(ctx, req.Design)
	if err != nil {
		return nil, err
	}
	return call.NoContent(), h.store.DeleteDesign(ctx, d.ID)
}

// GetDesignDocuments answers the documents, without credentials for those who
// may not have them.
func (h *Handler) GetDesignDocuments(ctx context.Context, req labapi.GetDesignDocumentsRequestObject) (labapi.Response, error) {
	d, err := h.storedDesign(ctx, req.Design)
	if err != nil {
		return nil, err
	}
	text, err := h.library.Open(d)
	if err != nil {
		return nil, err
	}
	who := auth.From(ctx)
	if !who.Is(auth.Operator) && !who.Is(auth.Admin) {
		text, err = withoutCredentials(text)
	}
	return call.Text(http.StatusOK, "application/x-yaml", text).With("X-Content-Type-Options", "nosniff"), err
}

// withoutCredentials writes the documents again: with stars for every member
// called credential, for the bodies of boot actions' assets and for passwords inside addresses, and without comments,
// where old credentials like to stay.
func withoutCredentials(text []byte) ([]byte, error) {
	var out bytes.Buffer
	in, enc := yaml.NewDecoder(bytes.NewReader(text)), yaml.NewEncoder(&out)
	for {
		var doc yaml.Node
		err := in.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		hideCredentials(&doc)
		if err := enc.Encode(&doc); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), enc.Close()
}

const stars = "********"

// addressPassword finds the password in scheme://user:password@host.
var addressPassword = regexp.MustCompile(`(://[^/@:\s]*:)[^/@\s]+@`)

func hideCredentials(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "://") {
		n.Value = addressPassword.ReplaceAllString(n.Value, "${1}"+stars+"@")
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && targetOf(n.Content[i-1]).Value == "assets" {
			for _, asset := range targetOf(c).Content {
				hideBody(targetOf(asset))
			}
		}
		if n.Kind == yaml.MappingNode && i%2 == 1 && strings.EqualFold(targetOf(n.Content[i-1]).Value, "credential") {
			*targetOf(c) = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: stars, Anchor: targetOf(c).Anchor}
			continue
		}
		hideCredentials(c)
	}
}

// hideBody puts stars in the place of what an asset of a boot action holds: its
// data, which may come by a merge.
func hideBody(asset *yaml.Node) {
	for i := 1; asset.Kind == yaml.MappingNode && i < len(asset.Content); i += 2 {
		value := targetOf(asset.Content[i])
		switch targetOf(asset.Content[i-1]).Value {
		case "data":
			*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: stars, Anchor: value.Anchor}
		case "<<":
			hideBody(value)
			for _, merged := range value.Content {
				if value.Kind == yaml.SequenceNode {
					hideBody(targetOf(merged))
				}
			}
		}
	}
}

func targetOf(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
