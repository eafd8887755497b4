package subunit

import (
	"context"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// V2 returns the reader of subunit's packets.
func V2() report.Reader {
	return reader{
		info: report.Info{
			Format:     FormatV2,
			Title:      "subunit v2",
			Recognised: "by a whole packet with a right checksum anywhere in the file, or by the first bytes of one at its beginning",
			Naming:     "the test id of the packets, as it is",
			Example:    "(packets; `python -m subunit.run discover` writes them)",
		},
		probe: func(d *detector) (bool, error) {
			head, err := d.w.view(0, minHeader)
			if err != nil || len(head) >= 2 && head[0] == signature && head[1]>>4 == version2 {
				return err == nil, err
			}
			return d.isV2()
		},
		sure: report.Certain,
		read: func(s *sink, w *window) error { return newV2reader(s, w).read() },
	}
}

// V1 returns the reader of subunit's lines.
func V1() report.Reader {
	return reader{
		info: report.Info{
			Format:     FormatV1,
			Title:      "subunit v1",
			Recognised: "by a line `test: NAME`, or by an outcome of a test that such a line began; what begins as JSON or XML is not looked through",
			Naming:     "the name in the lines, as it is",
			Example:    "test: lab.arm.lifts\nsuccess: lab.arm.lifts\n",
		},
		probe: func(d *detector) (bool, error) {
			if text, err := d.textFormat(); text != "" || err != nil {
				return false, err
			}
			return d.isV1()
		},
		sure: report.Certain - 5, // lines of a log may look like it
		read: func(s *sink, w *window) error { return newV1reader(s, w).read() },
	}
}

// JSON returns the reader of the results in JSON of RefStack's runners and servers.
func JSON() report.Reader {
	return reader{
		info: report.Info{
			Format:     FormatJSON,
			Title:      "RefStack JSON",
			Recognised: "a JSON object with a list `results`, `data` or `tests` of RefStack's, or any other JSON, which is damage",
			Naming:     "the name of the test, as it is",
			Example:    `{"cpid":"c0ffee","duration_seconds":12,"results":[{"name":"tempest.api.test_lifts"}]}`,
		},
		detect: func(prefix []byte) report.Confidence {
			for _, c := range prefix {
				switch {
				case c == '{' || c == '[':
					return 1
				case !isSpace(c):
					return report.No
				}
			}
			return report.No
		},
		read: func(s *sink, w *window) error { return newJSONreader(s, w).read() },
	}
}

// reader puts one of the formats behind report.Reader.
type reader struct {
	info   report.Info
	detect func(prefix []byte) report.Confidence // or
	probe  func(d *detector) (bool, error)
	sure   report.Confidence // when probe says yes
	read   func(s *sink, w *window) error
}

func (r reader) Info() report.Info { return r.info }

func (r reader) Detect(prefix []byte) report.Confidence {
	if r.detect == nil {
		return report.No
	}
	return r.detect(prefix)
}

// Probe looks through the whole file.
func (r reader) Probe(in report.Input) (report.Confidence, error) {
	if r.probe == nil {
		return report.No, nil
	}
	yes, err := r.probe(&detector{w: newWindow(in, in.Size, windowStart)})
	if !yes || err != nil {
		return report.No, err
	}
	return r.sure, nil
}

// Read reads the file once, in pieces of some hundred KiB.
func (r reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	return r.read(&sink{Sink: s, lim: s.Limits, report: s.Report}, newWindow(readerAt{ctx, in}, in.Size, windowStart))
}

// readerAt ends the reading when its context does.
type readerAt struct {
	ctx context.Context // of the one call of Read
	in  report.Input
}

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.ReadAt(p, off)
}
