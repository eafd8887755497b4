// Package usual says how long opportunities usually take: the median of those that
// passed last with the same spec on the same platform.
package usual

import (
	"slices"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

const (
	lookedAt = 200 // finished opportunities of a product
	counted  = 15  // of them, that passed in one line
)

// Line is what opportunities have in common that take about the same time.
type Line struct {
	Product, Spec, Platform string
}

// LineOf is the line of an opportunity.
func LineOf(o *client.Opportunity) Line {
	platform, _ := o.Platform.Get()
	return Line{o.ProductID, o.SpecName, platform}
}

// Durations returns how long opportunities of some products usually take, with one call
// for each product. Lines in which nothing has passed lately are left out.
func Durations(v *frame.Visit, products ...string) (map[Line]time.Duration, error) {
	took := map[Line][]time.Duration{}
	completed, limit := client.OpportunityStateCOMPLETED, int32(lookedAt)
	for _, product := range distinct(products) {
		answer, err := v.API.ListTestEventsWithResponse(v.Context(), product, &client.ListTestEventsParams{State: &completed, Limit: &limit})
		if frame.IsNotFound(err) {
			continue // it was deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, log := range answer.JSON200.EventLogs { // the newest first
			line := LineOf(&log.TestOpportunity)
			if ran := passedIn(log.Events); ran > 0 && len(took[line]) < counted {
				took[line] = append(took[line], ran)
			}
		}
	}
	usually := map[Line]time.Duration{}
	for line, all := range took {
		slices.Sort(all)
		usually[line] = all[len(all)/2]
	}
	return usually, nil
}

// Picked returns when the opportunities of some products that agents hold were picked,
// with one call for each product.
func Picked(v *frame.Visit, products ...string) (map[string]time.Time, error) {
	since := map[string]time.Time{}
	for _, product := range distinct(products) {
		for _, state := range []client.OpportunityState{client.OpportunityStatePICKED, client.OpportunityStateCANCELLING} {
			answer, err := v.API.ListTestEventsWithResponse(v.Context(), product, &client.ListTestEventsParams{State: &state, Limit: new(int32(lookedAt))})
			if frame.IsNotFound(err) {
				break
			}
			if err != nil {
				return nil, err
			}
			for _, log := range answer.JSON200.EventLogs {
				for _, e := range log.Events {
					if e.EventType == client.OpportunityEventEventTypePICKEDBYAGENT {
						since[log.TestOpportunityID] = At(e.Timestamp) // the last one holds
					}
				}
			}
		}
	}
	return since, nil
}

func distinct(products []string) []string {
	list := slices.Clone(products)
	slices.Sort(list)
	return slices.Compact(list)
}

// passedIn is how long the last attempt took, 0 when it did not end with a pass.
func passedIn(events []client.OpportunityEvent) time.Duration {
	var picked time.Time
	for _, e := range events {
		switch e.EventType {
		case client.OpportunityEventEventTypePICKEDBYAGENT:
			picked = At(e.Timestamp)
		case client.OpportunityEventEventTypeRESULTPOSTED:
			if !picked.IsZero() && e.TestStatus != nil && *e.TestStatus == "PASSED" {
				return At(e.Timestamp).Sub(picked)
			}
		}
	}
	return 0
}

// At reads a time of SPI; what is none is the zero time.
func At(text string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
