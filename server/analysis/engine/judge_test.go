package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/analysis/engine"
)

// entriesOf reads outcomes, the newest first, each with the letter of its version:
// pA is a pass of version A.
func entriesOf(text string) []engine.Entry {
	words := map[byte]engine.Outcome{'p': engine.Pass, 'f': engine.Fail, 'e': engine.Error, 's': engine.Skip, 'u': engine.Unknown}
	var list []engine.Entry
	for i, word := range strings.Fields(text) {
		list = append(list, engine.Entry{Outcome: words[word[0]], Version: word[1:], Set: word, At: time.Unix(int64(1000-i), 0)})
	}
	return list
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, entries string
		window        int
		verdict       engine.Verdict
		numbers       [6]int // verdicts, passes, fails, flips, mixed versions, excluded
		score         float64
		since, reason string
	}{
		{"nothing", "", 30, engine.TooFew, [6]int{}, 0, "", "no verdict"},
		{"only errors", "e1 s2", 30, engine.TooFew, [6]int{5: 2}, 0, "", "no verdict"},
		{"two", "f2 p1", 30, engine.TooFew, [6]int{2, 1, 1, 1, 0, 0}, 1, "f2", "1 flip in 2 verdicts"},
		{"passing", "p3 p2 p1", 30, engine.Passing, [6]int{3, 3, 0, 0, 0, 0}, 0, "p1", "3 passes and 0 fails in 3 verdicts"},
		{"failing", "f3 f2 e f1", 30, engine.Failing, [6]int{3, 0, 3, 0, 0, 1}, 0, "f1", "0 passes and 3 fails in 3 verdicts"},
		{"regressed", "f3 p2 p1", 30, engine.Regressed, [6]int{3, 2, 1, 1, 0, 0}, 0.5, "f3", "1 flip in 3 verdicts"},
		{"regressed again", "f4 f3 p2 f1", 30, engine.Regressed, [6]int{4, 1, 3, 2, 0, 0}, 0.6667, "f3", "2 flips in 4 verdicts"},
		{"fixed", "p3 f2 f1", 30, engine.FixedNow, [6]int{3, 1, 2, 1, 0, 0}, 0.5, "p3", "1 flip in 3 verdicts"},
		{"recovered", "p3 f2 p1", 30, engine.Recovered, [6]int{3, 2, 1, 2, 0, 0}, 1, "p3", "2 flips in 3 verdicts"},
		{"three flips", "f4 p3 f2 p1", 30, engine.Flaky, [6]int{4, 2, 2, 3, 0, 0}, 1, "f4", "3 flips in 4 verdicts"},
		{"one version is enough", "p2 p1 f1", 30, engine.Flaky, [6]int{3, 2, 1, 1, 1, 0}, 0.5, "p1", "1 flip in 3 verdicts; both pass and fail on 1"},
		{"two versions", "p2 f2 p1 f1", 30, engine.Flaky, [6]int{4, 2, 2, 3, 2, 0}, 1, "p2", "3 flips in 4 verdicts; both pass and fail on 2 and 1 other version"},
		{"no version is none", "p f p", 30, engine.Recovered, [6]int{3, 2, 1, 2, 0, 0}, 1, "p", "2 flips in 3 verdicts"},
		{"the window ends it", "p4 e p3 f2 p1", 2, engine.TooFew, [6]int{2, 2, 0, 0, 0, 1}, 0, "p3", "2 passes and 0 fails in 2 verdicts"},
		{"half to even", "p p p p f p p p p p p p p p p p p", 30, engine.Recovered, [6]int{17, 16, 1, 2, 0, 0}, 0.125, "p", "2 flips in 17 verdicts"},
		{"four decimals", "p p f f f f f f", 30, engine.FixedNow, [6]int{8, 2, 6, 1, 0, 0}, 0.1429, "p", "1 flip in 8 verdicts"},
	} {
		h := engine.Summarize(entriesOf(tt.entries), tt.window)
		numbers := [6]int{h.Verdicts, h.Passes, h.Fails, h.Flips, h.MixedVersions, h.Excluded}
		since := ""
		if h.Since != nil {
			since = h.Since.Set
		}
		if h.Verdict != tt.verdict || numbers != tt.numbers || h.Score != tt.score || since != tt.since || h.Reason != tt.reason {
			t.Errorf("%s: %s %v %v since %q: %s\nwant %s %v %v since %q: %s", tt.name, h.Verdict, numbers, h.Score, since, h.Reason,
				tt.verdict, tt.numbers, tt.score, tt.since, tt.reason)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	cloud, other, job, board := int64(3), int64(4), "next", "rk3399"
	fields := []string{"device_type", "lab_name"}
	test := engine.Test{
		Key: engine.Key{Context: []string{engine.Value(&board), engine.Value(nil)}, Name: "ltp.case05"}, Outcome: engine.Fail, Source: engine.FromCase,
	}
	for _, tt := range []struct {
		name  string
		issue engine.Issue
		want  bool
	}{
		{"the name alone", engine.Issue{}, true},
		{"another name", engine.Issue{Name: engine.ParseGlob("ltp.case06")}, false},
		{"a part of what it says", engine.Issue{Message: "no route"}, true},
		{"upper and lower case differ", engine.Issue{Message: "No route"}, false},
		{"a field and its value", engine.Issue{Context: map[string]*string{"device_type": &board}}, true},
		{"another value", engine.Issue{Context: map[string]*string{"device_type": &job}}, false},
		{"a field without a value", engine.Issue{Context: map[string]*string{"lab_name": nil}}, true},
		{"a field that does not count is null", engine.Issue{Context: map[string]*string{"arch": nil}}, true},
		{"a field that does not count has no value", engine.Issue{Context: map[string]*string{"arch": &board}}, false},
		{"its source", engine.Issue{Sources: []engine.Source{engine.FromRun, engine.FromCase}}, true},
		{"another source", engine.Issue{Sources: []engine.Source{engine.FromRun}}, false},
		{"its cloud", engine.Issue{Line: engine.Line{CloudID: &cloud}}, true},
		{"another cloud", engine.Issue{Line: engine.Line{CloudID: &other}}, false},
		{"a job that it has not", engine.Issue{Line: engine.Line{Job: &job}}, false},
	} {
		if tt.issue.Name == nil {
			tt.issue.Name = engine.ParseGlob("ltp.*")
		}
		list := engine.OfLine([]engine.Issue{tt.issue}, engine.Line{CloudID: &cloud})
		if got := engine.Explain(list, &test, fields, "there is no route to host"); (got != nil) != tt.want {
			t.Errorf("%s: explained %v, want %v", tt.name, got != nil, tt.want)
		}
	}
	oldest := []engine.Issue{{ID: "1", Name: engine.ParseGlob("x"), Message: "m"}, {ID: "2", Name: engine.ParseGlob("*")}, {ID: "3", Name: engine.ParseGlob("ltp.*")}}
	if got := engine.Explain(oldest, &test, fields, ""); got == nil || got.ID != "2" || engine.NeedsText(oldest, &test, fields) {
		t.Errorf("of several the oldest: %v", got)
	}
	passed := test
	passed.Outcome = engine.Pass
	if engine.Explain(oldest, &passed, fields, "") != nil {
		t.Error("what passed is explained")
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	words := map[rune]engine.Outcome{'p': engine.Pass, 'f': engine.Fail, 'e': engine.Error, 's': engine.Skip, 'u': engine.Unknown, '-': engine.Absent}
	for _, tt := range []struct {
		strip           string
		n               int
		letters         string
		failing, passed int
	}{
		{"", 5, "", -1, -1},
		{"pfp-f", 3, "fpf", 4, 2},
		{"pfesuf", 60, "pfesuf", 1, 0},
		{"ffp", 2, "fp", -1, 2},
		{"fff", 60, "fff", 0, -1},
		{"pe", 60, "pe", -1, 0},
	} {
		var s engine.Strip
		for _, r := range tt.strip {
			s = append(s, words[r])
		}
		if got := s.Letters(tt.n); got != tt.letters || s.FailingSince() != tt.failing || s.LastPass() != tt.passed {
			t.Errorf("%s: %q, failing since %d, last pass %d; want %q, %d, %d", tt.strip, got, s.FailingSince(), s.LastPass(), tt.letters, tt.failing, tt.passed)
		}
	}
}
