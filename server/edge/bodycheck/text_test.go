package bodycheck

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// TestIsDateTime compares with what the format has to satisfy: kin-openapi's
// pattern, and the JSON decoder that binds the value later.
func TestIsDateTime(t *testing.T) {
	t.Parallel()

	pattern := regexp.MustCompile(openapi3.FormatOfStringDateTime)
	check := func(text string) {
		var at time.Time
		want := pattern.MatchString(text) && json.Unmarshal([]byte(`"`+text+`"`), &at) == nil
		if got := isDateTime([]byte(text)); got != want {
			t.Errorf("isDateTime(%q) = %t, want %t", text, got, want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", random.IntN(2500), random.IntN(14), random.IntN(33), random.IntN(26), random.IntN(62), random.IntN(62))
		text += []string{"", ".", ".5", ".123456789", ".000000000000", ",5"}[random.IntN(6)]
		text += []string{"", "Z", "z", "+02:00", "-23:59", "+24:00", "+01:60", "+1:00", "+0100"}[random.IntN(9)]
		check(text)
		cut, changed := random.IntN(len(text)), []byte(text)
		check(text[:cut])
		changed[cut] = "09:-T.Z /a"[random.IntN(10)]
		check(string(changed))
	}
	for text, want := range map[string]bool{
		"9999-12-31T23:59:59.999999Z":  true,
		"9999-12-31T23:59:59.9999996Z": false, // rounded to a microsecond it is in the year 10000
		"9999-12-31T23:59:59-00:01":    false,
		"9999-12-31T23:59:59+00:01":    true,
		"0000-01-01T00:00:00Z":         true,
		"0000-01-01T00:00:00+00:01":    false,
		"0000-01-01T00:00:00-00:01":    true,
	} {
		if got := isDateTime([]byte(text)); got != want {
			t.Errorf("isDateTime(%q) = %t, want %t", text, got, want)
		}
	}
}

func TestIsDate(t *testing.T) {
	t.Parallel()

	pattern := regexp.MustCompile(openapi3.FormatOfStringDate)
	for year := 1890; year < 2110; year++ {
		for month := range 14 {
			for day := range 33 {
				text := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
				_, err := time.Parse(time.DateOnly, text)
				if want := pattern.MatchString(text) && err == nil; isDate([]byte(text)) != want {
					t.Errorf("isDate(%q), want %t", text, want)
				}
			}
		}
	}
}

func TestIsUUID(t *testing.T) {
	t.Parallel()

	good := uuid.MustParse("123E4567-e89b-12d3-a456-426614174000").String()
	if !isUUID([]byte(good)) || !isUUID([]byte("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF")) {
		t.Error("a UUID is refused")
	}
	for i := range good {
		bad := []byte(good)
		bad[i] = 'g'
		if isUUID(bad) {
			t.Errorf("isUUID(%s) = true", bad)
		}
	}
	for _, bad := range []string{"", good[:35], good + "0", "{" + good + "}", "urn:uuid:" + good} {
		if isUUID([]byte(bad)) {
			t.Errorf("isUUID(%s) = true", bad)
		}
	}
}

func TestIsBase64(t *testing.T) {
	t.Parallel()

	pattern := regexp.MustCompile(openapi3.FormatOfStringByte)
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		text := make([]byte, random.IntN(6))
		for i := range text {
			text[i] = "aZ09+/-_=== \n.é"[random.IntN(15)]
		}
		if got, want := isBase64(text), pattern.Match(text); got != want {
			t.Errorf("isBase64(%q) = %t, want %t", text, got, want)
		}
	}
}

// TestTextFormat_Defined uses a format that the program defines, as
// openapi3.DefineIPv4Format does.
func TestTextFormat_Defined(t *testing.T) {
	openapi3.DefineStringFormatValidator("bodycheck-ip", openapi3.NewIPValidator(true))
	openapi3.DefineIntegerFormatValidator("bodycheck-port", openapi3.NewRangeFormatValidator[int64](1, 65535))
	openapi3.DefineNumberFormatValidator("bodycheck-share", openapi3.NewRangeFormatValidator(0.0, 1.0))
	c := compile(t, schemaOf(t, `{"type":"object","properties":{"ip":{"type":"string","format":"bodycheck-ip"},
		"port":{"type":"integer","format":"bodycheck-port"},"share":{"type":"number","format":"bodycheck-share"}}}`), Options{})
	if got := c.Check([]byte(`{"ip":"10.0.0.1","port":80,"share":0.5}`)); got != nil {
		t.Errorf("good values: %q", got)
	}
	for _, body := range []string{`{"ip":"::1"}`, `{"port":0}`, `{"port":1e30}`, `{"share":1.5}`} {
		if got := c.Check([]byte(body)); len(got) != 1 {
			t.Errorf("Check(%s) = %q", body, got)
		}
	}
}
