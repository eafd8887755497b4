package intake

import (
	"encoding/json"
	"fmt"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// fileDamage is damage as it is stored: of several files it says of which.
type fileDamage struct {
	report.Damage
	File string `json:"file,omitempty"`
}

// maxFindings is how many findings of each kind are kept of all files together.
var maxFindings = report.DefaultLimits().Damage

// sumUp fills in what the result says as a whole, and stores its files.
func (e *reading) sumUp(onto *resultstore.Result) (*report.Report, error) {
	name, err := e.derived.commit()
	if err != nil {
		return nil, err
	}
	readable := e.judge()
	var damage []fileDamage
	var warnings []string
	files := e.base
	if onto != nil {
		e.takeBase(onto, &damage, &warnings)
	}
	number := int64(0)
	if len(e.base) > 0 {
		number = e.base[len(e.base)-1].Part + 1
	}
	for i, m := range e.members {
		if i > 0 && m.part != e.members[i-1].part {
			number++
		}
		row, err := e.row(m, number, name)
		if err != nil {
			return nil, err
		}
		files = append(files, row)
		e.collect(m, &damage, &warnings)
	}
	e.found.Format = e.format(readable)
	e.found.Damage = nil
	for _, d := range damage {
		e.found.Damage = append(e.found.Damage, d.Damage)
	}
	e.found.Warnings = warnings
	if err := e.summarize(damage, onto); err != nil {
		return nil, err
	}
	return e.found, e.in.Store.InsertFiles(e.ctx, e.result.Key, files)
}

// judge decides what becomes of the files that nobody reads, and returns whether
// any file is a report.
func (e *reading) judge() (readable bool) {
	readable = len(e.base) > 0
	for _, m := range e.members {
		readable = readable || m.reader != nil
	}
	for i, m := range e.members {
		if i == 0 || m.part != e.members[i-1].part {
			m.damage = append(m.part.damage, m.damage...)
			m.damages += len(m.part.damage)
		}
		if m.missing > 0 {
			m.warnings = append(m.warnings, fmt.Sprintf("%d attachments are not among the files that were posted", m.missing))
		}
		switch {
		case m.reader != nil:
		case m.referred:
			m.format = FormatOther
		case m.format == report.FormatEmpty && e.several():
			m.damaged(0, report.KindContent, "the file is empty")
		case m.format == report.FormatEmpty:
		case m.nested != "":
			m.damaged(0, kindArchive, "it is packed a second time and not read, and there is a report in it: "+report.Quote(m.nested))
		case m.reportLike && e.several():
			m.damaged(0, report.KindContent, "the file begins like a report, and is none that is read here")
		case readable:
			m.format = FormatOther
			m.warnings = append(m.warnings, "passed over: it is no report")
		case m.packed != "":
			m.warnings = append(m.warnings, "it is packed with "+m.packed+", which is not read; gzip, zstd, xz, zip, and a tar in the first three, are")
			e.found.NoiseBytes += m.size
		default:
			e.found.NoiseBytes += m.size
		}
	}
	return readable
}

// collect adds what was found in a member to what was found in all.
func (e *reading) collect(m *member, damage *[]fileDamage, warnings *[]string) {
	label := ""
	if e.several() {
		label = m.name
	}
	e.found.DamageCount += m.damages
	for _, d := range m.damage {
		if len(*damage) < maxFindings {
			*damage = append(*damage, fileDamage{Damage: d, File: label})
		}
	}
	for _, w := range m.warnings {
		if label != "" {
			w = label + ": " + w
		}
		if len(*warnings) < maxFindings {
			*warnings = append(*warnings, w)
		}
	}
}

// takeBase begins with what was found in the result that the post is added to. A
// file of it that could not be read is damage from now on: alone it was an error.
func (e *reading) takeBase(onto *resultstore.Result, damage *[]fileDamage, warnings *[]string) {
	_ = json.Unmarshal(onto.Damage, damage) // we wrote it
	_ = json.Unmarshal(onto.Warnings, warnings)
	e.found.DamageCount += int(onto.DamageCount)
	if len(e.base) != 1 {
		return
	}
	for i := range *damage {
		(*damage)[i].File = e.base[0].Name
	}
	if f := report.Format(e.base[0].Format); f == report.FormatUnknown || f == report.FormatEmpty {
		e.found.DamageCount++
		*damage = append(*damage, fileDamage{
			Damage: report.Damage{Kind: report.KindContent, Reason: "the file is " + string(f) + ", and no report that is read here"}, File: e.base[0].Name,
		})
	}
}

// format is that of all reports, if they have the same.
func (e *reading) format(readable bool) report.Format {
	var all report.Format
	add := func(f report.Format) {
		switch {
		case readable && (f == FormatOther || f == report.FormatUnknown || f == report.FormatEmpty):
		case all == "" || all == f:
			all = f
		case !readable:
			all = report.FormatUnknown
		default:
			all = FormatMulti
		}
	}
	for i := range e.base {
		add(report.Format(e.base[i].Format))
	}
	for _, m := range e.members {
		add(m.format)
	}
	if all == "" {
		return report.FormatUnknown
	}
	return all
}

// row is what is stored of a member.
func (e *reading) row(m *member, number int64, derived string) (resultstore.ResultFile, error) {
	row := m.row(number, derived)
	counts, tests := m.tally.counts(), int64(len(m.tally))
	if m.tally == nil {
		counts, tests = e.rows.counts()
	}
	row.Tests, row.DamageCount = tests, int64(m.damages)
	row.Outcome = string(counts.Outcome(m.format, m.damages))
	if m.format == FormatOther {
		row.Outcome = string(report.OutcomeEmpty)
	}
	err := marshal(map[*store.JSON]any{
		&row.Counts: countsToStore(counts), &row.Damage: firstOf(m.damage), &row.Warnings: firstOf(m.warnings),
	})
	return row, err
}

func firstOf[T any](list []T) []T { return list[:min(len(list), maxFindings)] }

func marshal(fields map[*store.JSON]any) error {
	for into, from := range fields {
		text, err := json.Marshal(from)
		if err != nil {
			return err
		}
		*into = text
	}
	return nil
}

// summarize fills in the fields of the result.
func (e *reading) summarize(damage []fileDamage, onto *resultstore.Result) error {
	counts, tests := e.rows.counts()
	r, found := e.result, e.found
	if len(e.members) == 1 && onto == nil {
		p := e.members[0].part
		r.ContentSHA256, r.ContentBytes = p.content.SHA256, p.content.Size
	}
	r.Gzip = len(e.parts) == 1 && onto == nil && e.parts[0].packing != "" && e.parts[0].packing != packedTar
	found.Scope = e.scope()
	r.Format, r.Scope = string(found.Format), string(found.Scope)
	r.Counts, r.Tests = countsToStore(counts), tests
	r.Records, r.NoiseBytes = int64(found.Records), found.NoiseBytes
	r.DamageCount, r.Complete = int64(found.DamageCount), found.Complete()
	r.Outcome = string(counts.Outcome(found.Format, found.DamageCount))
	if found.CPID != nil {
		r.CPID = *found.CPID
	}
	if onto != nil {
		r.Records, r.NoiseBytes = r.Records+onto.Records, r.NoiseBytes+onto.NoiseBytes
		r.Complete = r.Complete && onto.Complete
		r.SHA256, r.Bytes = onto.SHA256, onto.Bytes+r.Bytes
		r.ContentSHA256, r.ContentBytes = onto.ContentSHA256, onto.ContentBytes
		r.DurationUS, r.PrivateTo = onto.DurationUS, onto.PrivateTo
		if r.CPID == "" {
			r.CPID = onto.CPID
		}
		if onto.Scope != r.Scope {
			r.Scope = string(report.ScopeAll)
		}
	}
	return marshal(map[*store.JSON]any{&r.Damage: damage, &r.Warnings: found.Warnings, &r.Attachments: found.Attachments})
}

// scope is that of pass lists when all reports are such.
func (e *reading) scope() report.Scope {
	scope := report.ScopeAll
	for _, m := range e.members {
		switch {
		case m.reader == nil:
		case m.scope != report.ScopePasses:
			return report.ScopeAll
		default:
			scope = report.ScopePasses
		}
	}
	return scope
}
