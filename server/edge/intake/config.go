package intake

// Limits bounds what one upload may cost; the areas that take uploads share it.
type Limits struct {
	File         int64 `name:"max-upload" default:"268435456" min:"1" max:"1099511627776" help:"Limit of an uploaded file in bytes."`
	Decompressed int64 `name:"max-decompressed" default:"536870912" min:"1" help:"Limit of an uploaded gzip file or archive after decompression in bytes."`
	Members      int   `name:"max-members" default:"10000" min:"1" max:"1000000" help:"Limit of the files of one upload, the members of archives. A form has at most 1000 parts."`
	Ratio        int64 `name:"max-ratio" default:"2000" min:"1" help:"Limit of how many bytes may come out of one byte of an uploaded archive. The first 16 MiB are free."`
	Tests        int   `name:"max-tests" default:"2000000" min:"1" help:"Limit of the tests of one uploaded file."`
}
