// Package design reads site designs, compiles their effective model and
// validates them. It is plain computation: text and limits go in, values and
// messages come out. Fetching a design, storing it and giving its answers a
// wire shape are the business of the lab area; deciding which nodes a boot
// action's filter selects is asked of a function (see Selector), so that this
// package knows nothing of filters.
//
// A design is a stream of YAML documents in one of two forms, which may be
// mixed: the rendered-document form (schema, metadata, data) and the older one
// (apiVersion, kind, metadata, spec). Drydock reads either form through its own
// plug-in and checks schemas only in the first (ingester/plugins/deckhand.py,
// yaml.py); so does this package. Documents of other systems are skipped.
//
// The way of a design is Parse, Site.Compile, Validate; Check walks all of
// it. Messages carry the codes and rule names of Drydock, whose clients know
// them; several codes name two rules, so a rule is its code and its name.
//
// Where Drydock crashes in the middle of a rule, the finding is reported and
// the remaining rules run. One crash is kept because clients see its text: a
// link whose default network does not exist ends the run with "Error loading
// effective site" (orchestrator/validations/network_trunking_rational.py).
//
// Everything here is a function of its arguments. Validating a design any
// number of times, from any number of goroutines, gives the same answer.
package design
