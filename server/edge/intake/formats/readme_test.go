package formats_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
)

// TestReadme compares README's table of formats with what the readers say of
// themselves.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reader := range formats.All() {
		info := reader.Info()
		row := fmt.Sprintf("| `%s` | %s | %s | %s |", info.Format, info.Title, cell(info.Recognised), cell(info.Naming))
		if !strings.Contains(string(text), row+"\n") {
			t.Errorf("README has no row\n%s", row)
		}
	}
}

// cell makes a sentence fit a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
