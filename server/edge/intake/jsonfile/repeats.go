package jsonfile

import "strconv"

// Repeats tells tests of one name apart that are not the same test, such as the
// examples of an outline: the second one gets " (2)", the third " (3)".
type Repeats map[string]int

// Unique returns the id, or the id with a number behind it when it was given before.
func (r Repeats) Unique(id string) string {
	n := r[id] + 1
	r[id] = n
	if n == 1 {
		return id
	}
	for ; ; n++ {
		other := id + " (" + strconv.Itoa(n) + ")"
		if r[other] == 0 {
			r[id], r[other] = n, 1
			return other
		}
	}
}
