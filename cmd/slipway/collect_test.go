package main

import (
	"runtime"
	"testing"
	"time"
)

func TestCollectorPercent(t *testing.T) {
	t.Parallel()
	for kept, want := range map[uint64]int{0: 400, 1 << 20: 400, 8 << 20: 300, 10 << 20: 200, 24 << 20: 100, 1 << 30: 100} {
		if got := collectorPercent(kept); got != want {
			t.Errorf("collectorPercent(%d) = %d, want %d", kept, got, want)
		}
	}
}

func TestAfterCollection(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{})
	afterCollection(func() { close(ran) })
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		runtime.GC()
		select {
		case <-ran:
			return
		case <-time.After(time.Millisecond):
		}
	}
	t.Error("nothing ran after a collection")
}

func TestKept(t *testing.T) {
	t.Parallel()
	runtime.GC()
	if kept() == 0 {
		t.Error("kept = 0: a metric has another name")
	}
}
