package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestDrawn calls every operation, in turns, with requests that are drawn from
// the document alone. What earlier answers named is used in later requests, so
// that the operations meet each other's things. Most of what is drawn is right by
// the document, and some has one fault: every answer is documented (the test client
// sees to that), and none is the server's own fault.
//
// The draws are the same in every run; make fuzz-document draws more of them, or others.
func TestDrawn(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	doc := document(t)
	requests, seed := fromEnvironment(t, "SLIPWAY_TEST_DRAWN", 4500), fromEnvironment(t, "SLIPWAY_TEST_DRAWN_SEED", 0)
	seen, sent := names{}, map[int]int{}
	for round := 0; requests > 0; round++ {
		for i, path := range doc.Paths.InMatchingOrder() {
			item := doc.Paths.Value(path)
			for j, method := range []string{"POST", "PUT", "PATCH", "GET", "DELETE"} {
				op := item.GetOperation(method)
				if op == nil || method == "DELETE" && round%8 != 7 { // else there is never anything to find
					continue
				}
				gen := rapid.Custom(func(r *rapid.T) request { return drawRequest(r, path, method, item, op, seen) })
				sent[sendDrawn(t, s, gen.Example(seed<<40|round<<16|i<<4|j), seen)]++
				requests--
			}
		}
	}
	t.Logf("answers by status: %v", sent)
}

// fromEnvironment is a number that make fuzz-document gives.
func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func sendDrawn(t *testing.T, s *servertest.Server, r request, seen names) (status int) {
	t.Helper()
	answer := s.Do(r.method, r.target(), r.body, r.options()...)
	if answer.Status >= 500 && answer.Status != http.StatusNotImplemented {
		t.Errorf("%s: %s: %s %s answers %d\nsent: %.2000s\nanswer: %.500s", r.op.OperationID, r.fault, r.method, r.target(), answer.Status, r.body, answer.Body)
	}
	if answer.Status < 300 {
		seen.learn(areaOf(r.op), answer.Body)
	}
	return answer.Status
}

// names are the values of members that may name something, by the operation's
// area and the member, the newest first.
type names map[[2]string][]string

func (n names) learn(area string, body []byte) {
	var value any
	if json.Unmarshal(body, &value) == nil {
		n.walk([2]string{area, "id"}, value)
	}
}

// areaOf is the area of an operation. Its tag may be narrower, and what an operation of
// one tag makes is named by those of another.
func areaOf(op *openapi3.Operation) string { return fmt.Sprint(op.Extensions["x-area"]) }

const namesKept = 8

func (n names) walk(name [2]string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for k, m := range v {
			n.walk([2]string{name[0], k}, m)
		}
	case []any:
		for _, m := range v {
			n.walk(name, m)
		}
	case string, float64:
		text := fmt.Sprint(v)
		if text == "" || slices.Contains(n[name], text) {
			return
		}
		n[name] = append([]string{text}, n[name]...)
		n[name] = n[name][:min(namesKept, len(n[name]))]
	}
}

// printable keeps what Go's client would send in a header.
func printable(c rune) rune {
	if c < ' ' || c > '~' {
		return -1
	}
	return c
}

// named draws something that an answer has named and that might be meant by a
// parameter: run_id is an id, task_id as well.
func (n names) named(r *rapid.T, area, param string) (string, bool) {
	var all []string
	for _, name := range []string{param, strings.TrimSuffix(param, "_id"), param[strings.LastIndexAny(param, "_-")+1:], "$oid"} {
		all = append(all, n[[2]string{area, name}]...)
	}
	if len(all) == 0 {
		return "", false
	}
	return rapid.SampledFrom(all).Draw(r, param), true
}

func drawRequest(r *rapid.T, path, method string, item *openapi3.PathItem, op *openapi3.Operation, seen names) request {
	req := newExample(path, method, item, op)
	req.body = strings.Replace(req.body, `"wait_seconds":30`, `"wait_seconds":0`, 1) // nobody would come
	rapid.Bool().Draw(r, "something")                                                // a generator must draw, and not every operation takes anything
	for _, p := range req.parameters() {
		if !p.Required && rapid.IntRange(0, 3).Draw(r, "given") > 0 {
			continue
		}
		value := drawParam(r, p)
		switch p.In {
		case openapi3.ParameterInPath:
			if name, ok := seen.named(r, areaOf(op), p.Name); ok && rapid.IntRange(0, 3).Draw(r, "known") > 0 && valid(p.Schema, name) {
				value = []string{name}
			}
			if value[0] != "" && value[0] != "." && value[0] != ".." {
				req.params[p.Name] = value[0]
			}
		case openapi3.ParameterInQuery:
			req.query[p.Name] = value
		case openapi3.ParameterInHeader:
			if rapid.Bool().Draw(r, "example") {
				continue // a signature, say, that means something only with its body
			}
			req.header[p.Name] = strings.Map(printable, value[0])
		}
	}
	if op.RequestBody != nil && rapid.Bool().Draw(r, "drawn body") {
		drawBody(r, &req)
	}
	if rapid.IntRange(0, 4).Draw(r, "fault") > 0 {
		return req
	}
	faults := req.faults()
	slices.SortStableFunc(faults, func(a, b request) int { return strings.Compare(a.fault, b.fault) })
	return rapid.SampledFrom(faults).Draw(r, "which")
}

