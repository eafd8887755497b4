package reports

import "time"

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	Maintenance bool `name:"kernelci-maintenance" help:"Answer 503 on every KernelCI path, as the proxy before the original does during maintenance."`
	MaxBatch    int  `name:"kernelci-max-batch" default:"1000" min:"1" help:"Limit of the questions in one batch."`
	MaxCases    int  `name:"kernelci-max-cases" default:"10000" min:"1" help:"Limit of the test cases and groups in one test group."`
	MaxFiles    int  `name:"kernelci-max-files" default:"10000" min:"1" help:"Limit of the files in one upload."`
	MaxScan     int  `name:"search-scan" default:"20000" min:"1" help:"How many uploads of each source a search for test results reads for one page."`

	// MaxFile limits an uploaded file in bytes.
	MaxFile int64 `kong:"-"`

	// Build is the version of the server.
	Build string `kong:"-"`

	// Tokens makes and hashes the texts of tokens.
	Tokens Tokens `kong:"-"`

	// Now is replaced by tests; nil is time.Now.
	Now func() time.Time `kong:"-"`
}
