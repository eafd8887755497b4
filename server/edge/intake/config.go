package intake

// Limits bounds what one upload may cost; the areas that take uploads share it.
type Limits struct {
	File           int64 `name:"max-upload" default:"268435456" min:"1" max:"1099511627776" help:"Limit of an uploaded file in bytes."`
	Decompressed   int64 `name:"max-decompressed" default:"536870912" min:"1" help:"Limit of an uploaded compressed file or archive after decompression in bytes."`
	Anonymous      int64 `name:"max-anonymous-upload" default:"33554432" min:"1" help:"Limit of a file that is uploaded without a credential, as it is sent and after decompression, in bytes; it is also at most 100 times as large as what was sent, and compressed once."`
	AnonymousTotal int64 `name:"max-anonymous-total" default:"10737418240" min:"0" help:"Limit of all files together that were uploaded without a credential, in bytes; beyond it such uploads get 507. 0: no limit."`
	AnonymousDays  int   `name:"anonymous-retention-days" default:"30" min:"0" max:"36500" help:"How many days the runs that uploads without a credential have made are kept; those that somebody made stay. 0: no limit."`
	Members        int   `name:"max-members" default:"10000" min:"1" max:"1000000" help:"Limit of the files of one upload, the members of archives. A form has at most 1000 parts."`
	Ratio          int64 `name:"max-ratio" default:"2000" min:"1" help:"Limit of how many bytes may come out of one byte of an uploaded archive. The first 16 MiB are free."`
	Tests          int   `name:"max-tests" default:"2000000" min:"1" help:"Limit of the tests of one uploaded file."`
}
