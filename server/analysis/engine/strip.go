package engine

// Strip is what a test was in the sets of a line, the oldest first, up to the
// head. Absent stands for a set without it.
type Strip []Outcome

// Letters are the last n outcomes, the oldest first; sets without the test have no
// letter.
func (s Strip) Letters(n int) string {
	var text string
	for i := len(s) - 1; i >= 0 && len(text) < n; i-- {
		text = s[i].Letter() + text
	}
	return text
}

// FailingSince is the place of the first failure after the last pass, when the
// newest verdict is a failure; else -1.
func (s Strip) FailingSince() int {
	since := -1
	for i := len(s) - 1; i >= 0 && s[i] != Pass; i-- {
		if s[i] == Fail {
			since = i
		}
	}
	return since
}

// LastPass is the place of the newest pass, -1 when there is none.
func (s Strip) LastPass() int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == Pass {
			return i
		}
	}
	return -1
}
