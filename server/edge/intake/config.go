package intake

// Limits bounds what one upload may cost; the areas that take uploads share it.
type Limits struct {
	File         int64 `name:"max-upload" default:"268435456" min:"1" max:"1099511627776" help:"Limit of an uploaded file in bytes."`
	Decompressed int64 `name:"max-decompressed" default:"536870912" min:"1" help:"Limit of an uploaded gzip file after decompression in bytes."`
	Tests        int   `name:"max-tests" default:"2000000" min:"1" help:"Limit of the tests of one uploaded file."`
}
