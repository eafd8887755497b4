package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// garbageRoom is how much garbage comes together at least before it is collected. What
// a server keeps in memory is a few megabytes, so that with Go's rule alone (as much
// garbage as is kept) a busy one would collect many times a second.
const garbageRoom = 24 << 20

// roomForGarbage sets the pace of the collector anew after each collection, until it
// is called off. It leaves alone what GOGC says.
func roomForGarbage() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	var over atomic.Bool
	percent := 100
	var again func()
	again = func() {
		if over.Load() {
			return
		}
		if next := collectorPercent(kept()); next != percent {
			percent = next
			debug.SetGCPercent(next)
		}
		afterCollection(again)
	}
	afterCollection(again)
	return func() { over.Store(true) }
}

// collectorPercent is how much garbage, in percent of what is kept, there may be. It
// goes in steps: to set it stops the program for a moment.
func collectorPercent(kept uint64) int {
	const most, step = 400, 50
	return min(max(100, int(garbageRoom*100/max(kept, 1))/step*step), most)
}

// kept is what the pace counts from: the heap that the last collection left, stacks and
// global variables.
func kept() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
}

// afterCollection runs f once the next collection has ended.
func afterCollection(f func()) {
	runtime.AddCleanup(&struct{ _ [16]byte }{}, func(run func()) { run() }, f)
}
