package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

var (
	productColumns     = columns("PRODUCT id", "NAME name", "RELEASE release", "SNAPS snaps", "OWNER owner", "CREATED created_at")
	opportunityColumns = columns("OPPORTUNITY test_opportunity_id", "STATE state", "SPEC spec_name", "IMAGE image_unique_id", "PLATFORM platform", "HELD_BY held_by", "ATTEMPT attempt", "WAITS_FOR waiting_reason", "UPDATED updated_at")
	madeColumns        = columns("OPPORTUNITY test_opportunity_id", "IMAGE image_unique_id", "PRODUCT product_id")
	eventColumns       = columns("EVENT id", "TIME timestamp", "TYPE event_type", "AREA area", "PRODUCT product_id", "OPPORTUNITY test_opportunity_id")
)

// Products lists products, or shows one.
type Products struct {
	Flags
	Limited
	Product string `arg:"" optional:"" help:"A product's name or id."`
}

// Help is an example.
func (Products) Help() string { return example(`slipway products`) }

// Run prints them.
func (c *Products) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		if c.Product != "" {
			id, err := s.productID(ctx, c.Product)
			if err != nil {
				return err
			}
			s.pageAddress("/products/" + id)
			answer, err := s.api.Raw().GetProduct(ctx, id)
			return s.show(productColumns, answer, err)
		}
		defer s.sayPage("/products")
		return s.list(s.products(ctx, ""), c.Limited)
	})
}

func (s *session) products(ctx context.Context, name string) listing {
	return listing{key: "products", limits: true, columns: productColumns, time: "created_at", query: values("name", name), empty: "There is no product: POST /v1/products makes one, as the guide at /docs/guide/spi-agent shows.",
		call: func(e ...client.RequestEditorFn) (*http.Response, error) {
			return s.api.Raw().ListProducts(ctx, nil, e...)
		}}
}

// productID finds a product by its id or name.
func (s *session) productID(ctx context.Context, text string) (string, error) {
	if id, err := uuid.Parse(text); err == nil {
		return id.String(), nil
	}
	items, _, err := s.read(s.products(ctx, text), Limited{})
	if err != nil {
		return "", err
	}
	var ids, names []string
	for _, item := range items {
		if stringAt(item, "name") == text {
			ids = append(ids, stringAt(item, "id"))
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		if items, _, err = s.read(s.products(ctx, ""), Limited{}); err != nil {
			return "", err
		}
		for _, item := range items {
			names = append(names, stringAt(item, "name"))
		}
		return "", terminal.NotFound("there is no product %q%s", text, terminal.DidYouMean(text, names))
	}
	return "", terminal.Usage("%d products are called %q; name one by its id: %s", len(ids), text, strings.Join(ids, ", "))
}

// Advertise says that something can be tested.
type Advertise struct {
	Image      AdvertiseImage      `cmd:"" help:"A new image of a product."`
	Snap       AdvertiseSnap       `cmd:"" help:"New revisions of snaps."`
	GoldMaster AdvertiseGoldMaster `cmd:"" name:"gold-master" help:"A gold master of a product."`
}

// Advertised are the flags of all three.
type Advertised struct {
	Platform string `help:"Only for this platform."`
	Release  string `help:"Only if this is the product's release."`
}

func (s *session) made(answer *http.Response, err error) error {
	var made struct{ IDs []json.RawMessage }
	if err := into(&made, answer, err); err != nil {
		return err
	}
	return s.List(terminal.Rows{Items: made.IDs, Columns: madeColumns, Empty: "No test spec of the product wants it, so nothing waits to be tested."})
}

// AdvertiseImage advertises one.
type AdvertiseImage struct {
	Flags
	Advertised
	Product   string `arg:"" help:"The product's name or id."`
	Image     string `arg:"" help:"The image's unique id."`
	Channel   string `required:"" help:"The channel it was built from."`
	Reference string `placeholder:"URL" help:"Where the image is: an address, or any JSON."`
}

// Help is an example.
func (AdvertiseImage) Help() string {
	return example(`slipway advertise image "$PRODUCT" nightly-1 --channel edge --reference https://images.example/nightly-1.img`)
}

// Run prints the opportunities that were made.
func (c *AdvertiseImage) Run(ctx context.Context, std *terminal.Streams) error {
	in := client.ImageAdvertisement{ImageUniqueID: c.Image, Channel: c.Channel, ExtraSnaps: json.RawMessage("[]"), Platform: optional(c.Platform), Release: optional(c.Release)}
	in.ImageReference = nullable.NewNullNullable[json.RawMessage]()
	if c.Reference != "" {
		reference := json.RawMessage(c.Reference)
		if !json.Valid(reference) {
			reference = document(c.Reference)
		}
		in.ImageReference = nullable.NewNullableWithValue(reference)
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		id, err := s.productID(ctx, c.Product)
		if err != nil {
			return err
		}
		key := uuid.NewString()
		answer, err := s.api.Raw().AdvertiseImage(ctx, id, &client.AdvertiseImageParams{IdempotencyKey: &key}, in)
		return s.made(answer, err)
	})
}

