package frame

import "github.com/slipway-lab/slipway/gen/client"

// mostHeads is how many heads one call asks for, which keeps its address short.
const mostHeads = 100

// ComparisonsCSV writes a list of comparisons, all pages of it.
func ComparisonsCSV(v *Visit, ask client.ListComparisonsParams, out *CSV) error {
	if err := out.Row("created_on", "head", "title", "base", "complete", "new_failure", "new_failing", "still_failing", "error", "fixed", "gone", "known"); err != nil {
		return err
	}
	ask.Limit, ask.After = new(int32(1000)), nil
	for {
		answer, err := v.API.ListComparisonsWithResponse(v.Context(), &ask)
		if err != nil {
			return err
		}
		for _, c := range answer.JSON200.Comparisons {
			n := c.Counts
			if err := out.Row(c.CreatedOn, c.Head.Ref, c.Head.Title, c.Base.Ref, c.Head.Complete, n.NewFailure, n.NewFailing, n.StillFailing, n.Error, n.Fixed, n.Gone, c.Known); err != nil {
				return err
			}
		}
		next, err := answer.JSON200.Next.Get()
		if err != nil || next == "" {
			return nil
		}
		ask.After = &next
	}
}

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
