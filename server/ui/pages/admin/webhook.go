package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

type webhooksShown struct {
	Tabs  []frame.Link
	Rows  []client.Webhook
	Pager frame.Pager
	Empty frame.Empty
	Wrong string // with the form that was refused
	Typed struct{ URL, Events, NewFailures, Description string }
}

// webhooks lists the webhooks.
func webhooks(v *frame.Visit) (*frame.View, error) {
	params := &client.ListWebhooksParams{After: frame.Optional(v.Query("after"))}
	answer, err := v.API.ListWebhooksWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := webhooksShown{Tabs: tabs(v, "Webhooks"), Rows: answer.JSON200.Webhooks, Pager: v.Pager(answer.JSON200.Next)}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{Why: "Nobody is told of events.", Hint: "Have new failures sent somewhere:", Command: "slipway webhook add https://chat.example.com/hook --event comparison --new-failures 1 --server " + v.Server()}
	}
	return &frame.View{
		Title: "Webhooks", Templates: templates, File: "webhooks.html", Data: &data, API: frame.APIPath("/v1/webhooks", "after", v.Query("after")),
		CSV: func(out *frame.CSV) error {
			if err := out.Row("id", "url", "enabled", "events", "description", "created", "by"); err != nil {
				return err
			}
			for w, err := range v.API.ListWebhooksAll(v.Context(), &client.ListWebhooksParams{}) {
				if err == nil {
					err = out.Row(w.ID, w.URL, w.Enabled, strings.Join(w.EventTypes, " "), w.Description, w.CreatedAt, w.CreatedBy)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// makeWebhook takes the form of a new webhook. Its secret is in the answer and nowhere
// else.
func makeWebhook(v *frame.Visit) (*frame.View, error) {
	body := client.NewWebhook{URL: strings.TrimSpace(v.Form("url")), EventTypes: strings.Fields(strings.ReplaceAll(v.Form("events"), ",", " ")), Description: frame.Optional(v.Form("description"))}
	if text := v.Form("new_failures"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return refusedWebhook(v, "The least number of new failures must be a whole number.")
		}
		body.Filter = &client.WebhookFilter{NewFailuresAtLeast: nullable.NewNullableWithValue(n)}
	}
	answer, err := v.API.CreateWebhookWithResponse(v.Context(), nil, body)
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Status == http.StatusBadRequest {
		return refusedWebhook(v, p.Detail)
	}
	if err != nil {
		return nil, err
	}
	w := answer.JSON201
	return &frame.View{Title: "Webhook", Templates: templates, File: "webhook.html", Data: &webhookShown{
		Tabs: tabs(v, "Webhooks"), Webhook: client.Webhook{ID: w.ID, URL: w.URL, Description: w.Description, EventTypes: w.EventTypes, Enabled: w.Enabled, Filter: w.Filter, CreatedAt: w.CreatedAt, CreatedBy: w.CreatedBy},
		Secret: w.Secret, Action: "/ui/admin/webhooks/" + w.ID,
	}}, nil
}

// refusedWebhook shows the form again with what was typed.
func refusedWebhook(v *frame.Visit, why string) (*frame.View, error) {
	view, err := webhooks(v)
	if err != nil {
		return nil, err
	}
	data := view.Data.(*webhooksShown)
	data.Wrong = why
	data.Typed.URL, data.Typed.Events, data.Typed.NewFailures, data.Typed.Description = v.Form("url"), v.Form("events"), v.Form("new_failures"), v.Form("description")
	view.Status = http.StatusBadRequest
	return view, nil
}

type deliveryRow struct {
	client.Delivery
	Outcome string
	Last    *client.DeliveryAttempt
}

type webhookShown struct {
	Tabs    []frame.Link
	Webhook client.Webhook
	Secret  string // right after it was made
	Rows    []deliveryRow
	Chips   []frame.Chip
	Pager   frame.Pager
	Empty   frame.Empty
	Action  string // where its forms go
}

// webhook shows one webhook and what was sent to it.
func webhook(v *frame.Visit) (*frame.View, error) {
	id, state := v.Path("webhook"), v.Query("state")
	one, err := v.API.GetWebhookWithResponse(v.Context(), id)
	if err != nil {
		return nil, err
	}
	params := &client.ListDeliveriesParams{After: frame.Optional(v.Query("after")), State: frame.Optional(client.DeliveryState(state)), Limit: frame.Optional(int32(50))}
	answer, err := v.API.ListDeliveriesWithResponse(v.Context(), id, params)
	if err != nil {
		return nil, err
	}
	data := webhookShown{Tabs: tabs(v, "Webhooks"), Webhook: *one.JSON200, Pager: v.Pager(answer.JSON200.Next), Action: "/ui/admin/webhooks/" + url.PathEscape(id)}
	for _, d := range answer.JSON200.Deliveries {
		data.Rows = append(data.Rows, rowOf(d))
	}
	for _, word := range []string{"pending", "delivered", "failed"} {
		value := word
		if state == word {
			value = ""
		}
		data.Chips = append(data.Chips, frame.Chip{Label: word, Outcome: outcomes[word], On: state == word, Href: v.With("state", value)})
	}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{Why: "Nothing was sent to it" + map[bool]string{true: " that is " + state}[state != ""] + "."}
	}
	return &frame.View{
		Title: "Webhook " + data.Webhook.URL, Templates: templates, File: "webhook.html", Data: &data,
		API: frame.APIPath("/v1/webhooks/"+url.PathEscape(id)+"/deliveries", "state", state, "after", v.Query("after")),
		CSV: func(out *frame.CSV) error {
			if err := out.Row("id", "event", "event_id", "state", "attempts", "created"); err != nil {
				return err
			}
			all := *params
			all.After, all.Limit = nil, nil
			for d, err := range v.API.ListDeliveriesAll(v.Context(), id, &all) {
				if err == nil {
					err = out.Row(d.ID, d.EventType, d.EventID, d.State, len(d.Attempts), d.CreatedAt)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// outcomes are the marks of the states of deliveries.
var outcomes = map[string]string{"pending": "waiting", "delivered": "pass", "failed": "fail"}

func rowOf(d client.Delivery) deliveryRow {
	row := deliveryRow{Delivery: d, Outcome: outcomes[string(d.State)]}
	if row.Outcome == "" {
		row.Outcome = "unknown"
	}
	if n := len(d.Attempts); n > 0 {
		row.Last = &d.Attempts[n-1]
	}
	return row
}

// changeWebhook takes the forms of a webhook.
func changeWebhook(v *frame.Visit) (*frame.View, error) {
	id := v.Path("webhook")
	here := "/ui/admin/webhooks/" + url.PathEscape(id)
	switch v.Form("do") {
	case "delete":
		if _, err := v.API.DeleteWebhookWithResponse(v.Context(), id); err != nil {
			return nil, err
		}
		return v.Redirect("/ui/admin/webhooks", "The webhook is deleted."), nil
	case "enable", "disable":
		on := v.Form("do") == "enable"
		if _, err := v.API.UpdateWebhookWithResponse(v.Context(), id, client.WebhookPatch{Enabled: &on}); err != nil {
			return nil, err
		}
		return v.Redirect(here, map[bool]string{true: "The webhook is on.", false: "The webhook is off."}[on]), nil
	case "retry":
		if _, err := v.API.RetryDeliveryWithResponse(v.Context(), id, v.Form("delivery")); err != nil {
			return nil, err
		}
		return v.Redirect(here, "It is sent again."), nil
	}
	return nil, v.Invalid("The form does not say what is to be done with the webhook: enable, disable, delete or retry.")
}