// AdvertiseSnap advertises revisions.
type AdvertiseSnap struct {
	Flags
	Advertised
	Product string   `arg:"" help:"The product's name or id, or all for every product that has the snap."`
	Snaps   []string `arg:"" name:"snap" help:"NAME=REVISION."`
	Channel string   `required:"" help:"The channel they are in."`
}

// Help is an example.
func (AdvertiseSnap) Help() string {
	return example(`slipway advertise snap "$PRODUCT" pc-kernel=41 --channel edge`)
}

// Run prints the opportunities that were made.
func (c *AdvertiseSnap) Run(ctx context.Context, std *terminal.Streams) error {
	snaps, err := parseSnaps(c.Snaps)
	if err != nil {
		return err
	}
	in := client.SnapAdvertisement{Channel: &c.Channel, Snaps: snaps, Platform: optional(c.Platform), Release: optional(c.Release)}
	if len(snaps) == 1 {
		in.Name, in.Revision, in.Snaps = &snaps[0].Name, &snaps[0].Revision, nil
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		key := uuid.NewString()
		if c.Product == "all" {
			if len(snaps) != 1 || c.Platform != "" || c.Release != "" {
				return terminal.Usage("for all products it is one snap, without --platform and --release")
			}
			in := client.SnapRevision{Name: snaps[0].Name, Revision: snaps[0].Revision, Channel: c.Channel}
			answer, err := s.api.Raw().AdvertiseSnapToAll(ctx, &client.AdvertiseSnapToAllParams{IdempotencyKey: &key}, in)
			return s.made(answer, err)
		}
		id, err := s.productID(ctx, c.Product)
		if err != nil {
			return err
		}
		answer, err := s.api.Raw().AdvertiseSnap(ctx, id, &client.AdvertiseSnapParams{IdempotencyKey: &key}, in)
		return s.made(answer, err)
	})
}

// AdvertiseGoldMaster advertises one.
type AdvertiseGoldMaster struct {
	Flags
	Advertised
	Product string   `arg:"" help:"The product's name or id."`
	Snaps   []string `arg:"" name:"snap" help:"NAME=REVISION of each snap in it."`
	Channel string   `required:"" help:"The channel it is for."`
}

// Help is an example.
func (AdvertiseGoldMaster) Help() string {
	return example(`slipway advertise gold-master "$PRODUCT" pc-kernel=40 --channel stable`)
}

// Run prints the opportunities that were made.
func (c *AdvertiseGoldMaster) Run(ctx context.Context, std *terminal.Streams) error {
	snaps, err := parseSnaps(c.Snaps)
	if err != nil {
		return err
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		id, err := s.productID(ctx, c.Product)
		if err != nil {
			return err
		}
		key := uuid.NewString()
		answer, err := s.api.Raw().AdvertiseGoldMaster(ctx, id, &client.AdvertiseGoldMasterParams{IdempotencyKey: &key},
			client.GoldMasterAdvertisement{Snaps: snaps, Channel: c.Channel, Platform: optional(c.Platform), Release: optional(c.Release)})
		return s.made(answer, err)
	})
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func parseSnaps(words []string) ([]client.Snap, error) {
	var snaps []client.Snap
	for _, w := range words {
		name, revision, ok := strings.Cut(w, "=")
		n, err := strconv.ParseInt(revision, 10, 64)
		if !ok || name == "" || err != nil {
			return nil, terminal.Usage("%q is no snap: it must be NAME=REVISION, such as pc-kernel=41", w)
		}
		snaps = append(snaps, client.Snap{Name: name, Revision: n})
	}
	return snaps, nil
}

