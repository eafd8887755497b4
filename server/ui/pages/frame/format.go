package frame

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

// functions are what templates may call.
var functions = template.FuncMap{
	"num":     Number,
	"count":   Count,
	"dur":     Duration,
	"size":    Size,
	"share":   Share,
	"when":    When,
	"until":   Until,
	"id":      Breaking,
	"leaf":    func(name string) template.HTML { _, leaf, _ := SplitName(name); return Breaking(leaf) },
	"group":   func(name string) string { group, _, _ := SplitName(name); return group },
	"attrs":   func(name string) template.HTML { _, _, attrs := SplitName(name); return Breaking(attrs) },
	"icon":    Icon,
	"outcome": Outcome,
	"bar":     Bar,
	"counts":  CountsOf,

	"filecounts": CountsOfFile,
	"resultmark": ResultMark,
	"plus":       plus,
	"strip":      Strip,
	"seg":        url.PathEscape,
	"join":       strings.Join,
	"deref":      deref,

	"setpage":     SetPage,
	"setname":     SetName,
	"attempt":     Attempt,
	"comparepage": ComparePage,
	"testpage":    TestPage,
	"testof":      TestPageOf,
	"issuepage":   issueOf,
	"historypage": HistoryPage,
}

// QuietAfter is how long a machine that asks for work may say nothing before pages say
// so.
const QuietAfter = 10 * time.Minute

const space = "\u00a0" // in numbers and before units, where no line may break

// issueOf is IssuePage for templates.
func issueOf(name string, message any, back string) string {
	text, _ := deref(message).(string)
	return IssuePage(name, text, back)
}

// Number writes a whole number with its thousands apart.
func Number(n any) string {
	value := deref(n)
	if value == nil {
		return "–"
	}
	text := fmt.Sprint(value)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + space + text[i:]
	}
	return sign + text
}

// Count writes a number with its noun, in the plural unless there is just one.
func Count(n any, noun string) string {
	if fmt.Sprint(deref(n)) == "1" {
		return "1" + space + noun
	}
	switch {
	case strings.HasSuffix(noun, "ey"), strings.HasSuffix(noun, "ay"):
		noun += "s"
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return Number(n) + space + noun
}

// plus adds whole numbers of any type; what is absent adds nothing.
func plus(numbers ...any) int64 {
	var sum int64
	for _, n := range numbers {
		if v := reflect.ValueOf(deref(n)); v.IsValid() && v.CanInt() {
			sum += v.Int()
		}
	}
	return sum
}

// Duration writes seconds, a number, or a time.Duration: 4.8 s, 3 min 21 s, 2 h 05 min.
// What is not known is a dash.
func Duration(d any) string {
	var s float64
	switch value := deref(d).(type) {
	case nil:
		return "–"
	case time.Duration:
		s = value.Seconds()
	case float64:
		s = value
	case float32:
		s = float64(value)
	default:
		n, err := strconv.ParseFloat(fmt.Sprint(value), 64)
		if err != nil {
			return "–"
		}
		s = n
	}
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0):
		return "–"
	case s < 0:
		return "−" + Duration(-s)
	case s > 0 && s < 0.0995:
		return strconv.FormatFloat(s*1000, 'f', 0, 64) + space + "ms"
	case s < 59.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + space + "s"
	case s < 3600:
		whole := int64(math.Round(s))
		return fmt.Sprintf("%d%smin%s%02d%ss", whole/60, space, space, whole%60, space)
	case s < 48*3600:
		minutes := int64(math.Round(s / 60))
		return fmt.Sprintf("%d%sh%s%02d%smin", minutes/60, space, space, minutes%60, space)
	}
	hours := int64(math.Round(s / 3600))
	return fmt.Sprintf("%d%sd%s%d%sh", hours/24, space, space, hours%24, space)
}

// Size writes bytes: 812 B, 2.1 MB.
func Size(n any) string {
	v, err := strconv.ParseFloat(fmt.Sprint(deref(n)), 64)
	if err != nil {
		return "–"
	}
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 999.5 {
			if unit == "B" || v >= 99.95 {
				return strconv.FormatFloat(v, 'f', 0, 64) + space + unit
			}
			return strconv.FormatFloat(v, 'f', 1, 64) + space + unit
		}
		v /= 1000
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + space + "TB"
}

// Share writes a part of a whole in percent, with one decimal. It is 100 % only for
// all, and 0 % only for none.
func Share(part, whole int64) string {
	switch {
	case whole <= 0:
		return "–"
	case part == whole:
		return "100" + space + "%"
	case part == 0:
		return "0" + space + "%"
	}
	p := math.Round(float64(part) / float64(whole) * 1000)
	return strconv.FormatFloat(min(max(p, 1), 999)/10, 'f', 1, 64) + space + "%"
}

// When writes a point in time in UTC. The script makes it the viewer's time, and "4
// min ago" when it is less than a day away. What is not known is a dash.
func When(t any) template.HTML { return timeElement(t, "") }

// Until is When for what lies ahead.
func Until(t any) template.HTML { return timeElement(t, ` data-ahead`) }

