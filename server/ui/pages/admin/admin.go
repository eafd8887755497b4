// Package admin are the pages of who runs a server: tokens, webhooks, the audit log,
// what is stored.
package admin

import (
	"bufio"
	"cmp"
	"embed"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "storage.html", "tokens.html", "token.html", "webhooks.html", "webhook.html", "audit.html", "retention.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{Path: "/ui/admin", Menu: "Admin", Calls: []string{"listAccessTokens", "createAccessToken"}, Show: tokens, Do: makeToken},
		{Path: "/ui/admin/tokens/{token}", In: "Admin", Calls: []string{"revokeAccessToken", "rotateAccessToken"}, Do: changeToken},
		{Path: "/ui/admin/webhooks", In: "Admin", Calls: []string{"listWebhooks", "createWebhook"}, Show: webhooks, Do: makeWebhook},
		{Path: "/ui/admin/webhooks/{webhook}", In: "Admin", Calls: []string{"getWebhook", "listDeliveries", "updateWebhook", "deleteWebhook", "retryDelivery"}, Show: webhook, Do: changeWebhook},
		{Path: "/ui/admin/audit", In: "Admin", Calls: []string{"listAudit"}, Show: audit},
		{
			Path: "/ui/admin/retention", In: "Admin", Show: retention, Do: changeRetention,
			Calls: []string{"getRetention", "listRetentionRuns", "listRetentionKeeps", "createRetentionRun", "replaceRetention", "deleteRetentionKeep"},
		},
		{Path: "/ui/keeps", In: "Admin", Calls: []string{"createRetentionKeep", "deleteRetentionKeep"}, Do: keep},
		{Path: "/ui/admin/storage", In: "Admin", Calls: []string{"getMetrics"}, Show: storage},
	}
}

// tabs are the links between the pages, those that the visitor may use.
func tabs(v *frame.Visit, here string) []frame.Link {
	var list []frame.Link
	for _, one := range []struct{ text, href, call string }{
		{"Tokens", "/ui/admin", "listAccessTokens"}, {"Webhooks", "/ui/admin/webhooks", "listWebhooks"},
		{"Audit log", "/ui/admin/audit", "listAudit"}, {"Retention", "/ui/admin/retention", "getRetention"}, {"Storage", "/ui/admin/storage", "getMetrics"},
	} {
		if v.May(one.call) {
			list = append(list, frame.Link{Text: one.text, Href: one.href, Current: one.text == here})
		}
	}
	return list
}

// share is how much of what is stored is of one kind.
type share struct {
	Kind, Words string
	Bytes       int64
}

type storageShown struct {
	Tabs     []frame.Link
	Rows     []share
	Total    int64 // of files
	Database int64 // 0: nobody knows
	Free     int64
	Known    bool // Free is
	Empty    frame.Empty
}

// kinds says in words what is counted.
var kinds = map[string]string{
	"result": "Results as they were uploaded", "result_content": "Their content, unpacked", "file": "Files of test opportunities", "report_file": "Files beside reports",
}

// gauge is a line of the counters that this page reads.
var gauge = regexp.MustCompile(`^slipway_(free_bytes|blob_bytes|database_bytes)(?:\{kind="([^"]*)"\})? ([0-9.e+]+)$`)

// storage shows how much is stored of what kind, and how much room is left: the
// numbers of the counters.
func storage(v *frame.Visit) (*frame.View, error) {
	answer, err := v.Get("/metrics", "text/plain")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data := storageShown{Tabs: tabs(v, "Storage")}
	if err := data.read(answer.Body); err != nil {
		return nil, err
	}
	slices.SortFunc(data.Rows, func(a, b share) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if data.Total == 0 {
		data.Empty = frame.Empty{Why: "Nothing was uploaded yet.", Hint: "Send a result:", Command: "slipway upload results.xml --server " + v.Server()}
	}
	return &frame.View{
		Title: "Storage", Templates: templates, File: "storage.html", Data: &data, API: "/metrics",
		CSV: func(out *frame.CSV) error {
			err := out.Row("kind", "bytes")
			for i := 0; err == nil && i < len(data.Rows); i++ {
				err = out.Row(data.Rows[i].Kind, data.Rows[i].Bytes)
			}
			if err == nil && data.Database > 0 {
				err = out.Row("database", data.Database)
			}
			return err
		},
	}, nil
}

func (d *storageShown) read(text io.Reader) error {
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := gauge.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			continue
		}
		switch m[1] {
		case "free_bytes":
			d.Free, d.Known = int64(value), true
			continue
		case "database_bytes":
			d.Database = int64(value)
			continue
		}
		d.Rows = append(d.Rows, share{m[2], cmp.Or(kinds[m[2]], m[2]), int64(value)})
		d.Total += int64(value)
	}
	return lines.Err()
}

// Share is a kind's part of all.
func (d *storageShown) Share(s share) string {
	return picture.Percent(int(s.Bytes), int(d.Total))
}
