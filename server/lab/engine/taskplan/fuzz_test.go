package taskplan

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// FuzzTree runs trees through random events and wants them to end.
func FuzzTree(f *testing.F) {
	f.Add(uint8(4), []byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add(uint8(3), []byte{255, 0, 128, 64, 9, 9, 9})
	actions := []Action{ValidateDesign, VerifySite, PrepareSite, PrepareNodes, DeployNodes, DestroyNodes, VerifyNodes, RelabelNodes}
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		byteAt := 0
		next := func() byte {
			if len(script) == 0 {
				return 0
			}
			byteAt++
			return script[byteAt%len(script)]
		}
		l := newLab(t, actions[int(which)%len(actions)], func(w Work) Outcome {
			b := next()
			o := Outcome{OK: b&1 == 0, Transient: b&2 != 0, Absent: b&4 != 0}
			if b&8 == 0 {
				o.Successes = w.Nodes
			}
			return o
		})
		list := []Target{{Name: "a"}, {Name: "b", OOBType: "x"}, {Name: "c", NoOOBDriver: "n"}, {Name: "d", NoDriver: "n"}}[:next()%5]
		l.begin(list...)
		for range 500 {
			switch b := next(); {
			case b > 250:
				ids := make([]string, 0, len(l.tree.tasks))
				for id := range l.tree.tasks {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				e, _ := l.tree.Cancel(ids[int(next())%len(ids)], "fuzz", l.now)
				l.take(e)
			case b > 245:
				reload(l, list)
			case b > 240 && len(l.pending) > 0:
				l.take(l.tree.Started(l.pending[0].Task, l.now))
				l.now = l.now.Add(time.Hour)
				l.take(l.tree.Expire(0, l.now))
			}
			// Work of cancelled tasks comes back as finished or was never begun.
			if !l.step() {
				break
			}
		}
		for l.step() {
		}
		l.check()
	})
}

// BenchmarkTree_500_nodes runs the whole plan of a deployment of 500 nodes,
// without the work.
func BenchmarkTree_500_nodes(b *testing.B) {
	var list []Target
	for i := range 500 {
		list = append(list, Target{Name: fmt.Sprintf("node-%03d", i)})
	}
	for b.Loop() {
		l := newLab(b, DeployNodes, func(w Work) Outcome { return Outcome{OK: true, Successes: w.Nodes} })
		l.run(list...)
		if l.tree.Top().Result != Success {
			b.Fatal(l.tree.Top().Result)
		}
	}
}
