package query

// ParseSelection reads the query string of a DELETE, which says what to
// remove. Only equality is offered, on the fields in offered.
//
// The rules of Parse are too lenient where a dropped filter removes more than
// was meant, so this is stricter: a key in known that is not offered, any
// parameter, and an offered key without a value are refused with a
// *SyntaxError, as is a selection that selects nothing. A malformed id
// selects nothing, a key that is in neither catalogue is ignored.
func (p Parser) ParseSelection(raw string, offered, known Catalogue) ([]Condition, error) {
	a, err := split(raw)
	if err != nil {
		return nil, err
	}
	var where []Condition
	for _, key := range a.keys {
		f, ok := offered.lookup(key)
		if !ok {
			if _, ok := known.lookup(key); ok || isParameter(key) {
				return nil, &SyntaxError{Parameter: key, Reason: "cannot be used to select what to delete"}
			}
			continue
		}
		c, ok := equality(f, a.given(key))
		if !ok {
			return nil, &SyntaxError{Parameter: key, Reason: "has no value that selects anything"}
		}
		where = append(where, c)
	}
	if len(where) == 0 {
		return nil, &SyntaxError{Reason: "say what to delete: give an id in the path, or a filter"}
	}
	return where, p.check(Query{Where: where})
}
