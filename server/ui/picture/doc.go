// Package picture draws what pages show of results: the outcome bar, the strip,
// the matrix, the sparkline, the durations and the timeline. A picture is a value
// of numbers, names and links; it draws itself as inline SVG, names its numbers
// for who cannot see it, and gives them as a table.
//
// Nothing here reads a request, a store or the clock, and equal values are equal
// bytes. A picture has no style attribute and no script, so that it stands under
// the pages' content security policy: widths are attributes of the SVG, colours
// are the classes of picture.css, which the pages' style sheet takes in.
//
// # Red stays red
//
// A picture of which one number is a failure shows a failing mark, however many
// other numbers there are: it has a least size, it is painted after all others and
// never under them, and it is never summed away when many numbers share one place.
// Errors have the same promise beside it. Percent says 100 % only of all.
//
// # Names are other people's
//
// Names come from uploads: they may hold HTML, Japanese, a broken encoding or
// characters that turn the line around. They are written as text, with the last two
// made visible, and a link that leads anywhere but to a page is left out.
package picture
