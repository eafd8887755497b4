// Package formats is the table of the formats that uploads may have.
package formats

import (
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/tap"
	"github.com/slipway-lab/slipway/server/edge/intake/teamcity"
)

// All returns a reader for each format. Of formats that are equally sure that a
// file is theirs the earlier one gets it, so what is told by little comes last.
func All() []report.Reader {
	return []report.Reader{
		teamcity.New(),
		tap.NewKernel(),
		tap.New(),
	}
}

// Detect returns the reader whose format a file has by its first bytes, and nil
// when it is nobody's.
func Detect(readers []report.Reader, prefix []byte) report.Reader {
	var best report.Reader
	sure := report.No
	for _, r := range readers {
		if c := r.Detect(prefix); c > sure {
			best, sure = r, c
		}
	}
	return best
}