func timeElement(t any, attribute string) template.HTML {
	var at time.Time
	switch value := deref(t).(type) {
	case time.Time:
		at = value
	case string: // SPI's times are texts
		at, _ = time.Parse(time.RFC3339, value)
	}
	if at.IsZero() {
		return "–"
	}
	at = at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s"%s>%s</time>`, at.Format("2006-01-02T15:04:05Z"), attribute, at.Format("2006-01-02 15:04")))
}

// Breaking writes a long id so that a browser may break it behind a full stop and its
// like, and nowhere else before it must.
func Breaking(id any) template.HTML {
	text := fmt.Sprint(deref(id))
	var b strings.Builder
	for i, r := range text {
		b.WriteString(template.HTMLEscapeString(string(r)))
		if strings.ContainsRune("./_-:[,", r) && i+utf8.RuneLen(r) < len(text) {
			b.WriteString("<wbr>")
		}
	}
	return template.HTML(b.String())
}

var plainWord = regexp.MustCompile(`^[0-9A-Za-z_./:@%+=-]+$`)

// Quote writes a word as a shell takes it, so that a name that somebody gave is no
// command when somebody else copies the line.
func Quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// SplitName splits a test's id into what many share, its own name and the attributes
// that tempest puts behind it: a.b.C.test_d[id-…] is a.b.C, test_d and [id-…].
func SplitName(name string) (group, leaf, attrs string) {
	body := name
	if i := strings.IndexAny(name, "[("); i > 0 {
		body, attrs = name[:i], name[i:]
	}
	i := max(strings.LastIndex(body, "."), strings.LastIndex(body, "::")+1, strings.LastIndex(body, "/"))
	if i <= 0 || i == len(body)-1 {
		return "", body, attrs
	}
	return strings.TrimSuffix(body[:i], ":"), body[i+1:], attrs
}

// Outcomes are the words of outcomes in the order in which they are counted.
var Outcomes = []string{"fail", "error", "unknown", "skip", "pass", "running", "waiting"}

// word is the outcome that a word stands for; what is none of ours is unknown.
func word(outcome any) string {
	text := strings.ToLower(fmt.Sprint(deref(outcome)))
	for _, o := range append(Outcomes, "known") {
		if text == o {
			return o
		}
	}
	return "unknown"
}

// Icon is the mark of an outcome without its word, for where the word stands nearby.
func Icon(outcome any) template.HTML {
	return template.HTML(`<svg class="ic" width="14" height="14" aria-hidden="true"><use href="#i-` + word(outcome) + `"/></svg>`)
}

// Outcome is the mark of an outcome with its word.
func Outcome(outcome any) template.HTML {
	o := word(outcome)
	return template.HTML(`<span class="o o-` + o + `">` + string(Icon(o)) + ` ` + o + `</span>`)
}

// Counts are how many tests have each outcome.
type Counts = picture.Counts

// CountsOf are the counts of a set.
func CountsOf(c client.SetCounts) Counts {
	return Counts{Fail: int(c.Fail), Error: int(c.Error), Unknown: int(c.Unknown), Skip: int(c.Skip), Pass: int(c.Pass)}
}

// CountsOfFile are the counts of an uploaded result, whose tests have the words of
// its format.
func CountsOfFile(c client.TestCounts) Counts {
	return Counts{
		Fail: int(c.Fail + c.Uxsuccess), Error: int(c.Inprogress + c.Unknown), Unknown: int(c.Exists),
		Skip: int(c.Skip), Pass: int(c.Success + c.Xfail),
	}
}

// ResultMark is the outcome whose mark an uploaded result has: what is not whole is an
// error, and where no test ran nobody knows.
func ResultMark(outcome client.Outcome) string {
	switch outcome {
	case client.OutcomePass, client.OutcomeFail, client.OutcomeSkip:
		return string(outcome)
	case client.OutcomeIncomplete, client.OutcomeError:
		return "error"
	}
	return "unknown"
}

// Bar draws counts, 10 pixels high, or 20 with the numbers inside.
func Bar(c Counts, height int) template.HTML {
	return picture.Bar{Counts: c, Tall: height >= 20}.HTML()
}

// letters are the outcomes of strips in the API.
var letters = map[rune]picture.Outcome{'p': picture.Pass, 'f': picture.Fail, 'e': picture.Error, 's': picture.Skip, 'u': picture.Unknown}

// Strip draws the last outcomes of a test, given in the letters of the API.
func Strip(history any) template.HTML {
	text, _ := deref(history).(string)
	if text == "" {
		return ""
	}
	var s picture.Strip
	for _, letter := range text {
		s.Outcomes = append(s.Outcomes, letters[letter])
	}
	return s.HTML()
}

// deref follows pointers and nullable values; nil for what is absent.
func deref(v any) any {
	type nullable interface{ IsNull() bool }
	if v == nil {
		return nil
	}
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer {
		if r.IsNil() {
			return nil
		}
		r = r.Elem()
	}
	if r.Kind() == reflect.Map { // nullable.Nullable[T]
		if _, ok := r.Interface().(nullable); ok {
			value := r.MapIndex(reflect.ValueOf(true))
			if !value.IsValid() {
				return nil
			}
			return deref(value.Interface())
		}
	}
	return r.Interface()
}
