package upload

import "bytes"

// ParseQuery reads a query string by the rules of forms, which are more
// tolerant than those of net/url: that one drops a pair with a semicolon or a
// lone percent sign. Only the names in known are kept; anything else in the
// query is for somebody else. The error is of kind TooLarge.
func ParseQuery(raw string, known []string, limits Limits) (Values, error) {
	r := newReader(Options{Known: known, Limits: limits}, true)
	_, err := r.query(raw)
	return r.values, err
}

// query collects the known text fields of a query string and returns what it
// gives for the file. The length of a query is bounded by the server, which
// holds it in memory anyway.
func (r *reader) query(raw string) (file []byte, err error) {
	rest, more := []byte(raw), raw != ""
	for more {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte{'&'})
		name, value, _ := bytes.Cut(pair, []byte{'='})
		switch what, field := r.opts.role(unescapeAll(name)); what {
		case roleFile:
			file = append(file, unescapeAll(value)...)
		case roleText:
			if err := r.text(field, unescapeAll(value), inQuery); err != nil {
				return nil, err
			}
		}
	}
	return file, nil
}

// unescapeAll decodes a whole name or value where it stands.
func unescapeAll(text []byte) []byte {
	n, _, _ := unescape(text, text, &noStops, true)
	return text[:n]
}