// drawParam draws the texts of a parameter, more than one only where it is a
// list that is written as such.
func drawParam(r *rapid.T, p *openapi3.Parameter) []string {
	if p.Schema == nil {
		return []string{fmt.Sprint(p.Example)}
	}
	switch v := draw(r, p.Schema.Value, 2).(type) {
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		if len(all) == 0 {
			return []string{""}
		}
		if p.Explode != nil && !*p.Explode {
			return []string{strings.Join(all, ",")}
		}
		return all
	case nil:
		return []string{""}
	case map[string]any:
		text, _ := json.Marshal(v)
		return []string{string(text)}
	default:
		return []string{fmt.Sprint(v)}
	}
}

func valid(schema *openapi3.SchemaRef, value string) bool {
	if schema == nil {
		return true
	}
	var number any
	if json.Unmarshal([]byte(value), &number) == nil && schema.Value.VisitJSON(number) == nil {
		return true
	}
	return schema.Value.VisitJSON(value) == nil
}

func drawBody(r *rapid.T, req *request) {
	content := req.op.RequestBody.Value.Content
	names := slices.Sorted(maps.Keys(content))
	name := rapid.SampledFrom(names).Draw(r, "media type")
	media := content[name]
	if media.Schema == nil || media.Schema.Value == nil {
		return
	}
	switch {
	case name == "application/x-www-form-urlencoded":
		members, _ := draw(r, media.Schema.Value, 3).(map[string]any)
		form := url.Values{}
		for k, v := range members {
			form.Set(k, fmt.Sprint(v))
		}
		req.body = form.Encode()
	case strings.HasSuffix(name, "json"):
		text, _ := json.Marshal(draw(r, media.Schema.Value, 5))
		req.body = string(text)
	default:
		return
	}
	req.header["Content-Type"] = name
}

// anyText is what people and programs write where a schema says no more.
var anyText = rapid.OneOf(
	rapid.StringMatching(`[a-z][a-z0-9._-]{0,11}`),
	rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 é漢😀/\\\"'<&%;:,.=\t\n{}[]")), 0, 12, -1),
	rapid.SampledFrom([]string{"", "0", "-1", "true", "null", "2026-11-21", "2026-11-21T10:00:00Z", "http://127.0.0.1:9/x", "10.0.0.1"}),
)

