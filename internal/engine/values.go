package engine

import (
	"fmt"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// text is a value as text; null is "".
func text(value feel.Value) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case feel.List:
		return strings.Join(texts(value), ", ")
	case *feel.Context:
		return "a context"
	}
	return fmt.Sprint(value)
}

// texts is a list of values, or one text with commas, as a list of texts.
func texts(value feel.Value) []string {
	var all []string
	switch value := value.(type) {
	case nil:
	case feel.List:
		for _, v := range value {
			all = append(all, text(v))
		}
	default:
		for _, part := range strings.Split(text(value), ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// canKeep reports whether a value has a form outside of FEEL: a function has none.
func canKeep(value feel.Value) bool {
	switch v := value.(type) {
	case *feel.Function:
		return false
	case feel.List:
		for _, item := range v {
			if !canKeep(item) {
				return false
			}
		}
	case *feel.Context:
		for i := range v.Len() {
			if !canKeep(v.At(i).Value) {
				return false
			}
		}
	}
	return true
}

func number(n int32) feel.Number { return feel.Int(int64(n)) }

// whole is a value as an integer; text that is one counts, as vendor models write it.
func whole(value feel.Value) (int, error) {
	if s, ok := value.(string); ok {
		if n, ok := feel.ParseNumber(strings.TrimSpace(s)); ok {
			value = n
		}
	}
	if n, ok := value.(feel.Number); ok {
		if i, ok := n.Int64(); ok && i == int64(int32(i)) {
			return int(i), nil
		}
	}
	return 0, fail("%q is no whole number", text(value))
}

// list is a value as a list; null is an empty one.
func list(value feel.Value) (feel.List, error) {
	switch value := value.(type) {
	case nil:
		return nil, fail("it is null, not a list")
	case feel.List:
		return value, nil
	}
	return nil, fail("%q is no list", text(value))
}
