package analysis

// Config holds the area's settings.
type Config struct {
	MaxIssues      int `name:"analysis-max-issues" default:"1000" min:"1" max:"100000" help:"Limit of the known issues of a tenant that are open."`
	KeptComparison int `name:"analysis-kept-comparisons" default:"64" min:"0" max:"10000" help:"How many comparisons are remembered for the pages after the first, some kilobytes each; 0: none."`
}
