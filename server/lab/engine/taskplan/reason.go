package taskplan

import (
	"fmt"
	"strings"
)

// explain gives the result of a task that was asked for a sentence, where nothing
// else has and it failed: who cancelled it, or which nodes failed. The results of
// subtasks and partial successes have none, as in Drydock.
func explain(task *Task) {
	switch {
	case task.Message != "" || task.Role != Top:
	case task.Terminate:
		task.Message = "Cancelled by " + task.TerminatedBy + "."
	case task.Result == Success:
		task.Message = sharedByAll(task.children)
	case task.Result == PartialSuccess:
	case len(task.Failures) > 0:
		task.Message = fmt.Sprintf("%s failed on %s.", task.Action, someOf(task.Failures))
	default:
		task.Message = fmt.Sprintf("%s failed.", task.Action)
	}
}

// sharedByAll is the sentence that the results under a task have in common: that
// there was nothing to do on any node, for instance.
func sharedByAll(children []*Task) string {
	text := ""
	for _, c := range children {
		own := c.Message
		if own == "" {
			own = sharedByAll(c.children)
		}
		if own == "" || text != "" && own != text {
			return ""
		}
		text = own
	}
	return text
}

// maxNamed is how many nodes a sentence names.
const maxNamed = 5

func someOf(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more nodes", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}
