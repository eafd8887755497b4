// Package bootfiles turns boot actions into what a node fetches: files and
// systemd units, rendered for that node and packed into an archive, and the
// keys that open them. It computes only; where data come from elsewhere, the
// caller lends a function that fetches them.
//
// A template is weighed before it runs and while it runs. The engine asks nobody
// before it evaluates an operator or a list, so a parsed template is rewritten
// (operator.go): each operator, slice, filter, method and test first tells the
// guard what it was given and what it could make of it (weight.go). All values of
// a template have one budget of memory, which is never given back. At each such
// place the guard looks at its deadline and at the context, so that a rendering
// ends when nobody waits for it.
//
// Templates are Jinja2. They come with a site design, that is from outside, and
// run in a sandbox: there is nothing to include or import, loops, text and time
// are bounded, and a template that breaks a bound fails with a sentence instead
// of taking the server down. The bounds also forbid a few things that Jinja2
// itself would allow: recursive loops, blocks and inheritance (there is only
// one template), and repeating a text by a computed number of times.
//
// The engine differs from Python in more places. Where it would give something
// else without a word, it is mended here (filters, methods, conditional
// expressions inside others, the order of mappings) or the template is refused with
// a sentence (chained comparisons, **, text % values). Lists are shared as in Python
// (python.go), and operators take what Python's take. What stays: none prints
// nothing and is no different from what is undefined, tuples that a template writes
// print as lists, and there are no numbers beyond 64 bits.
//
// A boot action's bytes depend on nothing but the arguments of the call:
// archives of equal content are equal byte for byte.
package bootfiles
