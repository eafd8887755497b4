package products

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strconv"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/server/edge/call"
)

// opaques are the members of a document that go out byte for byte. An encoder
// would strip their white space, so it gets a mark in the place of each, and
// the marks are replaced afterwards.
type opaques struct{ values [][]byte }

// mark cannot be guessed, so no client can put one into a text of its own.
var mark = func() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return "opaque-" + hex.EncodeToString(random[:]) + "-"
}()

var marks = regexp.MustCompile(`"` + mark + `([0-9]+)"`)

// value returns what is to stand in the document for raw; nil is null.
func (o *opaques) value(raw []byte) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	o.values = append(o.values, raw)
	return json.RawMessage(`"` + mark + strconv.Itoa(len(o.values)-1) + `"`)
}

// nullable is value for members that may be null.
func (o *opaques) nullable(raw []byte) nullable.Nullable[json.RawMessage] {
	return nullable.NewNullableWithValue(o.value(raw))
}

func (o *opaques) encode(body any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	if len(o.values) == 0 {
		return text.Bytes(), nil
	}
	return marks.ReplaceAllFunc(text.Bytes(), func(found []byte) []byte {
		n, _ := strconv.Atoi(string(found[len(mark)+1 : len(found)-1]))
		return o.values[n]
	}), nil
}

// respond makes an answer of what build puts together.
func respond(status int, build func(o *opaques) any) (*call.Answer, error) {
	o := &opaques{}
	body, err := o.encode(build(o))
	if err != nil {
		return nil, err
	}
	return call.Text(status, "application/json", body), nil
}

func orNull[T any](v *T) nullable.Nullable[T] {
	if v == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*v)
}

// fromNullable is the inverse of orNull; a member that was left out is nil, too.
func fromNullable[T any](v nullable.Nullable[T]) *T {
	value, err := v.Get()
	if err != nil {
		return nil
	}
	return &value
}

// rawOf returns an opaque member as it came: nil when it was left out, and null
// when it was null.
func rawOf(v nullable.Nullable[json.RawMessage]) []byte {
	if !v.IsSpecified() {
		return nil
	}
	if v.IsNull() {
		return []byte("null")
	}
	return v.MustGet()
}
