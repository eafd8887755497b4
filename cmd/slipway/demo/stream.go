package demo

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"strings"
	"time"
)

// stream writes results as subunit v1, which is text.
type stream struct {
	bytes.Buffer
	at time.Time
}

// attachment is what a test leaves behind.
type attachment struct {
	mime, name string
	content    []byte
}

func (s *stream) time() {
	fmt.Fprintf(s, "time: %s\n", s.at.UTC().Format("2006-01-02 15:04:05.000000Z"))
}

// begin writes the start of a test. Without end it has never ended.
func (s *stream) begin(name string) {
	s.time()
	fmt.Fprintf(s, "test: %s\n", name)
}

// end writes what became of it.
func (s *stream) end(name, outcome string, took time.Duration, attachments ...attachment) {
	s.at = s.at.Add(took)
	s.time()
	word := map[string]string{passed: "success", failed: "failure", skipped: "skip"}[outcome]
	if len(attachments) == 0 {
		fmt.Fprintf(s, "%s: %s\n", word, name)
		return
	}
	fmt.Fprintf(s, "%s: %s [ multipart\n", word, name)
	for _, a := range attachments {
		fmt.Fprintf(s, "Content-Type: %s\n%s\n%X\r\n%s0\r\n", a.mime, a.name, len(a.content), a.content)
	}
	s.WriteString("]\n")
}

// write writes one test of a version.
func (s *stream) write(t *test, back int, draw *rand.Rand) string {
	outcome := t.outcome(back, draw)
	length := took(t.took, outcome, draw)
	s.begin(t.name)
	switch outcome {
	case broken: // the worker was killed
		s.at = s.at.Add(length)
	case failed:
		s.end(t.name, failed, length, traceback(t), workLog(t, s.at, length))
	case skipped:
		s.end(t.name, skipped, length, attachment{"text/plain;charset=utf8", "reason", []byte("Volume encryption is not enabled")})
	default:
		s.end(t.name, passed, length)
	}
	return outcome
}

func traceback(t *test) attachment {
	class := t.name
	if i := strings.LastIndexByte(class, '['); i > 0 {
		class = class[:i]
	}
	file := strings.ReplaceAll(class[:max(strings.LastIndexByte(class, '.'), 0)], ".", "/")
	message := t.message
	if message == "" {
		message = "AssertionError: 200 != 503"
	}
	text := fmt.Sprintf("Traceback (most recent call last):\n  File \"/opt/stack/%s.py\", line 271, in %s\n    self.wait_for_status(server, 'ACTIVE')\n"+
		"  File \"/opt/stack/lib/common/waiters.py\", line 90, in wait_for_status\n    raise lib_exc.TimeoutException(message)\n%s\n", file, class[strings.LastIndexByte(class, '.')+1:], message)
	return attachment{"text/x-traceback;charset=utf8;language=python", "traceback", []byte(text)}
}

// workLog is the log of a test that failed, with its end in it.
func workLog(t *test, end time.Time, took time.Duration) attachment {
	var log strings.Builder
	const lines = 60
	at := end
	for i := range lines {
		level, what := "DEBUG", fmt.Sprintf("Request (%d): 200 GET http://198.51.100.7:8774/v2.1/servers/%04x 0.%03ds", i, i*37, 20+i*7%80)
		if i == lines-8 {
			level, what = "ERROR", t.message
		}
		fmt.Fprintf(&log, "%s %5d %s [tempest.lib.common.rest_client] %s\n", at.UTC().Format("2006-01-02 15:04:05.000"), 4711, level, what)
		at = at.Add(took / lines)
	}
	return attachment{"text/plain;charset=utf8", "pythonlogging:''", []byte(log.String())}
}

// screenshot is a picture of a screen on which something stands.
func screenshot() attachment {
	img := image.NewPaletted(image.Rect(0, 0, 320, 180), color.Palette{color.RGBA{18, 23, 29, 255}, color.RGBA{98, 207, 169, 255}, color.RGBA{224, 72, 63, 255}})
	for y := 20; y < 120; y += 12 {
		for x := 16; x < 16+(y*53)%240; x++ {
			for d := range 5 {
				img.SetColorIndex(x, y+d, 1)
			}
		}
	}
	for y := 132; y < 150; y++ {
		for x := 16; x < 200; x++ {
			img.SetColorIndex(x, y, 2)
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, img) // into memory
	return attachment{"image/png", "screen.png", out.Bytes()}
}
