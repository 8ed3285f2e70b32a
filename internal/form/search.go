package form

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// SearchType says how a searchable field compares and sorts.
type SearchType string

const (
	SearchText   SearchType = "string"
	SearchNumber SearchType = "number"
	SearchTime   SearchType = "time"
)

// SearchField is a field that tickets can be found by.
type SearchField struct {
	Path string     `json:"path"`
	Type SearchType `json:"type"`
}

// SearchValue is the value of a searchable field, ready for a row.
type SearchValue struct {
	SearchField
	Present bool // false: the field has no value, or one of another type
	// Text of a SearchText field, at most 200 characters; several values (a checklist,
	// a column of a list) are joined by a comma.
	Text string
	// Number of a SearchNumber field in ten-thousandths, at the ends of int64 beyond its
	// range; of a SearchTime field in microseconds since 1970 UTC.
	Number int64
}

// maxSearchText is the length of a text that search looks at.
const maxSearchText = 200

// SearchFields are the fields that the form says can be searched.
func (f *Form) SearchFields() []SearchField {
	var fields []SearchField
	for _, c := range f.fields {
		if c.Searchable && f.byPath[c.Path] == c {
			fields = append(fields, SearchField{c.Path, c.SearchType()})
		}
	}
	return fields
}

// SearchType is how the component's values would be searched; empty for components
// without a value or with rows.
func (c *Component) SearchType() SearchType {
	switch {
	case !shapes[c.Type].searchable:
		return ""
	case c.Type == Number && c.list() == nil:
		return SearchNumber
	case c.Type == Datetime && c.Subtype != "time" && c.list() == nil:
		return SearchTime
	}
	return SearchText // columns of a list too: their values are joined
}

// Search takes the values of searchable fields out of variables: one for each field, in
// their order.
func Search(fields []SearchField, vars feel.Vars) []SearchValue {
	found := make([]SearchValue, len(fields))
	for i, field := range fields {
		keys := strings.Split(field.Path, ".")
		found[i] = SearchValue{SearchField: field}
		found[i].take(vars[keys[0]], keys[1:])
	}
	return found
}

func (sv *SearchValue) take(v feel.Value, keys []string) {
	if sv.Type == SearchText {
		var texts []string
		size := 0
		words(v, keys, func(s string) bool {
			texts = append(texts, s)
			size += len(s)
			return size < 4*maxSearchText
		})
		sv.Text = strings.TrimSpace(strings.Join(texts, ", "))
		if r := []rune(sv.Text); len(r) > maxSearchText {
			sv.Text = strings.TrimSpace(string(r[:maxSearchText]))
		}
		sv.Present = sv.Text != ""
		return
	}
	v, _ = find(v, keys)
	switch n, isNumber := v.(feel.Number); {
	case sv.Type == SearchNumber && isNumber:
		sv.Number, sv.Present = TenThousandths(n), true
	case sv.Type == SearchNumber:
		s, _ := v.(string)
		n, sv.Present = feel.ParseNumber(s)
		sv.Number = TenThousandths(n)
	default:
		s, _ := text(v)
		var t time.Time
		if t, sv.Present = instant(s); sv.Present {
			sv.Number = t.UnixMicro()
		}
	}
}

// words follows a path through records and into every row of a list, and gives the texts
// at its end while more says so.
func words(v feel.Value, keys []string, more func(string) bool) bool {
	switch v := v.(type) {
	case feel.List:
		for _, member := range v {
			if !words(member, keys, more) {
				return false
			}
		}
		return true
	case *feel.Context:
		if len(keys) == 0 {
			return true
		}
		inner, _ := v.Get(keys[0])
		return words(inner, keys[1:], more)
	case bool:
		return len(keys) > 0 || more(strconv.FormatBool(v))
	}
	s, ok := text(v)
	return !ok || s == "" || len(keys) > 0 || more(s)
}

// TenThousandths is how a number is kept for search: exact to four digits after the
// point. A search for a number compares with the same.
func TenThousandths(n feel.Number) int64 {
	const scale = 10_000
	whole, ok := n.Int64()
	if ok && whole <= math.MaxInt64/scale && whole >= math.MinInt64/scale {
		return whole * scale
	}
	switch f := n.Float64() * scale; {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	default:
		return int64(math.Round(f))
	}
}

// instant reads a date as its first moment in UTC, and a date and time without a zone as UTC.
func instant(s string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
