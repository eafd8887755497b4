package document

// AppendRest appends, as a JSON object, the fields that have a value and are
// not stored apart. Restore reads it again.
func (d *Document) AppendRest(dst []byte, apart func(name string) bool) []byte {
	return d.AppendJSON(dst, func(name string) bool {
		f := &d.schema.Fields[d.schema.at(name)]
		return f.Of == "" && !apart(name) && d.values[f.place] != nil
	})
}

// Restore makes a document of what a store kept: value returns the fields that
// are stored apart, and false for the others, which stand in rest.
func (s *Schema) Restore(value func(name string) (v any, apart bool), rest []byte) (*Document, error) {
	body, err := members(rest)
	if err != nil {
		return nil, err
	}
	d := s.New()
	for i := range s.Fields {
		f := &s.Fields[i]
		v, apart := value(f.Name)
		if !apart && f.Of == "" {
			if v, err = f.restore(body); err != nil {
				return nil, err
			}
		}
		d.values[i] = v
	}
	return d, nil
}

func (f *Field) restore(body Body) (any, error) {
	raw := body.values[f.Name]
	if raw != nil && f.Kind == Object {
		return Raw(raw), nil // its members were checked when they came in
	}
	return f.take(raw)
}
