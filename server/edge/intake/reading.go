package intake

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// reading is the reading of one post.
type reading struct {
	ctx     context.Context // of the request
	in      *Intake
	readers []report.Reader
	open    *openBlobs
	rows    *rows
	derived *derived

	base    []resultstore.ResultFile // of the result that the post is added to
	parts   []*part
	members []*member
	names   *directory // of members, when one was asked for
	nested  nested

	collided *collisions
	readings int32
	records  int // that were read

	found  *report.Report // all files together
	result *resultstore.Result
}

func newReading(ctx context.Context, in *Intake, result *resultstore.Result) *reading {
	open := &openBlobs{
		open:  func(sha string) (store.Blob, error) { return in.Blobs.Open(ctx, sha) },
		blobs: map[string]store.Blob{},
	}
	readers := formats.All()
	return &reading{
		ctx: ctx, in: in, readers: readers, open: open, result: result,
		rows:     newRows(ctx, in.Store, result.Key),
		derived:  &derived{ctx: ctx, blobs: in.Blobs},
		collided: newCollisions(),
		found:    &report.Report{Scope: report.ScopeAll},
		nested:   nested{readers: readers},
	}
}

func (e *reading) close() {
	_ = e.rows.finish(false) // when nobody did
	e.rows.names.Close()
	e.derived.abort()
	e.open.close()
}

// extend begins with the tests and files of a result that is there.
func (e *reading) extend(onto *resultstore.Result) error {
	var err error
	if e.base, err = e.in.Store.ResultFiles(e.ctx, onto); err != nil {
		return err
	}
	err = e.in.Store.EachTest(e.ctx, resultstore.TestFilter{Result: onto}, func(t *resultstore.Test) error {
		e.rows.extend(t)
		e.collided.stored(t)
		return nil
	})
	if err != nil {
		return err
	}
	return e.in.Store.CopyTests(e.ctx, e.result.Key, onto)
}

// unpack finds the files in what was posted.
func (e *reading) unpack(files []File) error {
	u := newUnpacker(e.in, e.open)
	for _, f := range files {
		p, members, err := u.unpack(e.ctx, f)
		if err != nil {
			return err
		}
		e.parts = append(e.parts, p)
		for _, m := range members {
			m.n = int64(len(e.base) + len(e.members))
			e.members = append(e.members, m)
		}
	}
	return nil
}

// several reports whether the result has more than one file: then files that are no
// reports may stand beside those that are.
func (e *reading) several() bool { return len(e.base)+len(e.members) > 1 }

func (e *reading) directory() *directory {
	if e.names == nil {
		e.names = newDirectory(e.members)
	}
	return e.names
}

// find finds the reader of each file. The names of files are no help.
func (e *reading) find(format string) error {
	forced := formats.ByName(e.readers, format)
	for _, m := range e.members {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := e.findOne(m, forced); err != nil {
			return err
		}
		if m.reader != nil {
			m.format = m.reader.Info().Format
		}
		if e.several() {
			m.tally = tally{}
		}
	}
	return nil
}

func (e *reading) findOne(m *member, forced report.Reader) error {
	in := m.input(e.open)
	blank, err := formats.IsBlank(in)
	if err != nil {
		return err
	}
	if blank {
		m.format = report.FormatEmpty
		return nil
	}
	m.format, m.reader = report.FormatUnknown, forced
	if forced != nil {
		return nil
	}
	prefix, err := formats.Prefix(in)
	if err != nil {
		return err
	}
	m.packed = unreadPacking(prefix)
	if e.several() {
		if m.nested, err = e.nested.report(in); err != nil || m.nested != "" || isTar(prefix) {
			return err
		}
	}
	m.reportLike = beginsLikeReport(bytes.TrimLeft(prefix, "\x00"))
	if e.several() && isPage(prefix) {
		return nil
	}
	m.reader, err = formats.Find(e.readers, in, prefix)
	if e.several() && m.reader != nil && m.reader.Info().Format == report.FormatJSON && !beginsAsJSON(prefix) {
		m.reader = nil // a log whose lines begin with a bracket
	}
	if e.several() && m.reader == nil && err == nil && !m.reportLike {
		m.reportLike, err = hidesReport(e.readers, in, prefix)
	}
	return err
}

// unit is what one call of a reader reads.
type unit struct {
	reader  report.Reader
	members []*member
}

