package subunittest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// WriteTempestLike writes the v2 stream of a made-up tempest run: test ids with
// "[id-<uuid>,…]", tags worker-N, pythonlogging and traceback attachments in
// chunks, the tests of all workers interleaved by time. A test takes about 2.5
// packets and 720 bytes. About 8 in 100 are skipped, 3 fail, and a few are
// expected to fail. With four workers or more the last one dies in its last
// test, which stays in progress; a failed record with the id process-returncode
// tells of it, as python's runners write it.
//
// The same arguments give the same bytes. The error is that of w.
func WriteTempestLike(w io.Writer, tests, workers int, seed uint64) error {
	workers = max(1, min(workers, tests))
	g := &generator{
		rand: rand.New(rand.NewPCG(seed, 0x7e57)),
		out:  bufio.NewWriterSize(w, 64<<10),
	}
	clocks := make([]time.Time, workers)
	for i := range clocks {
		clocks[i] = time.Date(2026, 3, 14, 1, 59, 26, 535897000, time.UTC).Add(g.pause(400 * time.Millisecond))
	}
	running := make([]*test, workers)
	for begun := 0; ; {
		worker := earliest(clocks, running, begun < tests)
		if worker < 0 {
			break
		}
		if running[worker] == nil {
			last := begun >= tests-workers
			running[worker] = g.begin(begun, clocks[worker])
			running[worker].dies = workers > 3 && last && worker == workers-1
			begun++
			clocks[worker] = clocks[worker].Add(900*time.Microsecond + g.pause(5*time.Second))
			continue
		}
		g.finish(running[worker], worker, clocks[worker])
		running[worker] = nil
		clocks[worker] = clocks[worker].Add(20*time.Microsecond + g.pause(time.Millisecond))
	}
	return g.out.Flush()
}

// earliest returns the worker whose turn it is, or -1 when all is done.
func earliest(clocks []time.Time, running []*test, more bool) int {
	first := -1
	for i := range clocks {
		if running[i] == nil && !more {
			continue
		}
		if first < 0 || clocks[i].Before(clocks[first]) {
			first = i
		}
	}
	return first
}

type generator struct {
	rand   *rand.Rand
	out    *bufio.Writer
	packet []byte
}

type test struct {
	id, method, path string
	dies             bool
}

func (g *generator) pause(most time.Duration) time.Duration {
	return time.Duration(g.rand.Int64N(int64(most))).Truncate(time.Microsecond)
}

func (g *generator) pick(from []string) string { return from[g.rand.IntN(len(from))] }

// write sends a packet; the first error stays in the buffered writer.
func (g *generator) write(e Event) {
	g.packet = Append(g.packet[:0], e)
	_, _ = g.out.Write(g.packet)
}

var (
	areas   = []string{"compute.servers", "compute.admin", "compute.images", "identity.admin.v3", "network.admin", "network", "volume.admin", "volume", "object_storage", "image.v2"}
	nouns   = []string{"server", "flavor", "image", "keypair", "network", "router", "subnet", "volume", "snapshot", "container", "role", "project", "user", "quota"}
	verbs   = []string{"create", "delete", "list", "show", "update", "attach", "detach", "resize", "rebuild", "suspend_resume"}
	endings = []string{"", "_with_detail", "_with_invalid_id", "_negative", "_over_limit", "_with_marker_and_limit"}
	attrs   = []string{"", ",smoke", ",negative", ",slow", ",network", ",compute", ",volume,slow"}
)

// begin starts test number n.
func (g *generator) begin(n int, at time.Time) *test {
	noun := g.pick(nouns)
	t := &test{path: g.pick(areas)}
	t.method = "test_" + g.pick(verbs) + "_" + noun + g.pick(endings)
	class := strings.ToUpper(noun[:1]) + noun[1:] + "sTestJSON"
	a, b := g.rand.Uint64(), g.rand.Uint64()
	t.id = fmt.Sprintf("tempest.api.%s.test_%ss.%s.%s_%d[id-%08x-%04x-5%03x-a%03x-%012x%s]", t.path, noun, class, t.method, n,
		a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff, g.pick(attrs))
	g.write(Event{ID: &t.id, Status: 2, Time: at})
	return t
}

const (
	textType  = "text/plain;charset=utf8"
	traceType = "text/x-traceback;charset=utf8,language=python"
)

// finish writes the attachments and the outcome of a test.
func (g *generator) finish(t *test, worker int, at time.Time) {
	tags := []string{fmt.Sprintf("worker-%d", worker)}
	if t.dies {
		id := "process-returncode"
		name := "traceback"
		g.write(Event{ID: &id, Status: 6, Time: at, Tags: tags, FileName: &name, File: []byte("Process returned with returncode -9"), MIME: textType, EOF: true})
		return
	}
	status := uint16(3)
	switch x := g.rand.IntN(1000); {
	case x < 30:
		status = 6
	case x < 110:
		status = 5
	case x < 114:
		status = 7
	case x < 116:
		status = 4
	}
	switch status {
	case 6, 7:
		g.attach(t, "traceback", traceType, g.traceback(t), at)
	case 5:
		g.attach(t, "reason", textType, []byte("extension “dvr” not enabled"), at)
	}
	if status == 6 || g.rand.IntN(10) < 3 {
		g.attach(t, "pythonlogging:''", textType, g.log(t, at), at)
	}
	g.write(Event{ID: &t.id, Status: status, Time: at, Tags: tags})
}

// attach writes a file, in two chunks when it is long.
func (g *generator) attach(t *test, name, mime string, content []byte, at time.Time) {
	if len(content) > 1500 {
		g.write(Event{ID: &t.id, Time: at, FileName: &name, File: content[:1024], MIME: mime})
		content = content[1024:]
	}
	g.write(Event{ID: &t.id, Time: at, FileName: &name, File: content, MIME: mime, EOF: true})
}

func (g *generator) traceback(t *test) []byte {
	return fmt.Appendf(nil, "Traceback (most recent call last):\n  File \"tempest/api/%s.py\", line %d, in %s\n    self.assertEqual(200, resp.status)\ntesttools.matchers._impl.MismatchError: 200 != %d\n",
		t.path, 30+g.rand.IntN(400), t.method, 400+g.rand.IntN(110))
}

func (g *generator) log(t *test, at time.Time) []byte {
	var b []byte
	for range 1 + g.rand.IntN(9) {
		b = fmt.Appendf(b, "%s %d INFO     [tempest.lib.common.rest_client] Request (%s): %d GET http://198.51.100.%d:8774/v2.1/%016x%016x %.3fs\n",
			at.Format("2006-01-02 15:04:05,000"), 20000+g.rand.IntN(999), t.method, 200+g.rand.IntN(10), 1+g.rand.IntN(253), g.rand.Uint64(), g.rand.Uint64(), g.rand.Float64())
	}
	return b
}
