package subunit

import "io"

type Counts [statusCount]int
type Outcome string

func Worst(a, b Status) Status                                              { return a }
func OutcomeOf(c Counts, r *Report) Outcome                                 { return "empty" }
func IsGzip(r io.ReaderAt) bool                                             { return false }
func Gunzip(w io.Writer, r io.Reader, limit int64) (int64, []Damage, error) { return 0, nil, nil }
func Parse(r io.ReaderAt, size int64, l Limits, f func(*Record) error) (*Report, error) {
	return &Report{Format: FormatEmpty, Scope: ScopeAll}, nil
}
