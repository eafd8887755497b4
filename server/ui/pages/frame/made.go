package frame

import "github.com/slipway-lab/slipway/gen/client"

// mostHeads is how many heads one call asks for, which keeps its address short.
const mostHeads = 100

// Comparisons returns the newest comparison of each of some sets, by the reference of
// the set, for a list that shows what changed: a call for each hundred. Sets that were
// compared with nothing are left out.
func Comparisons(v *Visit, heads []string) (map[string]*client.MadeComparison, error) {
	made := map[string]*client.MadeComparison{}
	for len(heads) > 0 {
		some := heads[:min(len(heads), mostHeads)]
		heads = heads[len(some):]
		params := &client.ListComparisonsParams{Head: some, Limit: new(int32(1000))}
		for {
			answer, err := v.API.ListComparisonsWithResponse(v.Context(), params)
			if err != nil {
				return nil, err
			}
			for i := range answer.JSON200.Comparisons { // the newest first
				if one := &answer.JSON200.Comparisons[i]; made[one.Head.Ref] == nil {
					made[one.Head.Ref] = one
				}
			}
			next, err := answer.JSON200.Next.Get()
			if err != nil || next == "" {
				break
			}
			params.After = &next
		}
	}
	return made, nil
}
