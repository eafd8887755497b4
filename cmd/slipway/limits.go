package main

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// bounds is what a setting's tags min and max allow: a number, a time, or each
// element of a list or map of them.
type bounds struct{ min, max string } // empty: no bound

func boundsOf(flag *kong.Flag) bounds { return bounds{flag.Tag.Get("min"), flag.Tag.Get("max")} }

// String says what is allowed, empty when everything is.
func (b bounds) String() string {
	switch {
	case b.max != "":
		return b.min + " to " + b.max
	case b.min != "":
		return "at least " + b.min
	}
	return ""
}

// allow reports whether a value is within the bounds.
func (b bounds) allow(v reflect.Value) (bool, error) {
	low, err := number(b.min, v.Type())
	if err != nil {
		return false, err
	}
	got, _ := number(fmt.Sprint(v.Interface()), v.Type())
	if math.IsNaN(got) || math.IsInf(got, 0) || got < low {
		return false, nil
	}
	if b.max == "" {
		return true, nil
	}
	high, err := number(b.max, v.Type())
	return got <= high, err
}

// number reads a bound in the unit of the setting's type.
func number(text string, of reflect.Type) (float64, error) {
	if of == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		return float64(d), err
	}
	return strconv.ParseFloat(text, 64)
}

// longest is the most that a time may be: a sum of two must still be one.
const longest = 100 * 365 * 24 * time.Hour

// Validate refuses numbers and times that are out of their bounds, all of them
// at once.
func (c *cli) Validate(k *kong.Context) error {
	var errs []error
	for _, flag := range k.Flags() {
		b := boundsOf(flag)
		if b == (bounds{}) {
			continue
		}
		for _, v := range elements(flag.Target) {
			if d, is := v.Interface().(time.Duration); is && d > longest {
				errs = append(errs, fmt.Errorf("--%s is %v; it must be at most %v", flag.Name, d, longest))
				continue
			}
			if good, err := b.allow(v); err != nil {
				errs = append(errs, fmt.Errorf("the bounds of --%s: %w", flag.Name, err))
			} else if !good {
				errs = append(errs, fmt.Errorf("--%s is %v; it must be %s", flag.Name, v.Interface(), b))
			}
		}
	}
	return errors.Join(errs...)
}

// elements are the values of a list or a map, or the one value there is.
func elements(v reflect.Value) []reflect.Value {
	var all []reflect.Value
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, v.Index(i))
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			all = append(all, entry.Value())
		}
	default:
		all = append(all, v)
	}
	return all
}

// sayBounds adds to the sentence of each setting what is allowed, unless it
// says what anybody would expect.
func sayBounds(k *kong.Kong) error {
	eachFlag(k.Model.Node, func(flag *kong.Flag) {
		b := boundsOf(flag)
		if b.max == "" && (b.min == "" || b.min == "0" || b.min == "0s" || b.min == "1") {
			return
		}
		allowed := b.String()
		flag.Help += " " + strings.ToUpper(allowed[:1]) + allowed[1:] + "."
	})
	return nil
}

// eachFlag visits the flags of a command and of those below it.
func eachFlag(node *kong.Node, visit func(*kong.Flag)) {
	for _, flag := range node.Flags {
		visit(flag)
	}
	for _, child := range node.Children {
		eachFlag(child, visit)
	}
}
