package document

// Lab is a lab that sends reports, and whom to ask about them.
var Lab = Schema{
	Name:     "lab",
	Identity: []string{"name"},
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "updated_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, From: "version", Default: "1.0"},
		{Name: "name", Kind: Text, From: "name", Flags: Must | Search},
		{Name: "contact", Kind: Object, From: "contact", Flags: Must, Sub: contact},
		{Name: "address", Kind: Object, From: "address", Sub: address},
		{Name: "private", Kind: Bool, From: "private", Flags: Search, Default: false},
		{Name: "token", Kind: ID, Flags: Search},
		// What a body calls token: the text or the id of a token that exists.
		// Only the store can tell which one it is.
		{Name: "token_given", Kind: Reference, From: "token", Flags: Hidden, Max: maxSearchText},
	},
}.prepare()

var contact = Schema{
	Name: "contact",
	Fields: []Field{
		{Name: "name", Kind: Text, From: "name", Flags: Must},
		{Name: "surname", Kind: Text, From: "surname", Flags: Must},
		{Name: "email", Kind: Text, From: "email", Flags: Must},
		{Name: "telephone", Kind: Text, From: "telephone"},
		{Name: "mobile", Kind: Text, From: "mobile"},
		{Name: "affiliation", Kind: Text, From: "affiliation"},
	},
}.prepare()

var address = Schema{
	Name: "address",
	Fields: []Field{
		{Name: "street_1", Kind: Text, From: "street_1"},
		{Name: "street_2", Kind: Text, From: "street_2"},
		{Name: "city", Kind: Text, From: "city"},
		{Name: "country", Kind: Text, From: "country"},
		{Name: "zipcode", Kind: Text, From: "zipcode"},
		{Name: "longitude", Kind: Number, From: "longitude"},
		{Name: "latitude", Kind: Number, From: "latitude"},
	},
}.prepare()

// ContactEmail returns the e-mail address of a lab's contact.
func ContactEmail(lab *Document) string {
	email, _ := lab.Value("contact.email").(string)
	return email
}
