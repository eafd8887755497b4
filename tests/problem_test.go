package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/openapi"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestProblem_Examples: each error of each operation shows an error of its own status,
// with an id that comes with the status.
func TestProblem_Examples(t *testing.T) {
	t.Parallel()

	kinds, err := openapi.Problems()
	if err != nil {
		t.Fatal(err)
	}
	comes := map[string]bool{}
	for _, k := range kinds {
		for _, status := range k.Status {
			comes[fmt.Sprint(k.ID, " ", status)] = true
		}
	}
	for path, item := range document(t).Paths.Map() {
		for _, op := range item.Operations() {
			for status, answer := range op.Responses.Map() {
				if status[0] != '4' && status[0] != '5' {
					continue
				}
				for media, content := range answer.Value.Content {
					example, _ := content.Example.(map[string]any)
					switch {
					case example == nil:
						t.Errorf("%s: %s %s has no example", op.OperationID, status, media)
					case fmt.Sprint(example["code"]) != status:
						t.Errorf("%s: the example of %s has the code %v", op.OperationID, status, example["code"])
					case example["id"] != nil && !comes[fmt.Sprint(example["id"], " ", status)]:
						t.Errorf("%s: the example of %s has the id %v", op.OperationID, status, example["id"])
					case example["id"] != nil && answer.Ref == "" && strings.Contains(fmt.Sprint(example["instance"]), "{"):
						t.Errorf("%s at %s: the example of %s happened at %v", op.OperationID, path, status, example["instance"])
					}
				}
			}
		}
	}
}

// TestProblem_ExamplesAreTrue: on a server that holds nothing, an operation whose example
// names something answers what the document shows for 404.
func TestProblem_ExamplesAreTrue(t *testing.T) {
	t.Parallel()

	eachOperation(t, func(t *testing.T, s *servertest.Server, r request) {
		declared := r.op.Responses.Status(http.StatusNotFound)
		if declared == nil || declared.Ref != "" {
			return
		}
		answer := s.Do(r.method, r.target(), r.body, r.options()...)
		if answer.Status != http.StatusNotFound {
			return
		}
		var got struct{ Detail, ID string }
		if err := json.Unmarshal(answer.Body, &got); err != nil {
			t.Fatal(err)
		}
		if want := exampleOf(declared.Value); want["detail"] != got.Detail || want["id"] != got.ID {
			t.Errorf("answers %s: %q, the document shows %v: %q", got.ID, got.Detail, want["id"], want["detail"])
		}
	})
}

func exampleOf(answer *openapi3.Response) map[string]any {
	for _, content := range answer.Content {
		if example, ok := content.Example.(map[string]any); ok && example["id"] != nil {
			return example
		}
	}
	return nil
}
