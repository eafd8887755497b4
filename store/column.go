package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// JSON is a document that is stored and given back byte for byte. It is kept as
// bytes because PostgreSQL's jsonb reorders keys and rewrites numbers, and its
// text refuses U+0000. Nil is NULL.
type JSON []byte

// Value implements driver.Valuer.
func (j JSON) Value() (driver.Value, error) {
	if j == nil {
		return nil, nil
	}
	return []byte(j), nil
}

// Scan implements sql.Scanner.
func (j *JSON) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*j = nil
	case []byte:
		*j = append(JSON{}, v...)
	default:
		return fmt.Errorf("%T is no JSON column", value)
	}
	return nil
}

// MarshalJSON returns the document itself, or null.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == nil {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON keeps a copy of the bytes.
func (j *JSON) UnmarshalJSON(data []byte) error {
	*j = append(JSON{}, data...)
	return nil
}

// Strings is a short list of texts in one text column, as a JSON array. Nil
// and empty are the same.
type Strings []string

// Value implements driver.Valuer.
func (s Strings) Value() (driver.Value, error) {
	if len(s) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal([]string(s))
	return string(text), err
}

// Scan implements sql.Scanner.
func (s *Strings) Scan(value any) error {
	*s = nil
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return s.parse([]byte(v))
	case []byte:
		return s.parse(v)
	}
	return fmt.Errorf("%T is no list", value)
}

func (s *Strings) parse(text []byte) error {
	if string(text) == "[]" {
		return nil
	}
	return json.Unmarshal(text, (*[]string)(s))
}

// GormDataType names the column type.
func (Strings) GormDataType() string { return "text" }
