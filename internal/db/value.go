package db

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/errs"
)

// plain brings a value to one of the four that every driver stores alike: int64,
// string, []byte or nil. So no driver converts, and all refuse the same things.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, int64:
		return v, nil
	case ID:
		return int64(v), nil
	case int:
		return int64(v), nil
	case string:
		return v, checkText(v)
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case bool:
		return oneIf(v), nil
	}
	return plainKind(reflect.ValueOf(v))
}

// plainKind is plain for named types and pointers: a nil pointer is NULL.
func plainKind(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return plain(v.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n <= 1<<63-1 {
			return int64(n), nil
		}
		return nil, errs.New(errs.Invalid, "a number over 63 bits cannot be stored")
	case reflect.Bool:
		return oneIf(v.Bool()), nil
	case reflect.String:
		return v.String(), checkText(v.String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.IsNil() {
				return nil, nil
			}
			return v.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("a value of type %s cannot be stored; times are stored as Micros", v.Type())
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// checkText refuses what one database stores and another does not.
func checkText(s string) error {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return errs.New(errs.Invalid, "text holds a NUL or is not UTF-8")
	}
	return nil
}

// fit brings a value to the form column c stores, or says why it does not fit.
func (c *Column) fit(v any) (any, error) {
	v, err := plain(v)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		if !c.Null && c.Type != Bytes {
			return nil, errs.New(errs.Invalid, "a value is required")
		}
		if !c.Null {
			return []byte{}, nil
		}
		return nil, nil
	case int64:
		switch {
		case c.Type == Int && v != int64(int32(v)), c.Type == Bool && v != 0 && v != 1:
			return nil, errs.New(errs.Invalid, "%d is out of range", v)
		case c.Type == BigInt || c.Type == Int || c.Type == Bool:
			return v, nil
		}
	case string:
		switch {
		case c.Type == Text && len(v) > c.Size && utf8.RuneCountInString(v) > c.Size:
			return nil, errs.New(errs.Invalid, "text is longer than %d characters", c.Size)
		case c.Type == Text || c.Type == Long:
			return v, nil
		}
	case []byte:
		if c.Type == Bytes {
			return v, nil
		}
	}
	return nil, fmt.Errorf("a %T does not fit the column", v)
}

// Micros is the SQL form of a time: microseconds since 1970 UTC. The zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the Go form of Micros; 0 is the zero time.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
