package upload

// role is what a field name means to the call.
type role int

const (
	roleOther role = iota // not asked for
	roleText
	roleFile
)

// role looks a name up and returns the option's own copy of it.
func (o *Options) role(name []byte) (role, string) {
	for _, field := range o.FileFields {
		if string(name) == field {
			return roleFile, field
		}
	}
	for _, field := range o.Known {
		if string(name) == field {
			return roleText, field
		}
	}
	return roleOther, ""
}

// countField counts a text field of the body against its limit.
func (r *reader) countField() error {
	if r.fields++; r.fields > r.opts.Limits.Fields {
		return tooLarge("", "the body has more than %d text fields", r.opts.Limits.Fields)
	}
	return nil
}

// checkText holds the length of a text to its limit.
func (r *reader) checkText(field string, length int) error {
	if limit := r.opts.Limits.Text; length > limit {
		return tooLarge(field, "%s is longer than %d bytes", field, limit)
	}
	return nil
}

// text keeps a value of a known text field.
func (r *reader) text(field string, text []byte, place string) error {
	if err := r.checkText(field, len(text)); err != nil {
		return err
	}
	r.values.add(field, repair(text), place)
	return nil
}