// readAll reads the files in their order. Those that belong together come first,
// because what they refer to is no report of its own.
func (e *reading) readAll() error {
	groups, single := e.units()
	for _, u := range groups {
		if err := e.read(u); err != nil {
			return err
		}
	}
	single = slices.DeleteFunc(single, func(u unit) bool {
		m := u.members[0]
		if m.referred {
			m.reader, m.format = nil, FormatOther
		}
		return m.referred
	})
	for _, u := range single {
		if _, ok := u.reader.(report.Collider); ok {
			if err := e.survey(u); err != nil {
				return err
			}
		}
	}
	for _, u := range single {
		if err := e.read(u); err != nil {
			return err
		}
	}
	return nil
}

func (e *reading) units() (groups, single []unit) {
	at := map[report.Format]int{} // in groups
	for _, m := range e.members {
		if m.reader == nil {
			continue
		}
		if _, ok := m.reader.(report.Group); !ok {
			single = append(single, unit{m.reader, []*member{m}})
			continue
		}
		i, known := at[m.format]
		if !known {
			i = len(groups)
			at[m.format] = i
			groups = append(groups, unit{reader: m.reader})
		}
		groups[i].members = append(groups[i].members, m)
	}
	for _, u := range groups {
		slices.SortStableFunc(u.members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	}
	return groups, single
}

// survey reads a file for the places of its tests alone.
func (e *reading) survey(u unit) error {
	sink := report.NewSink(report.Limits{Tests: e.in.Limits.Tests}, func(r *report.Record) error {
		e.collided.see(r.ID, r.Suite, r.Host)
		return nil
	})
	return e.call(u, sink)
}

// call lets the reader read. The end that it makes when there is too much is none
// of an error.
func (e *reading) call(u unit, sink *report.Sink) error {
	sink.Report.Format = u.reader.Info().Format
	var err error
	if g, ok := u.reader.(report.Group); ok {
		files := make([]report.Input, len(u.members))
		for i, m := range u.members {
			files[i] = m.input(e.open)
		}
		err = g.ReadGroup(e.ctx, files, sink)
	} else {
		err = u.reader.Read(e.ctx, u.members[0].input(e.open), sink)
	}
	if errors.Is(err, report.ErrStop) {
		err = nil
	}
	sink.Finish()
	return err
}

// read reads a unit into rows.
func (e *reading) read(u unit) error {
	number := e.readings
	e.readings++
	separator := "."
	if s, ok := u.reader.(report.Separated); ok {
		separator = s.Separator()
	}
	_, collides := u.reader.(report.Collider)
	var sink *report.Sink
	sink = report.NewSink(report.Limits{Tests: max(1, e.in.Limits.Tests-e.records)}, func(r *report.Record) error {
		m := u.members[min(max(0, sink.File()), len(u.members)-1)]
		rec, prefix := *r, 0
		if collides {
			rec.ID, prefix = e.collided.name(r, separator)
		}
		row, err := e.test(m, &rec, prefix)
		if err != nil {
			return err
		}
		m.tally.add(&rec)
		return e.rows.record(&rec, number, row)
	})
	if err := e.call(u, sink); err != nil {
		return err
	}
	e.take(u, sink.Report)
	return nil
}

// take adds what was read of a unit to what was read of all.
func (e *reading) take(u unit, r *report.Report) {
	e.records += r.Records
	for _, d := range r.Damage {
		m := u.members[min(max(0, d.File), len(u.members)-1)]
		m.damage = append(m.damage, d)
		m.damages++
	}
	u.members[0].damages += r.DamageCount - len(r.Damage) // those of which only the number is kept
	u.members[0].warnings = append(u.members[0].warnings, r.Warnings...)
	for _, m := range u.members {
		m.writer = r.Writer
		m.scope = r.Scope
	}
	e.found.Records += r.Records
	e.found.Unfinished += r.Unfinished
	e.found.NoiseBytes += r.NoiseBytes
	e.found.Attachments = append(e.found.Attachments, r.Attachments...)
	if e.found.CPID == nil {
		e.found.CPID = r.CPID
	}
	if e.found.DurationSeconds == nil {
		e.found.DurationSeconds = r.DurationSeconds
	}
}

// tally is what the tests of one file came to.
type tally map[nameID]*seen

func (t tally) add(r *report.Record) {
	if t == nil {
		return
	}
	id := idOf(r.ID)
	known := t[id]
	if known == nil {
		known = newSeen(r, 0)
		t[id] = known
	}
	known.take(r, 0)
}

func (t tally) counts() (c report.Counts) {
	for _, known := range t {
		c[known.status]++
	}
	return c
}
