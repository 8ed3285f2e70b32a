package feel

import (
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Compare orders two values of one ordered kind (DMN 1.5 table 51); false for all others,
// and for moments of which only one has a zone.
func Compare(a, b Value) (int, bool) {
	switch a := a.(type) {
	case Number:
		if b, ok := b.(Number); ok {
			return a.Cmp(b), true
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), true
		}
	case Date:
		if b, ok := b.(Date); ok {
			return a.Compare(b), true
		}
	case DateTime:
		if b, ok := b.(DateTime); ok {
			return a.Compare(b)
		}
	case Time:
		if b, ok := b.(Time); ok {
			return a.Compare(b)
		}
	case MonthDuration:
		if b, ok := b.(MonthDuration); ok {
			return sign(int(a - b)), true
		}
	case Duration:
		if b, ok := b.(Duration); ok {
			return a.Compare(b), true
		}
	}
	return 0, false
}

// order is Compare with the work of it counted: strings may be long.
func (m *machine) order(a, b Value) (int, bool) {
	if s, ok := a.(string); ok {
		m.spend(len(s) / bytesPerStep)
	}
	return Compare(a, b)
}

// Equal reports whether FEEL's a = b is true. Values too deep or large to compare are not equal.
func Equal(a, b Value) bool {
	var equal Value
	return bounded(func(m *machine) { equal = m.equals(a, b) }) && Truth(equal)
}

// equals is the operator = (table 48): null only equals null, different kinds give null, and a
// local moment is not equal to one in a zone.
func (m *machine) equals(a, b Value) Value { return m.equalsAt(a, b, 0) }

func (m *machine) equalsAt(a, b Value, depth int) Value {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	switch a := a.(type) {
	case bool:
		if b, ok := b.(bool); ok {
			return a == b
		}
	case List:
		if b, ok := b.(List); ok {
			return m.equalLists(a, b, depth+1)
		}
	case *Context:
		if b, ok := b.(*Context); ok {
			return m.equalContexts(a, b, depth+1)
		}
	case *Range:
		if b, ok := b.(*Range); ok {
			return m.equalRanges(a, b, depth+1)
		}
	case *Function:
		if b, ok := b.(*Function); ok {
			return a == b
		}
	default:
		if c, ok := m.order(a, b); ok {
			return c == 0
		}
		if k := kindOf(a); k == kindOf(b) && k != kNull {
			return false // one with a zone, one without
		}
	}
	return nil
}

func (m *machine) equalLists(a, b List, depth int) Value {
	m.deep(depth)
	if len(a) != len(b) {
		return false
	}
	m.spend(len(a))
	for i := range a {
		if r := m.equalsAt(a[i], b[i], depth); r != true {
			return r
		}
	}
	return true
}

func (m *machine) equalContexts(a, b *Context, depth int) Value {
	m.deep(depth)
	if a.Len() != b.Len() {
		return false
	}
	m.spend(a.Len())
	for _, e := range a.entries {
		other, ok := b.Get(e.Name)
		if !ok {
			return false
		}
		if r := m.equalsAt(e.Value, other, depth); r != true {
			return r
		}
	}
	return true
}

func (m *machine) equalRanges(a, b *Range, depth int) Value {
	m.deep(depth)
	if a.LowClosed != b.LowClosed || a.HighClosed != b.HighClosed || a.Op != b.Op {
		return false
	}
	return both(m.equalsAt(a.Low, b.Low, depth), m.equalsAt(a.High, b.High, depth))
}

// newRange is null when the ends are not of one ordered kind, or not in order. An open end that is
// null does not bound; there is no closed one.
func newRange(low, high Value, lowClosed, highClosed bool) Value {
	if low == nil && (high == nil || lowClosed) || high == nil && highClosed {
		return nil
	}
	if low != nil && high != nil {
		if c, ok := Compare(low, high); !ok || c > 0 {
			return nil
		}
	}
	return &Range{Low: low, High: high, LowClosed: lowClosed, HighClosed: highClosed}
}

// rangeOf is the half range that an operator and a value stand for.
func rangeOf(op string, v Value) Value {
	switch op {
	case "<":
		return &Range{High: v, Op: op}
	case "<=":
		return &Range{High: v, HighClosed: true, Op: op}
	case ">":
		return &Range{Low: v, Op: op}
	case ">=":
		return &Range{Low: v, LowClosed: true, Op: op}
	case "=":
		return &Range{Low: v, High: v, LowClosed: true, HighClosed: true, Op: op}
	}
	return &Range{Low: v, High: v, Op: op}
}

// add is table 53's +. Both operands decide: what is not there is null.
func (m *machine) add(a, b Value) Value {
	if v, ok := numbers(plus, a, b); ok {
		return v
	}
	if s, ok := a.(string); ok {
		if t, ok := b.(string); ok {
			m.bytes(len(s) + len(t))
			return s + t
		}
		return nil
	}
	switch b.(type) {
	case MonthDuration, Duration:
		return shift(a, b)
	}
	switch a.(type) {
	case MonthDuration, Duration:
		return shift(b, a)
	}
	return nil
}