// Opportunities lists test opportunities.
type Opportunities struct {
	Flags
	Limited
	Product string   `arg:"" optional:"" help:"The product's name or id; without one those of all products."`
	Waiting bool     `help:"Only those that wait for an agent, with the reason."`
	State   []string `help:"Only those in these states, such as PICKED."`
	Image   string   `help:"Only those of this image."`
	Agent   string   `help:"Only those that this agent had."`
}

// Help is an example.
func (Opportunities) Help() string { return example(`slipway opportunities --waiting`) }

// Run prints them.
func (c *Opportunities) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		ids, err := s.productIDs(ctx, c.Product)
		if err != nil {
			return err
		}
		q := values("image_unique_id", c.Image, "agent_id", c.Agent)
		if q["state"] = c.State; c.Waiting {
			q["state"] = []string{"QUEUED"}
		}
		rows := terminal.Rows{Columns: opportunityColumns, Empty: "No test opportunity is like that."}
		for _, id := range ids {
			items, more, err := s.read(listing{key: "test_opportunities", limits: true, query: q, time: "updated_at",
				call: func(e ...client.RequestEditorFn) (*http.Response, error) {
					return s.api.Raw().ListOpportunities(ctx, id, nil, e...)
				}}, c.Limited)
			if err != nil {
				return err
			}
			rows.Items = append(rows.Items, items...)
			if more {
				rows.More = "There are more: --limit 0 shows all."
			}
		}
		return s.List(rows)
	})
}

// productIDs are those of one product, or of all.
func (s *session) productIDs(ctx context.Context, product string) ([]string, error) {
	if product != "" {
		id, err := s.productID(ctx, product)
		return []string{id}, err
	}
	items, _, err := s.read(s.products(ctx, ""), Limited{})
	var ids []string
	for _, item := range items {
		ids = append(ids, stringAt(item, "id"))
	}
	return ids, err
}

// OfOpportunity names one.
type OfOpportunity struct {
	Opportunity string `arg:"" help:"The test opportunity's id."`
	Product     string `help:"Its product, by name or id, if that is known: it is looked for, else."`
}

// opportunity finds the product that a test opportunity belongs to.
func (s *session) opportunity(ctx context.Context, of OfOpportunity) (product string, item json.RawMessage, err error) {
	if _, err := uuid.Parse(of.Opportunity); err != nil {
		return "", nil, terminal.Usage("%q is no test opportunity: it must be an id as slipway opportunities shows it", of.Opportunity)
	}
	ids, err := s.productIDs(ctx, of.Product)
	if err != nil {
		return "", nil, err
	}
	for _, id := range ids {
		answer, err := s.api.Raw().GetOpportunity(ctx, id, of.Opportunity)
		err = into(&item, answer, err)
		if errors.Is(err, client.ErrNotFound) {
			continue
		}
		return id, item, err
	}
	return "", nil, terminal.NotFound("there is no test opportunity %s", of.Opportunity)
}

// Retry makes an opportunity again.
type Retry struct {
	Flags
	OfOpportunity
}

// Help is an example.
func (Retry) Help() string { return example(`slipway retry "$DONE_OPPORTUNITY"`) }

// Run prints the new one.
func (c *Retry) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		product, _, err := s.opportunity(ctx, c.OfOpportunity)
		if err != nil {
			return err
		}
		key := uuid.NewString()
		answer, err := s.api.Raw().RetryOpportunity(ctx, product, c.Opportunity, &client.RetryOpportunityParams{IdempotencyKey: &key})
		return s.made(answer, err)
	})
}

