package store

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm/schema"
)

// The first and the last time that the database keeps. Times outside of the years
// 0000 to 9999 UTC cannot be written in an answer, and files name them: a row with
// one could be stored and never be read.
var (
	firstMicros = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastMicros  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// Micros is t as the database keeps it: microseconds since 1970 UTC, with
// nanoseconds rounded half to even. What lies outside of the years 0000 to 9999 is
// their first or last microsecond. Where clauses need it.
func Micros(t time.Time) int64 {
	ns := int64(t.Nanosecond())
	us := ns / 1000
	switch rest := ns % 1000; {
	case rest > 500, rest == 500 && us%2 == 1:
		us++
	}
	switch seconds := t.Unix(); {
	case seconds < firstMicros/1_000_000:
		return firstMicros
	case seconds > lastMicros/1_000_000:
		return lastMicros
	default:
		return min(seconds*1_000_000+us, lastMicros)
	}
}

// FromMicros is the inverse of Micros, in UTC.
func FromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// RoundTime is t as it will come back from the database.
func RoundTime(t time.Time) time.Time { return FromMicros(Micros(t)) }

// microsSerializer keeps a time.Time or *time.Time in an integer column. GORM
// would store text on SQLite and a timestamp on PostgreSQL, which compare and
// round differently. Fields carry the tag `gorm:"serializer:micros;type:bigint"`.
type microsSerializer struct{}

func init() {
	schema.RegisterSerializer("micros", microsSerializer{})
	schema.RegisterSerializer("zeronull", zeroNullSerializer{})
}

func (microsSerializer) Scan(ctx context.Context, field *schema.Field, dst reflect.Value, dbValue any) error {
	target := field.ReflectValueOf(ctx, dst)
	if dbValue == nil {
		target.SetZero()
		return nil
	}
	us, ok := dbValue.(int64)
	if !ok {
		return fmt.Errorf("column %s: %T is no time", field.DBName, dbValue)
	}
	t := FromMicros(us)
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.ValueOf(&t))
	} else {
		target.Set(reflect.ValueOf(t))
	}
	return nil
}

func (microsSerializer) Value(_ context.Context, field *schema.Field, _ reflect.Value, value any) (any, error) {
	switch t := value.(type) {
	case time.Time:
		return Micros(t), nil
	case *time.Time:
		if t == nil {
			return nil, nil
		}
		return Micros(*t), nil
	}
	return nil, fmt.Errorf("column %s: %T is no time", field.DBName, value)
}

// zeroNullSerializer keeps an int64 that refers to another row: 0 is NULL.
type zeroNullSerializer struct{}

func (zeroNullSerializer) Scan(ctx context.Context, field *schema.Field, dst reflect.Value, dbValue any) error {
	n, ok := dbValue.(int64)
	if !ok && dbValue != nil {
		return fmt.Errorf("column %s: %T is no number", field.DBName, dbValue)
	}
	field.ReflectValueOf(ctx, dst).SetInt(n)
	return nil
}

func (zeroNullSerializer) Value(_ context.Context, _ *schema.Field, _ reflect.Value, value any) (any, error) {
	if value == int64(0) {
		return nil, nil
	}
	return value, nil
}
