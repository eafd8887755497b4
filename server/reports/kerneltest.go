package reports

import (
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	searchstore "github.com/slipway-lab/slipway/store/search"
)

// caseTest is a case of a group as a test; above names the groups around that one.
// Its name is whole, and what surrounds it is that of the group, which knows the board.
func caseTest(c, g *document.Document, above []string) reportstore.KernelTest {
	t := testOf(reportstore.CaseTest, c)
	group := g.Text("_id")
	t.GroupID, t.Context[boardPlace] = &group, textOf(g, "board")
	t.Name = strings.Join(append(slices.Clone(above), g.Text("name"), c.Text("name")), ".")
	return t
}

// bootTest is a boot as a test.
func bootTest(b *document.Document) reportstore.KernelTest {
	t := testOf(reportstore.BootTest, b)
	t.Name, t.Context[boardPlace] = searchstore.BootName, textOf(b, "board")
	return t
}

// boardPlace is where the board stands in the context of a test. A case alone does not
// know it.
const boardPlace = 1

// testOf fills in what cases and boots have in common.
func testOf(source reportstore.TestSource, d *document.Document) reportstore.KernelTest {
	t := reportstore.KernelTest{
		Source: source, ReportID: d.Text("_id"), Status: d.Text("status"), Failure: d.Failure(),
		Job: textOf(d, "job"), GitBranch: textOf(d, "git_branch"), Kernel: textOf(d, "kernel"),
		Context: [6]*string{
			textOf(d, "arch"), nil, textOf(d, "build_environment"),
			textOf(d, "defconfig_full"), textOf(d, "device_type"), textOf(d, "lab_name"),
		},
	}
	if ms, ok := d.Get("time").(int64); ok {
		t.Duration = &ms
	}
	t.Created, _ = d.Get("created_on").(int64)
	return t
}

func textOf(d *document.Document, name string) *string {
	if text, ok := d.Get(name).(string); ok {
		return &text
	}
	return nil
}
