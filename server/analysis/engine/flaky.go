package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Verdict says in a word how a test behaves over time.
type Verdict string

// The verdicts.
const (
	TooFew    Verdict = "too_few"
	Flaky     Verdict = "flaky"
	Passing   Verdict = "passing"
	Failing   Verdict = "failing"
	Regressed Verdict = "regressed"
	FixedNow  Verdict = "fixed"
	Recovered Verdict = "recovered"
)

// Verdicts are all of them.
func Verdicts() []Verdict {
	return []Verdict{TooFew, Flaky, Passing, Failing, Regressed, FixedNow, Recovered}
}

// Entry is one result of one test.
type Entry struct {
	Outcome Outcome
	Set     string // the reference that holds it
	Version string // what must be equal to have tested the same thing; empty: nothing is
	At      time.Time
}

// History explains how a test behaves: what it came to in the newest verdicts, and
// what is said of it because of that.
type History struct {
	Verdicts, Passes, Fails, Flips, Excluded int
	MixedVersions                            int
	Score                                    float64
	Verdict                                  Verdict
	Since                                    *Entry // nil without a verdict
	Reason                                   string
}

// Summarize explains the newest window verdicts of entries, which stand newest
// first.
func Summarize(entries []Entry, window int) History {
	var h History
	var verdicts []Entry
	for _, e := range entries {
		if len(verdicts) == window {
			break
		}
		if !e.Outcome.Verdict() {
			h.Excluded++
			continue
		}
		verdicts = append(verdicts, e)
	}
	h.Verdicts = len(verdicts)
	newestFlip := -1
	for i, e := range verdicts {
		if e.Outcome == Pass {
			h.Passes++
		} else {
			h.Fails++
		}
		if i+1 < len(verdicts) && verdicts[i+1].Outcome != e.Outcome {
			if h.Flips++; newestFlip < 0 {
				newestFlip = i
			}
		}
	}
	mixed := mixedVersions(verdicts)
	h.MixedVersions = len(mixed)
	h.Score = score(h.Flips, h.Verdicts)
	switch {
	case newestFlip >= 0:
		h.Since = &verdicts[newestFlip]
	case h.Verdicts > 0:
		h.Since = &verdicts[h.Verdicts-1]
	}
	h.Verdict = h.verdict(verdicts)
	h.Reason = h.reason(mixed)
	return h
}

// mixedVersions are the versions that both passed and failed, the newest first.
func mixedVersions(verdicts []Entry) []string {
	type seen struct{ pass, fail bool }
	by := map[string]seen{}
	for _, e := range verdicts {
		s := by[e.Version]
		s.pass, s.fail = s.pass || e.Outcome == Pass, s.fail || e.Outcome == Fail
		by[e.Version] = s
	}
	var mixed []string
	for _, e := range verdicts {
		if s := by[e.Version]; e.Version != "" && s.pass && s.fail && !slices.Contains(mixed, e.Version) {
			mixed = append(mixed, e.Version)
		}
	}
	return mixed
}

// score is flips / (n - 1) with four decimals, half to even.
func score(flips, n int) float64 {
	if n < 2 {
		return 0
	}
	whole, rest := flips*10000/(n-1), flips*10000%(n-1)
	if 2*rest > n-1 || 2*rest == n-1 && whole%2 == 1 {
		whole++
	}
	return math.Round(float64(whole)) / 10000
}

func (h *History) verdict(verdicts []Entry) Verdict {
	switch {
	case h.Verdicts < 3:
		return TooFew
	case h.MixedVersions >= 1 || h.Flips >= 3:
		return Flaky
	case h.Flips == 0 && h.Fails == 0:
		return Passing
	case h.Flips == 0:
		return Failing
	case verdicts[0].Outcome == Fail:
		return Regressed
	case h.Flips == 1:
		return FixedNow
	}
	return Recovered
}

// reason says the numbers in a sentence.
func (h *History) reason(mixed []string) string {
	var b strings.Builder
	if h.Verdicts == 0 {
		return "no verdict"
	}
	if h.Flips == 0 {
		fmt.Fprintf(&b, "%s and %s in %s", plural(h.Passes, "pass", "passes"), plural(h.Fails, "fail", "fails"), plural(h.Verdicts, "verdict", "verdicts"))
	} else {
		fmt.Fprintf(&b, "%s in %s", plural(h.Flips, "flip", "flips"), plural(h.Verdicts, "verdict", "verdicts"))
	}
	switch {
	case len(mixed) == 1:
		fmt.Fprintf(&b, "; both pass and fail on %s", mixed[0])
	case len(mixed) > 1:
		fmt.Fprintf(&b, "; both pass and fail on %s and %s", mixed[0], plural(len(mixed)-1, "other version", "other versions"))
	}
	return b.String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
