package playwright

import (
	"encoding/base64"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
)

// result reads one attempt and returns its status.
func (r *reader) result(t *jsonfile.Test) (status string, err error) {
	t.HasDuration = false
	oneError := false
	err = r.Object(func(name string) error {
		var err error
		switch name {
		case "status":
			status, err = r.Str()
		case "duration":
			err = t.Length(time.Millisecond)
		case "startTime":
			t.Start, err = r.Time(time.Millisecond)
		case "error":
			if r.Is(jsontext.KindBeginObject) {
				oneError = true
				err = r.Object(func(name string) error { return r.errorText(t, name) })
			}
		case "errors":
			n := 0
			err = r.Objects(func() error {
				if n++; n == 1 && oneError {
					return nil // the same again
				}
				return r.Object(func(name string) error { return r.errorText(t, name) })
			})
		case "stdout", "stderr":
			err = r.output(t, name)
		case "attachments":
			err = r.Objects(func() error { return r.attachment(t) })
		}
		return err
	})
	return status, err
}

// output joins what was printed, which comes in pieces of text or of base64.
func (r *reader) output(t *jsonfile.Test, name string) error {
	var text []byte
	size := int64(0)
	err := r.Objects(func() error {
		return r.Object(func(kind string) error {
			var n int64
			var err error
			room := r.Limits.InlineBytes - len(text)
			switch kind {
			case "text":
				text, n, err = r.Append(text, room)
			case "buffer":
				var raw []byte
				if raw, _, err = r.Append(nil, room*4/3); err == nil {
					before := len(text)
					text, _ = base64.StdEncoding.AppendDecode(text, raw)
					n = int64(len(text) - before)
				}
			}
			size += n
			return err
		})
	})
	t.AttachData(name, "", text, size)
	return err
}

// attachment reads a file, which the report holds or names.
func (r *reader) attachment(t *jsonfile.Test) error {
	var title, mime, file string
	number := len(t.Attachments)
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "name":
			title, err = r.Name("an attachment's name")
		case "contentType":
			mime, err = r.Name("a media type")
		case "path":
			file, err = r.Str()
		case "body":
			err = t.AttachBase64("attachment", "")
		}
		return err
	})
	switch {
	case number < len(t.Attachments):
		t.Call(number, title, mime)
	case file != "":
		t.Property("attachment "+title, r.ID(file))
	}
	return err
}