// shift moves a moment, or lengthens a duration, by a duration.
func shift(v, by Value) Value {
	if months, ok := by.(MonthDuration); ok {
		switch v := v.(type) {
		case Date:
			return orNull(v.addMonths(int64(months)))
		case DateTime:
			d, ok := v.Date.addMonths(int64(months))
			return orNull(DateTime{d, v.Time}, ok)
		case MonthDuration:
			return orNull(v+months, v+months <= maxMonths && v+months >= -maxMonths)
		}
		return nil
	}
	d := by.(Duration)
	switch v := v.(type) {
	case Date:
		dt, ok := DateTime{Date: v}.add(d)
		return orNull(dt.Date, ok)
	case DateTime:
		return orNull(v.add(d))
	case Time:
		return v.add(d)
	case Duration:
		s := NewDuration(v.Seconds+d.Seconds, int64(v.Nano+d.Nano))
		return orNull(s, s.inRange())
	}
	return nil
}

// orNull is the value, or null when there is none.
func orNull[T any](v T, ok bool) Value {
	if !ok {
		return nil
	}
	return v
}

// subtract is table 53's -.
func subtract(a, b Value) Value {
	if v, ok := numbers(minus, a, b); ok {
		return v
	}
	switch b := b.(type) {
	case MonthDuration:
		return shift(a, -b)
	case Duration:
		return shift(a, b.neg())
	case Time:
		if a, ok := a.(Time); ok && a.Zone.IsZero() == b.Zone.IsZero() {
			return NewDuration(a.sinceMidnight().Seconds-b.sinceMidnight().Seconds, int64(a.Nano-b.Nano))
		}
		return nil
	}
	x, ok1 := asDateTime(a)
	y, ok2 := asDateTime(b)
	if !ok1 || !ok2 {
		return nil
	}
	return orNull(x.sub(y))
}

// asDateTime takes a date for its first moment in UTC.
func asDateTime(v Value) (DateTime, bool) {
	switch v := v.(type) {
	case DateTime:
		return v, true
	case Date:
		return DateTime{v, Time{Zone: UTC()}}, true
	}
	return DateTime{}, false
}

// multiply is table 54's *.
func multiply(a, b Value) Value {
	if v, ok := numbers(times, a, b); ok {
		return v
	}
	if n, ok := a.(Number); ok {
		return scale(b, n, times)
	}
	if n, ok := b.(Number); ok {
		return scale(a, n, times)
	}
	return nil
}

// quotient is table 54's /.
func quotient(a, b Value) Value {
	n, isNumber := b.(Number)
	switch a := a.(type) {
	case Number:
		if isNumber {
			return divide(a, n)
		}
	case MonthDuration:
		if b, ok := b.(MonthDuration); ok {
			return divide(Int(int64(a)), Int(int64(b)))
		}
	case Duration:
		if b, ok := b.(Duration); ok {
			return divide(a.number(), b.number())
		}
	}
	if !isNumber || n.dec.IsZero() {
		return nil
	}
	return scale(a, n, divide)
}

// scale multiplies or divides a duration by a number; parts of a month, and of a
// nanosecond, are dropped.
func scale(v Value, by Number, op func(a, b Number) Value) Value {
	switch v := v.(type) {
	case MonthDuration:
		n, ok := op(Int(int64(v)), by).(Number)
		if !ok {
			return nil
		}
		months, ok := n.truncated()
		return orNull(MonthDuration(months), ok && months <= maxMonths && months >= -maxMonths)
	case Duration:
		n, ok := op(v.number(), by).(Number)
		if !ok {
			return nil
		}
		return orNull(durationOfNumber(n))
	}
	return nil
}

// number is the duration in seconds.
func (d Duration) number() Number {
	s, nano := Int(d.Seconds), Int(int64(d.Nano))
	if d.Nano == 0 {
		return s
	}
	nano.dec.Exponent = -9
	n, _ := plus(s, nano).(Number)
	return n
}

func durationOfNumber(n Number) (Duration, bool) {
	var whole, fraction apd.Decimal
	n.dec.Modf(&whole, &fraction)
	secs, err := whole.Int64()
	if err != nil || secs > maxSecs || secs < -maxSecs {
		return Duration{}, false
	}
	fraction.Exponent += 9
	nano, ok := Number{fraction}.truncated()
	return NewDuration(secs, nano), ok
}

// truncated is the number without its fraction, false when it does not fit.
func (n Number) truncated() (int64, bool) {
	if n.dec.Exponent > 20 {
		return 0, n.dec.IsZero()
	}
	var whole, fraction apd.Decimal
	n.dec.Modf(&whole, &fraction)
	i, err := whole.Int64()
	return i, err == nil
}
