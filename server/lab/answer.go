package lab

import (
	"encoding/json"
	"net/http"
)

// answer is a JSON document that this package writes itself: Drydock's documents
// have members whose presence and order the generated types cannot express.
type answer struct {
	status   int
	location string
	link     string
	secret   bool // must not be kept by anybody in between
	body     any  // nil: no body
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func (a answer) write(w http.ResponseWriter) error {
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	if a.link != "" {
		w.Header().Set("Link", a.link)
	}
	if a.secret {
		w.Header().Set("Cache-Control", "no-store")
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return nil
	}
	text, err := json.Marshal(a.body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, err = w.Write(append(text, '\n'))
	return err
}

// VisitListTasksResponse writes the answer.
func (a answer) VisitListTasksResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateTaskResponse writes the answer.
func (a answer) VisitCreateTaskResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPurgeTasksResponse writes the answer.
func (a answer) VisitPurgeTasksResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetTaskResponse writes the answer.
func (a answer) VisitGetTaskResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCancelTaskResponse writes the answer.
func (a answer) VisitCancelTaskResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListNodesResponse writes the answer.
func (a answer) VisitListNodesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateNodeBuildDataResponse writes the answer.
func (a answer) VisitCreateNodeBuildDataResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetNodeManifestResponse writes the answer.
func (a answer) VisitGetNodeManifestResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitFilterNodesResponse writes the answer.
func (a answer) VisitFilterNodesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitValidateDesignResponse writes the answer.
func (a answer) VisitValidateDesignResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetLabHealthResponse writes the answer.
func (a answer) VisitGetLabHealthResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetExtendedHealthResponse writes the answer.
func (a answer) VisitGetExtendedHealthResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitSignalBootActionResponse writes the answer.
func (a answer) VisitSignalBootActionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListDesignsResponse writes the answer.
func (a answer) VisitListDesignsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateDesignResponse writes the answer.
func (a answer) VisitCreateDesignResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetDesignResponse writes the answer.
func (a answer) VisitGetDesignResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitDeleteDesignResponse writes the answer.
func (a answer) VisitDeleteDesignResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListMachinesResponse writes the answer.
func (a answer) VisitListMachinesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRegisterMachineResponse writes the answer.
func (a answer) VisitRegisterMachineResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetMachineResponse writes the answer.
func (a answer) VisitGetMachineResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateMachineResponse writes the answer.
func (a answer) VisitUpdateMachineResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitDeleteMachineResponse writes the answer.
func (a answer) VisitDeleteMachineResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPollMachineWorkResponse writes the answer.
func (a answer) VisitPollMachineWorkResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReportMachineWorkResponse writes the answer.
func (a answer) VisitReportMachineWorkResponse(w http.ResponseWriter) error { return a.write(w) }
