package storetest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// victimDir tells the test binary that it is to write until it is killed.
const victimDir = "SLIPWAY_STORETEST_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		writeForever(dir)
	}
	os.Exit(m.Run())
}

// writeForever prints the name of each row once it is acknowledged.
func writeForever(dir string) {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{DataDir: dir, Exclusive: true})
	if err == nil {
		err = s.Migrate(ctx)
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	r := &resultstore.Result{SHA256: "never published"}
	_ = resultstore.New(s).BeginResult(ctx, r)
	for client := range 16 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d/%d", client, i)
				if err := put(ctx, s, name); err != nil {
					fmt.Println("failed:", err)
					os.Exit(1)
				}
				_, _ = os.Stdout.WriteString(name + "\n") // one write: lines stay whole
			}
		}()
	}
	for n := int64(1); ; n++ {
		_ = resultstore.New(s).InsertTests(ctx, r.Key, []resultstore.Test{{N: n, Name: fmt.Sprint(n)}})
	}
}

// A server that is killed in the middle of many writes has every row that it
// acknowledged, lets the next server start at once, and leaves no half upload.
func TestKill_LosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == 500 {
			_ = victim.Process.Kill()
		}
	}
	_ = victim.Wait()
	if len(acknowledged) < 500 {
		t.Fatalf("the victim ended after %q", acknowledged)
	}

	s := resultstore.New(Open(t, store.Config{DataDir: dir, Exclusive: true}))
	there := names(t, s.Store)
	for _, name := range acknowledged {
		if _, ok := slices.BinarySearch(there, name); !ok {
			t.Errorf("row %q was acknowledged and is gone", name)
		}
	}
	if n, err := s.SweepIngests(context.Background()); n != 1 || err != nil {
		t.Errorf("SweepIngests: %d, %v; want the half upload", n, err)
	}
}
