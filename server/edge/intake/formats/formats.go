// Package formats is the table of the formats that uploads may have.
package formats

import (
	"bytes"

	"github.com/slipway-lab/slipway/server/edge/intake/allure"
	"github.com/slipway-lab/slipway/server/edge/intake/avocado"
	"github.com/slipway-lab/slipway/server/edge/intake/checkbox"
	"github.com/slipway-lab/slipway/server/edge/intake/ctest"
	"github.com/slipway-lab/slipway/server/edge/intake/ctrf"
	"github.com/slipway-lab/slipway/server/edge/intake/cucumber"
	"github.com/slipway-lab/slipway/server/edge/intake/gotest"
	"github.com/slipway-lab/slipway/server/edge/intake/gtest"
	"github.com/slipway-lab/slipway/server/edge/intake/jest"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/junit"
	"github.com/slipway-lab/slipway/server/edge/intake/kirk"
	"github.com/slipway-lab/slipway/server/edge/intake/libtest"
	"github.com/slipway-lab/slipway/server/edge/intake/mocha"
	"github.com/slipway-lab/slipway/server/edge/intake/nunit"
	"github.com/slipway-lab/slipway/server/edge/intake/playwright"
	"github.com/slipway-lab/slipway/server/edge/intake/pytest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/robotjson"
	"github.com/slipway-lab/slipway/server/edge/intake/robotxml"
	"github.com/slipway-lab/slipway/server/edge/intake/squad"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/server/edge/intake/tap"
	"github.com/slipway-lab/slipway/server/edge/intake/teamcity"
	"github.com/slipway-lab/slipway/server/edge/intake/trx"
	"github.com/slipway-lab/slipway/server/edge/intake/xunitnet"
)

// All returns a reader for each format. Of formats that are equally sure that a
// file is theirs the earlier one gets it, so what is told by little comes last.
func All() []report.Reader {
	return []report.Reader{
		subunit.V2(),
		subunit.V1(),
		teamcity.New(),
		tap.NewKernel(),
		tap.New(),
		ctest.New(),
		robotxml.New(),
		trx.New(),
		nunit.New(),
		xunitnet.New(),
		junit.New(), // which takes any XML
		gotest.New(),
		checkbox.New(),
		ctrf.New(),
		kirk.New(),
		avocado.New(),
		playwright.New(),
		jest.New(),
		mocha.New(),
		cucumber.New(),
		cucumber.NewMessages(),
		pytest.New(),
		allure.New(),
		gtest.New(),
		libtest.New(),
		robotjson.New(),
		squad.New(),    // no member is its own
		subunit.JSON(), // which takes any JSON
	}
}

// ByName returns the reader of a format, and nil when no format has the name.
func ByName(readers []report.Reader, name string) report.Reader {
	for _, r := range readers {
		if string(r.Info().Format) == name {
			return r
		}
	}
	return nil
}

// Detect returns the reader whose format a file has by its first bytes, and nil
// when it is nobody's.
func Detect(readers []report.Reader, prefix []byte) report.Reader {
	best, _ := byPrefix(readers, prefix)
	return best
}

// Likely reports whether a format is likely to be that of a file with these first
// bytes. Any XML and any JSON is not enough.
func Likely(readers []report.Reader, prefix []byte) bool {
	_, sure := byPrefix(readers, prefix)
	return sure >= report.Likely
}

func byPrefix(readers []report.Reader, prefix []byte) (best report.Reader, sure report.Confidence) {
	for _, r := range readers {
		if c := r.Detect(prefix); c > sure {
			best, sure = r, c
		}
	}
	return best, sure
}

// Find returns the reader whose format a file has, and nil when it is nobody's.
// Prefix is what Prefix returns of it. The name of the file is no help: real
// clients send any file under any name. The error is that of reading the file.
func Find(readers []report.Reader, in report.Input, prefix []byte) (report.Reader, error) {
	best, sure := byPrefix(readers, prefix)
	for _, r := range readers {
		p, ok := r.(report.Prober)
		if !ok || sure >= report.Certain {
			continue
		}
		c, err := p.Probe(in)
		if err != nil {
			return nil, err
		}
		if c > sure {
			best, sure = r, c
		}
	}
	if sure <= report.Possible {
		if r, err := byOutline(readers, in, prefix, sure); r != nil || err != nil {
			return r, err
		}
		if r, err := findLate(readers, in, prefix); r != nil || err != nil {
			return r, err
		}
	}
	return best, nil
}

// byOutline looks for the format of a JSON file of which the beginning shows
// nothing but one long text or list. It is nil when its outline tells no more.
func byOutline(readers []report.Reader, in report.Input, prefix []byte, sure report.Confidence) (report.Reader, error) {
	text := bytes.TrimLeft(prefix, " \t\r\n")
	if in.Size <= int64(len(prefix)) || len(text) == 0 || text[0] != '{' && text[0] != '[' || kernelLine.Match(text) {
		return nil, nil
	}
	outline, err := jsonfile.Outline(in, report.PrefixBytes)
	if err != nil {
		return nil, err
	}
	best, c := byPrefix(readers, outline)
	if c > sure {
		return best, nil
	}
	return nil, nil
}
