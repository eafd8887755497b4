package bootfiles

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The segments of a pipeline.
const (
	Base64Decode = "base64_decode"
	Base64Encode = "base64_encode"
	UTF8Decode   = "utf8_decode"
	UTF8Encode   = "utf8_encode"
	Template     = "template"
)

// data is what flows through a pipeline. Drydock fails when a segment gets bytes
// instead of text or the other way round; here the one becomes the other where
// there is only one way to do it.
type data struct {
	raw  []byte
	text bool
}

func (d data) asText() (string, error) {
	if !d.text && !utf8.Valid(d.raw) {
		return "", errors.New("the bytes are not UTF-8")
	}
	return string(d.raw), nil
}

// pipe sends d through the segments.
func (r *Renderer) pipe(ctx context.Context, segments []string, d data, vars map[string]any) (data, error) {
	lim := r.Limits.orDefault()
	for i, segment := range segments {
		err := ctx.Err()
		if err != nil {
			return data{}, err
		}
		if d, err = r.segment(ctx, lim, segment, d, vars); err != nil {
			return data{}, fmt.Errorf("pipeline segment %d (%s): %w", i+1, segment, err)
		}
		if len(d.raw) > lim.Output {
			return data{}, fmt.Errorf("pipeline segment %d (%s): more than %d bytes", i+1, segment, lim.Output)
		}
	}
	return d, nil
}

func (r *Renderer) segment(ctx context.Context, lim Limits, segment string, d data, vars map[string]any) (data, error) {
	switch segment {
	case Base64Decode:
		raw, err := decodeBase64(d.raw)
		return data{raw: raw}, err
	case Base64Encode:
		return data{raw: base64.StdEncoding.AppendEncode(nil, d.raw)}, nil
	case UTF8Decode:
		text, err := d.asText()
		return data{[]byte(text), true}, err
	case UTF8Encode:
		return data{raw: d.raw}, nil
	case Template:
		text, err := d.asText()
		if err != nil {
			return data{}, err
		}
		out, err := expand(ctx, lim, text, vars)
		return data{[]byte(out), true}, err
	}
	return data{}, errors.New("there is no such segment")
}

// decodeBase64 decodes as Python's base64.b64decode does by default: characters
// outside the alphabet, such as line breaks, are skipped, and the padding ends
// the data.
func decodeBase64(in []byte) ([]byte, error) {
	digits := make([]byte, 0, len(in))
	pads := 0
	for _, c := range in {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			digits, pads = append(digits, c), 0
		case c == '=' && len(digits)%4 >= 2:
			if pads++; len(digits)%4+pads >= 4 {
				return base64.RawStdEncoding.AppendDecode(nil, digits)
			}
		}
	}
	if len(digits)%4 != 0 {
		return nil, errors.New("the base64 data are not padded to a multiple of 4 characters")
	}
	return base64.RawStdEncoding.AppendDecode(nil, digits)
}
