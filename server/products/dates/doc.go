// Package dates reads the date values that SPI clients put into queries
// (start_date, end_date) and writes the two forms in which SPI prints times.
//
// The SPI API reference lists a handful of spellings (20150826T00:00:00,
// 20150914 17:51:31, 20150914 175131 Z) and the list is cut short where it was
// seen, so the grammar here is the complete one of the project's SPI contract,
// section 11:
//
//	value = [SP] date [ sep time ] [ zone ] [SP]
//	date  = YYYY "-" MM "-" DD | YYYYMMDD
//	sep   = "T" | "t" | one or more SP | nothing (after YYYYMMDD, before HHMM or HHMMSS)
//	time  = HH | HH ":" MM [ ":" SS [ frac ] ] | HHMM [ SS [ frac ] ]
//	frac  = ("." | ",") 1 to 9 digits (kept to the microsecond, the rest cut)
//	zone  = { SP } ( "Z" | "z" | "UTC" | "GMT" | ("+"|"-") HH [ [":"] MM ] )
//
// However many blanks stand around a value, they mean nothing.
//
// A value without a zone means UTC. A plus sign that a client forgot to encode
// arrives as a space, so " HH:MM" and " HHMM" directly after the seconds are a
// positive offset.
//
// A value names a span, not an instant: 20150914 is the whole day. A start means
// the first instant of its span and an end the last one, both inclusive and to
// the microsecond, which is how the store keeps time.
//
// Nothing in the grammar is relative to the present, so the package needs no
// clock. Whatever it writes it also reads.
package dates
