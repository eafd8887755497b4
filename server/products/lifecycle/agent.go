package lifecycle

import "slices"

// Dropped returns what an agent has lost without saying so, when it asks for work:
// of the opportunities leased to it, those that it does not list as holding. They
// count as lost only when it is at capacity, because an agent that asks for more
// than it can hold has restarted; below that it may merely keep no list.
func Dropped[ID comparable](capacity int, leased, holding []ID) []ID {
	if len(leased) < capacity {
		return nil
	}
	var lost []ID
	for _, id := range leased {
		if !slices.Contains(holding, id) {
			lost = append(lost, id)
		}
	}
	return lost
}
