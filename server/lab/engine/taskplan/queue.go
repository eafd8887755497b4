package taskplan

// Waiting is a queued top task with the nodes it wants.
type Waiting struct {
	ID    string
	Nodes []string
}

// Startable tells which queued tasks may start now, given the nodes that running
// tasks hold. The queue is in order of creation. A task gets all its nodes or
// none, so that no two tasks wait for each other, and nobody overtakes an older
// task that wants one of the same nodes. Tasks without nodes start at once.
func Startable(queue []Waiting, held func(node string) bool) []string {
	wanted := make(map[string]bool)
	var ids []string
	for _, w := range queue {
		free := true
		for _, node := range w.Nodes {
			free = free && !held(node) && !wanted[node]
		}
		// The nodes are spoken for either way: by this task as it runs, or as
		// it waits.
		for _, node := range w.Nodes {
			wanted[node] = true
		}
		if free {
			ids = append(ids, w.ID)
		}
	}
	return ids
}
