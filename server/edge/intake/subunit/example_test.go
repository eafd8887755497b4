package subunit_test

import (
	"fmt"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
)

func ExampleParse() {
	upload := "test: boot\nfailure: boot [\nno route to host\n]\ntest: resize\nsuccess: resize\n"
	file := strings.NewReader(upload)

	var tally subunit.Tally
	report, err := subunit.Parse(file, file.Size(), subunit.Limits{}, func(r *subunit.Record) error {
		tally.Add(r.ID, r.Status)
		fmt.Println(r.ID, r.Status, len(r.Attachments))
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Format, tally.Counts().Outcome(report.Format, report.DamageCount))
	// Output:
	// boot fail 1
	// resize success 0
	// subunit-v1 fail
}
