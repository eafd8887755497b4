package analysis

import "time"

// Config holds the area's settings.
type Config struct {
	MaxIssues      int `name:"analysis-max-issues" default:"1000" min:"1" max:"100000" help:"Limit of the known issues of a tenant that are open."`
	KeptComparison int `name:"analysis-kept-comparisons" default:"64" min:"0" max:"10000" help:"How many comparisons are remembered for the pages after the first; 0: none."`
	KeptMegabytes  int `name:"analysis-kept-megabytes" default:"32" min:"1" max:"10000" help:"How many megabytes the comparisons that are remembered take together; the last one is remembered in any case."`

	RestParts   time.Duration `name:"analysis-rest-parts" default:"2m" min:"0s" max:"24h" help:"How long a result to which files are added must rest before it is compared with the one before it; 0: no time."`
	RestReports time.Duration `name:"analysis-rest-reports" default:"10m" min:"0s" max:"168h" help:"How long nothing may arrive for a kernel or an image before it is compared with the one before it; 0: no time."`
}
