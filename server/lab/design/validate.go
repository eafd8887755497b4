package design

import (
	"slices"
	"strconv"
	"strings"
)

// Catalogue lists what the node driver can deploy.
type Catalogue struct {
	Images []Image
}

// Image is an operating system image with the kernels it can boot.
type Image struct {
	Name    string
	Kernels []string
}

// Options are what Check needs besides the text.
type Options struct {
	Limits   Limits
	Selector Selector
	// Catalogue is what nodes may choose from. When it is nil, the choice is
	// not checked, and a warning with NoCatalogue as its text says so.
	Catalogue   *Catalogue
	NoCatalogue string
	// NoDriver says why nobody can work on a node, Unreachable why a location
	// may not be fetched; empty: somebody can, it may. Nil: nobody asks.
	NoDriver    func(*Node) string
	Unreachable func(location string) string
}

// Loaded is a design that was read and compiled, and not yet validated.
type Loaded struct {
	// Site is the effective model, nil when there is none. It is there for
	// designs that break rules as well, because Drydock filters their nodes.
	Site *Site

	messages []Message // what reading and compiling had to say
}

// Load reads and compiles a design. What is wrong with it is told by Report.
func Load(text []byte, opt Options) Loaded {
	written, messages, err := Parse(text, opt.Limits)
	if err != nil {
		return Loaded{messages: []Message{{
			Name: codeDocument, Text: "Error processing document: " + err.Error(), Error: true, Level: LevelError,
			Diagnostic: "The design must be a stream of YAML documents.",
		}}}
	}
	if written == nil {
		return Loaded{messages: messages}
	}
	site, err := written.Compile(opt.Selector)
	if err != nil {
		return Loaded{messages: append(messages, Message{Text: err.Error(), Error: true, Level: LevelError})}
	}
	return Loaded{Site: site, messages: messages}
}

// FirstError is the text of the first error that left no effective model.
func (l Loaded) FirstError() string {
	for _, m := range l.messages {
		if m.Error {
			return m.Text
		}
	}
	return ""
}

// Report runs the rules. Of the options it uses the catalogue.
func (l Loaded) Report(opt Options) Report {
	if l.Site == nil {
		return broken(l.messages...)
	}
	report := Validate(l.Site, opt)
	report.Messages = slices.Concat(l.messages, report.Messages)
	return report
}

// Check reads, compiles and validates a design.
func Check(text []byte, opt Options) (*Site, Report) {
	l := Load(text, opt)
	return l.Site, l.Report(opt)
}

func broken(messages ...Message) Report {
	return Report{Status: StatusBroken, Messages: messages}
}

// Validate runs all rules on an effective design. Limits and Selector of the
// options are not used.
func Validate(site *Site, opt Options) Report {
	var all []Message
	for _, r := range rules {
		run := &run{rule: r, site: site, opt: opt}
		r.check(run)
		if run.fatal != "" {
			// The rule's own findings go with it, as in Drydock.
			return broken(append(all, Message{
				Text: loadError("%s", run.fatal).Error(), Error: true, Level: LevelError,
			})...)
		}
		all = append(all, run.finish()...)
	}
	if errorCount(all) > 0 {
		return Report{
			Status: StatusFailure, Message: "Site design failed validation.", Reason: "See detail messages.", Messages: all,
		}
	}
	return Report{Status: StatusSuccess, Message: "Site design passed validation", Messages: all}
}

// rule is one of Drydock's validation rules.
type rule struct {
	code  string
	name  string
	check func(*run)
}

// rules are Drydock's, in its order
// (orchestrator/validations/validator.py). The misspelt name is theirs and on
// the wire.
var rules = []rule{
	{"DD1001", "Rational Boot Storage", bootStorage},
	{"DD2006", "CIDR Validity", cidrValidity},
	{"DD1008", "Hugepages", hugepages},
	{"DD2002", "IP Locality Check", ipLocality},
	{"DD2003", "MTU Rationality", mtuRationality},
	{"DD2004", "Network Trunking Rationalty", trunking},
	{"DD2005", "Duplicated IP Check", duplicateIPs},
	{"DD3001", "Platform Selection", platformSelection},
	{"DD1006", "Network Bond Rationality", bonding},
	{"DD2002", "Storage Partitioning", storagePartitioning},
	{"DD2003", "Storage Sizing", storageSizing},
	{"DD2004", "Storage Mountpoint", mountpoints},
	{"DD1007", "Allowed Network Check", allowedNetworks},
	{"DD3003", "Hostname Validity", hostnames},
	{"DD4001", "Valid IPMI Configuration", ipmi},
	{"DD4002", "Valid Libvirt Configuration", libvirt},
	{"DD4001", "Bootaction Definition", bootActionDefined},
	{"DD4002", "Bootaction pkg_list Validation", packageLists},
}

// run collects what one rule finds.
type run struct {
	rule     rule
	site     *Site
	opt      Options
	messages []Message
	errors   int
	left     int    // findings that were not listed
	cut      bool   // and there may be more
	fatal    string // why the validation cannot go on
}

// maxFindings bounds the findings of one rule that are listed one by one.
const maxFindings = 5000

func (r *run) fail(advice, text string, docs ...Ref) {
	r.errors++
	r.add(LevelError, advice, text, docs)
}

func (r *run) warn(advice, text string, docs ...Ref) {
	r.add(LevelWarning, advice, text, docs)
}

func (r *run) add(level Level, advice, text string, docs []Ref) {
	if len(r.messages) >= maxFindings {
		r.left++
		return
	}
	r.messages = append(r.messages, Message{
		Name: r.rule.code, Text: r.rule.name + ": " + cut(text), Error: level == LevelError, Level: level,
		Diagnostic: advice, Documents: docs,
	})
}

// cut keeps long names inside a document from making long messages.
func cut(text string) string {
	const most = 1000
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// full tells that nothing more is listed. Rules ask before they go through
// combinations, whose number nothing else bounds.
func (r *run) full() bool {
	if len(r.messages) < maxFindings {
		return false
	}
	r.cut = true
	return true
}

// finish closes the rule: with a good word when it found no error, even if it
// warned.
func (r *run) finish() []Message {
	if r.left > 0 || r.cut {
		more := strconv.Itoa(r.left) + " more"
		if r.cut {
			more = "more"
		}
		r.messages = append(r.messages, Message{
			Name: r.rule.code, Text: r.rule.name + ": " + more + " findings are not listed",
			Error: r.errors > 0, Level: LevelError, Diagnostic: "Correct those above first.",
		})
	}
	if r.errors == 0 {
		r.messages = append(r.messages, Message{
			Name: r.rule.code, Text: r.rule.name + ": Validation successful.", Level: LevelInfo,
		})
	}
	return r.messages
}