var formats = map[string]*rapid.Generator[string]{
	"date-time": rapid.SampledFrom([]string{"2026-11-21T10:00:00Z", "1970-01-01T00:00:00.000001+14:00", "9999-12-31T23:59:59Z", "2024-02-29T23:59:60Z"}),
	"date":      rapid.SampledFrom([]string{"2026-11-21", "2024-02-29", "0001-01-01", "9999-12-31"}),
	"uuid":      rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`),
	"uri":       rapid.SampledFrom([]string{"http://127.0.0.1:9/x", "https://lab.example.org/a?b=c#d", "urn:x:y"}),
	"byte":      rapid.SampledFrom([]string{"", "eA==", "/+8="}),
	"email":     rapid.SampledFrom([]string{"a@example.org"}),
	"ipv4":      rapid.SampledFrom([]string{"127.0.0.1", "192.0.2.1"}),
}

// draw draws a value of a schema. Depth bounds what has no bound of its own.
func draw(r *rapid.T, s *openapi3.Schema, depth int) any {
	switch {
	case s.Nullable && rapid.IntRange(0, 5).Draw(r, "null") == 0:
		return nil
	case len(s.Enum) > 0:
		return rapid.SampledFrom(s.Enum).Draw(r, "enum")
	case len(s.AllOf) > 0:
		return drawAll(r, s, depth)
	case len(s.OneOf) > 0:
		return draw(r, rapid.SampledFrom(s.OneOf).Draw(r, "one of").Value, depth)
	case len(s.AnyOf) > 0:
		return draw(r, rapid.SampledFrom(s.AnyOf).Draw(r, "any of").Value, depth)
	case s.Type.Is("object") || len(s.Properties) > 0:
		return drawObject(r, s, depth)
	case s.Type.Is("array"):
		return drawList(r, s, depth)
	case s.Type.Is("boolean"):
		return rapid.Bool().Draw(r, "boolean")
	case s.Type.Is("integer"):
		return drawInteger(r, s)
	case s.Type.Is("number"):
		low, high := bounds(s, -1e6, 1e6)
		return rapid.Float64Range(low, high).Draw(r, "number")
	case s.Type.Is("string"):
		return drawText(r, s)
	}
	return drawAny(r, depth)
}

func drawAny(r *rapid.T, depth int) any {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(r, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(r, "boolean")
	case 2:
		return rapid.Int32().Draw(r, "integer")
	case 3:
		return anyText.Draw(r, "text")
	case 4:
		return []any{drawAny(r, depth-1)}
	}
	return map[string]any{anyText.Draw(r, "name"): drawAny(r, depth-1)}
}

// drawAll joins the objects of an allOf; of anything else the first counts.
func drawAll(r *rapid.T, s *openapi3.Schema, depth int) any {
	joined := map[string]any{}
	for _, part := range s.AllOf {
		v := draw(r, part.Value, depth)
		members, ok := v.(map[string]any)
		if !ok {
			return v
		}
		maps.Copy(joined, members)
	}
	if len(s.Properties) > 0 {
		maps.Copy(joined, drawObject(r, s, depth))
	}
	return joined
}

func drawObject(r *rapid.T, s *openapi3.Schema, depth int) map[string]any {
	members := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name].Value
		if p.ReadOnly || name == "wait_seconds" {
			continue
		}
		if slices.Contains(s.Required, name) || depth > 0 && rapid.IntRange(0, 2).Draw(r, "given") == 0 {
			members[name] = draw(r, p, depth-1)
		}
	}
	if extra := s.AdditionalProperties; extra.Schema != nil && depth > 0 {
		for range rapid.IntRange(int(s.MinProps), max(2, int(s.MinProps))).Draw(r, "more") {
			members[rapid.StringMatching(`[a-z][a-z0-9_-]{0,11}`).Draw(r, "name")] = draw(r, extra.Schema.Value, depth-1)
		}
	}
	return members
}

func drawList(r *rapid.T, s *openapi3.Schema, depth int) any {
	low, high := int(s.MinItems), int(s.MinItems)+2
	if s.MaxItems != nil {
		high = min(high, int(*s.MaxItems))
	}
	if depth <= 0 {
		high = low
	}
	list := []any{}
	for range rapid.IntRange(low, high).Draw(r, "items") {
		v := draw(r, s.Items.Value, depth-1)
		if s.UniqueItems && slices.ContainsFunc(list, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) }) {
			continue
		}
		list = append(list, v)
	}
	return list
}

func drawInteger(r *rapid.T, s *openapi3.Schema) int64 {
	low, high := bounds(s, -1<<31, 1<<31-1)
	l, h := int64(low), int64(high)
	return rapid.OneOf(rapid.Int64Range(l, h), rapid.SampledFrom([]int64{l, h, min(h, max(l, 1))})).Draw(r, "integer")
}

func bounds(s *openapi3.Schema, low, high float64) (float64, float64) {
	if s.Min != nil {
		low = *s.Min
		high = max(high, low)
	}
	if s.Max != nil {
		high = *s.Max
		low = min(low, high)
	}
	return low, high
}

func drawText(r *rapid.T, s *openapi3.Schema) string {
	if s.Pattern != "" {
		fits := regexp.MustCompile(s.Pattern)
		pattern := strings.NewReplacer(`[\s\S]`, "[ -~]", `\S`, "[!-~]", ".", ".").Replace(s.Pattern)
		return rapid.StringMatching(pattern).Filter(func(v string) bool { return fits.MatchString(v) && fitsLength(s, v) }).Draw(r, "text")
	}
	if gen := formats[s.Format]; gen != nil {
		return gen.Draw(r, s.Format)
	}
	text := anyText.Draw(r, "text")
	for !fitsLength(s, text) {
		if uint64(len([]rune(text))) < s.MinLength {
			text += rapid.StringMatching(`[a-z0-9]{1,40}`).Draw(r, "more")
		} else {
			text = string([]rune(text)[:*s.MaxLength])
		}
	}
	return text
}

func fitsLength(s *openapi3.Schema, v string) bool {
	n := uint64(len([]rune(v)))
	return n >= s.MinLength && (s.MaxLength == nil || n <= *s.MaxLength)
}
