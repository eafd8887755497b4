package lab

import (
	"testing"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
)

// TestActions_Permissions: each action has a row of the permission table, without
// which nobody may create its tasks.
func TestActions_Permissions(t *testing.T) {
	t.Parallel()

	for _, name := range taskplan.Actions() {
		action, known := taskplan.ParseAction(name)
		if p := actionPermission(action); !known || !p.Known() {
			t.Errorf("the action %s needs %s, which has no row", name, p)
		}
	}
}