// Cancel stops an opportunity.
type Cancel struct {
	Flags
	OfOpportunity
	Reason string `help:"Why, for people."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

// Help is an example.
func (Cancel) Help() string {
	return example(`slipway cancel "$WAITING_OPPORTUNITY" --reason "wrong image" --yes`)
}

// Run prints what became of it.
func (c *Cancel) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		product, _, err := s.opportunity(ctx, c.OfOpportunity)
		if err != nil {
			return err
		}
		if err := s.confirmed(c.Yes, "Cancel the test opportunity "+c.Opportunity+"?"); err != nil {
			return err
		}
		key := uuid.NewString()
		answer, err := s.api.Raw().CancelOpportunity(ctx, product, c.Opportunity, &client.CancelOpportunityParams{IdempotencyKey: &key},
			client.OpportunityCancel{Reason: optional(c.Reason)})
		return s.show(opportunityColumns, answer, err)
	})
}

// Output prints the console output of an opportunity.
type Output struct {
	Flags
	OfOpportunity
	Follow bool `short:"f" help:"Go on until the test opportunity has ended."`
}

// Help is an example.
func (Output) Help() string { return example(`slipway output "$DONE_OPPORTUNITY" --follow`) }

// Run prints the bytes as they came.
func (c *Output) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		product, item, err := s.opportunity(ctx, c.OfOpportunity)
		if err != nil {
			return err
		}
		s.pageAddress("/opportunities/" + c.Opportunity)
		broken := 0 // how often the answer broke off since something came
		for offset := int64(0); ; {
			// The state is looked at first: what is written before the end is read after.
			ended := final(stringAt(item, "state"))
			content, err := client.Download(s.api.Raw().GetOutput(ctx, product, c.Opportunity, &client.GetOutputParams{Offset: &offset}))
			if err != nil {
				return err
			}
			source := &cut{from: content}
			n, err := io.Copy(s.Streams.Out, source)
			content.Close()
			if n > 0 {
				broken = 0
			}
			if offset += n; err != nil {
				if broken++; !c.Follow || source.err == nil || ctx.Err() != nil || broken > s.Retries {
					return fmt.Errorf("after %s: %w", terminal.Bytes(offset), err)
				}
				ended = false // there is more of it
			}
			if ended || !c.Follow {
				return nil
			}
			if err := client.Wait(ctx, time.Second); err != nil {
				return err
			}
			answer, err := s.api.Raw().GetOpportunity(ctx, product, c.Opportunity)
			if err := into(&item, answer, err); err != nil {
				return err
			}
		}
	})
}

// cut remembers that reading failed, and not writing.
type cut struct {
	from io.Reader
	err  error
}

// Read reads on.
func (c *cut) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

func final(state string) bool {
	return state != "QUEUED" && state != "PICKED" && state != "CANCELLING"
}

// Events prints the event log.
type Events struct {
	Flags
	Follow      bool     `short:"f" help:"Go on with what happens."`
	After       string   `name:"since" placeholder:"ID" help:"Only events after the one of this id."`
	Type        []string `help:"Only events of these types."`
	Product     string   `help:"Only of this product, by name or id."`
	Opportunity string   `help:"Only of this test opportunity."`
	Limit       int      `default:"100" min:"0" help:"How many at most; 0: all. With --follow: end after so many, 0: never."`
}

// Help is an example.
func (Events) Help() string { return example(`slipway events --limit 5`) }

// Run prints them.
func (c *Events) Run(ctx context.Context, std *terminal.Streams) error {
	if n, err := strconv.ParseInt(cmp.Or(c.After, "0"), 10, 64); err != nil || n < 0 {
		return terminal.Usage("--since must be the id of an event, as slipway events shows them, but is %q", c.After)
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		q := values("after", c.After, "test_opportunity_id", c.Opportunity, "event_type", strings.Join(c.Type, ","))
		if c.Product != "" {
			id, err := s.productID(ctx, c.Product)
			if err != nil {
				return err
			}
			q.Set("product_id", id)
		}
		if !c.Follow {
			return s.list(listing{key: "events", limits: true, columns: eventColumns, query: q, empty: "Nothing has happened yet.",
				call: func(e ...client.RequestEditorFn) (*http.Response, error) {
					return s.api.Raw().ListEvents(ctx, nil, e...)
				}}, Limited{Limit: c.Limit})
		}
		return c.follow(ctx, s, q.Get("product_id"))
	})
}

// follow prints a line for each event, which is a document of its own in JSON.
func (c *Events) follow(ctx context.Context, s *session, product string) error {
	filter := client.ListEventsParams{}
	if product != "" {
		filter.ProductID = &product
	}
	if c.Opportunity != "" {
		filter.TestOpportunityID = &c.Opportunity
	}
	n := 0
	for event, err := range s.api.Events(ctx, c.After, filter) {
		if err != nil {
			return err
		}
		item := document(event)
		if len(c.Type) > 0 && !containsFold(c.Type, stringAt(item, "event_type")) {
			continue
		}
		if s.Format == terminal.JSON {
			fmt.Fprintln(s.Streams.Out, string(item))
		} else {
			fmt.Fprintf(s.Streams.Out, "%s\t%s\t%s\t%s\n", stringAt(item, "id"), stringAt(item, "timestamp"), stringAt(item, "event_type"), terminal.Plain(stringAt(item, "test_opportunity_id")))
		}
		if n++; c.Limit > 0 && n == c.Limit {
			return nil
		}
	}
	return nil
}

func containsFold(words []string, word string) bool {
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}
