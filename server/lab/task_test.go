package lab_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

func TestTask_prepare_and_destroy(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		for _, action := range []string{"validate_design", "verify_site", "prepare_site", "verify_nodes", "prepare_nodes", "prepare_node", "destroy_nodes", "destroy_node", "relabel_nodes"} {
			made := createTask(t, s, action, ref)
			if made.Status != "queued" || made.Action != action || made.CreatedBy == nil || *made.CreatedBy != "admin" {
				t.Errorf("%s: created %+v", action, made)
			}
			got := finished(t, s, made.TaskID)
			if got.Result.Status != "success" || got.Action != action {
				t.Errorf("%s: %s %s\n%s", action, got.Status, got.Result.Status, mustJSON(t, got.Result))
			}
		}
	})
}
