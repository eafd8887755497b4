package bodycheck

import "strings"

// Unknown says of a name that it is no known one of its kind, such as "member"
// or "parameter", and which of the known ones it comes nearest to, if it comes
// near one. known is sorted. The name itself is not repeated.
func Unknown(kind, name string, known []string) string {
	message := "is not a known " + kind
	if near := nearest(name, known); near != "" {
		message += " (did you mean " + near + "?)"
	}
	if len(known) == 0 {
		return message
	}
	return message + "; known are " + shortList(known)
}

// longestName is from how many bytes on a name is no slip of the keyboard, and
// not compared: what that takes grows with the square of its length.
const longestName = 100

// nearest returns the known name that name was probably meant to be, or "": the
// one that fewest changes lead to, if they are no more than half of its letters,
// or else the first that contains it or is contained in it.
func nearest(name string, known []string) string {
	if len(name) > longestName {
		return ""
	}
	name = fold(name)
	best, fewest := "", longestName
	for _, k := range known {
		folded := fold(k)
		changes := distance(name, folded)
		if changes < fewest && changes <= max(len(name), len(folded))/2 {
			best, fewest = k, changes
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known {
		if folded := fold(k); within(name, folded) || within(folded, name) {
			return k
		}
	}
	return ""
}

// fold drops what people write in one way or another: case and what stands
// between words.
func fold(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

// within reports whether part, if it is long enough to say something, stands in
// whole.
func within(part, whole string) bool { return len(part) > 2 && strings.Contains(whole, part) }

// distance counts the bytes to insert, drop, replace or swap with their
// neighbour that make b of a.
func distance(a, b string) int {
	above, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := above
		above = row
		row = make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			changed := above[j]
			if a[i] != b[j] {
				changed++
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, changed)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
