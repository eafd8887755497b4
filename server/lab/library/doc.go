// Package library gets site designs: it fetches what a reference names, from the
// hosts and the folder that the settings allow or from the designs stored here,
// reads it into its effective form, which it remembers for a while, and keeps an
// encrypted copy for every task, so that a task works on one and the same design
// from its creation to its end.
//
// It knows neither requests nor tasks. What is wrong with a design is told by
// package design; what is wrong with a reference by RefError.
package library
