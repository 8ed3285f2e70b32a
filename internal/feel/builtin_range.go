package feel

// rangeFunctions: DMN 1.5 section 10.3.4.9.
var rangeFunctions = map[string][]form{
	"range":           {sig("from: string", rangeFrom)},
	"before":          relate(before, points, pointAndRange, rangeAndPoint, ranges),
	"after":           relate(reversed(before), points, pointAndRange, rangeAndPoint, ranges),
	"meets":           relate(meets, ranges),
	"met by":          relate(reversed(meets), ranges),
	"overlaps":        relate(overlaps, ranges),
	"overlaps before": relate(overlapsBefore, ranges),
	"overlaps after":  relate(reversed(overlapsBefore), ranges),
	"finishes":        relate(finishes, pointAndRange, ranges),
	"finished by":     relate(reversed(finishes), rangeAndPoint, ranges),
	"includes":        relate(includes, rangeAndPoint, ranges),
	"during":          relate(reversed(includes), pointAndRange, ranges),
	"starts":          relate(starts, pointAndRange, ranges),
	"started by":      relate(reversed(starts), rangeAndPoint, ranges),
	"coincides":       relate(coincides, points, ranges),
}

// The parameters of the forms.
const (
	points        = "point1: point, point2: point"
	pointAndRange = "point: point, range: range"
	rangeAndPoint = "range: range, point: point"
	ranges        = "range1: range, range2: range"
)

// span is a range, or a point taken for the range from it to itself, to be compared with another.
type span struct {
	low, high             Value
	noLow, noHigh         bool
	lowClosed, highClosed bool
	point                 bool
}

func spanOf(v Value) span {
	if r, ok := v.(*Range); ok {
		return span{r.Low, r.High, r.Low == nil, r.High == nil, r.LowClosed, r.HighClosed, false}
	}
	return span{low: v, high: v, lowClosed: true, highClosed: true, point: true}
}

// relation compares ends; a comparison that is not defined makes the result null.
type relation struct{ undefined bool }

type related func(r *relation, a, b span) bool

func reversed(f related) related {
	return func(r *relation, a, b span) bool { return f(r, b, a) }
}

// relate makes the forms of a function.
func relate(f related, signatures ...string) []form {
	forms := make([]form, len(signatures))
	for i, signature := range signatures {
		forms[i] = sig(signature, func(_ *machine, a []Value) Value {
			r := &relation{}
			holds := f(r, spanOf(a[0]), spanOf(a[1]))
			return orNull(holds, !r.undefined)
		})
	}
	return forms
}

func (r *relation) order(a, b Value) int {
	c, ok := Compare(a, b)
	if !ok {
		r.undefined = true
	}
	return c
}

// lows, highs and endToStart compare ends; an end that is not there is infinitely far.
func (r *relation) lows(a, b span) int {
	if a.noLow || b.noLow {
		return infinite(b.noLow, a.noLow)
	}
	return r.order(a.low, b.low)
}

func (r *relation) highs(a, b span) int {
	if a.noHigh || b.noHigh {
		return infinite(a.noHigh, b.noHigh)
	}
	return r.order(a.high, b.high)
}

func (r *relation) endToStart(a, b span) int {
	if a.noHigh || b.noLow {
		return 1
	}
	return r.order(a.high, b.low)
}

func infinite(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func before(r *relation, a, b span) bool {
	c := r.endToStart(a, b)
	return c < 0 || c == 0 && !(a.highClosed && b.lowClosed)
}

func meets(r *relation, a, b span) bool {
	return a.highClosed && b.lowClosed && r.endToStart(a, b) == 0
}

func overlaps(r *relation, a, b span) bool {
	return !before(r, a, b) && !before(r, b, a)
}

func overlapsBefore(r *relation, a, b span) bool {
	low, high := r.lows(a, b), r.highs(a, b)
	return (low < 0 || low == 0 && a.lowClosed && !b.lowClosed) &&
		!before(r, a, b) &&
		(high < 0 || high == 0 && (!a.highClosed || b.highClosed))
}

func finishes(r *relation, a, b span) bool {
	if a.point {
		return b.highClosed && r.highs(a, b) == 0
	}
	low := r.lows(a, b)
	return r.highs(a, b) == 0 && a.highClosed == b.highClosed &&
		(low > 0 || low == 0 && (!a.lowClosed || b.lowClosed))
}

func starts(r *relation, a, b span) bool {
	if a.point {
		return b.lowClosed && r.lows(a, b) == 0
	}
	high := r.highs(a, b)
	return r.lows(a, b) == 0 && a.lowClosed == b.lowClosed &&
		(high < 0 || high == 0 && (!a.highClosed || b.highClosed))
}

func includes(r *relation, a, b span) bool {
	low, high := r.lows(a, b), r.highs(a, b)
	return (low < 0 || low == 0 && (a.lowClosed || !b.lowClosed)) &&
		(high > 0 || high == 0 && (a.highClosed || !b.highClosed))
}

func coincides(r *relation, a, b span) bool {
	return r.lows(a, b) == 0 && r.highs(a, b) == 0 && a.lowClosed == b.lowClosed && a.highClosed == b.highClosed
}

// rangeFrom reads a range literal.
func rangeFrom(m *machine, a []Value) Value {
	text := a[0].(string)
	m.spend(len(text))
	if r := m.rangeLiteral(text); r != nil {
		return r
	}
	return nil
}
