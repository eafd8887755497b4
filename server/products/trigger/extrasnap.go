package trigger

import (
	"encoding/json"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// checkExtraSnaps looks at the extra_snaps of an image, which are passed on as
// they are: a list whose elements are names or objects with a name, perhaps a
// revision, and whatever else the kit in the lab wants.
func checkExtraSnaps(raw json.RawMessage) error {
	if raw == nil {
		return &FieldError{"extra_snaps", "is required; an empty list is allowed"}
	}
	var elements []jsontext.Value
	if err := jsonv2.Unmarshal(raw, &elements); err != nil || elements == nil {
		return &FieldError{"extra_snaps", "must be a list"}
	}
	if len(elements) > MaxExtraSnaps {
		return &FieldError{"extra_snaps", fmt.Sprintf("lists %d snaps, at most %d are allowed", len(elements), MaxExtraSnaps)}
	}
	for i, element := range elements {
		if err := checkExtraSnap(fmt.Sprintf("extra_snaps[%d]", i), element); err != nil {
			return err
		}
	}
	return nil
}

func checkExtraSnap(field string, element jsontext.Value) error {
	if element.Kind() == '"' {
		var name string
		if err := jsonv2.Unmarshal(element, &name); err != nil {
			return &FieldError{field, "is not a valid string"}
		}
		return checkText(field, name, MaxNameLength)
	}
	if element.Kind() != '{' {
		return &FieldError{field, "must be a snap's name or an object with a name"}
	}
	var snap struct {
		Name     *string `json:"name"`
		Revision *int64  `json:"revision"`
	}
	if err := jsonv2.Unmarshal(element, &snap); err != nil {
		return &FieldError{field, "must have a name that is a string and, if any, a revision that is an integer"}
	}
	if snap.Name == nil {
		return &FieldError{field + ".name", "is required"}
	}
	if snap.Revision != nil && *snap.Revision < 1 {
		return &FieldError{field + ".revision", "must be 1 or more"}
	}
	return checkText(field+".name", *snap.Name, MaxNameLength)
}
