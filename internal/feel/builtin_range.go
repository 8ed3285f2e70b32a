package feel

// rangeFunctions: DMN 1.5 section 10.3.4.9. A point is taken for the range from it to itself.
var rangeFunctions = map[string][]form{
	"range":           {sig("from: string", rangeFrom)},
	"before":          relate("point1", "point2", anyPoints, before),
	"after":           relate("point1", "point2", anyPoints, reversed(before)),
	"meets":           relate("range1", "range2", noPoints, meets),
	"met by":          relate("range1", "range2", noPoints, reversed(meets)),
	"overlaps":        relate("range1", "range2", noPoints, overlaps),
	"overlaps before": relate("range1", "range2", noPoints, overlapsBefore),
	"overlaps after":  relate("range1", "range2", noPoints, reversed(overlapsBefore)),
	"finishes":        relate("point", "range", pointFirst, finishes),
	"finished by":     relate("range", "point", pointSecond, reversed(finishes)),
	"includes":        relate("range", "point", pointSecond, includes),
	"during":          relate("point", "range", pointFirst, reversed(includes)),
	"starts":          relate("point", "range", pointFirst, starts),
	"started by":      relate("range", "point", pointSecond, reversed(starts)),
	"coincides":       relate("point1", "point2", samePoints, coincides),
}

// span is a range, or a point, to be compared with another.
type span struct {
	low, high             Value
	noLow, noHigh         bool
	lowClosed, highClosed bool
	point                 bool
}

func spanOf(v Value) (span, bool) {
	if r, ok := v.(*Range); ok {
		return span{r.Low, r.High, r.Low == nil, r.High == nil, r.LowClosed, r.HighClosed, false}, !r.not
	}
	return span{low: v, high: v, lowClosed: true, highClosed: true, point: true}, v != nil
}

// Which of two operands may be points.
func anyPoints(_, _ bool) bool   { return true }
func noPoints(a, b bool) bool    { return !a && !b }
func pointFirst(_, b bool) bool  { return !b }
func pointSecond(a, _ bool) bool { return !a }
func samePoints(a, b bool) bool  { return a == b }

// relation compares ends; a comparison that is not defined makes the result null.
type relation struct{ undefined bool }

type related func(r *relation, a, b span) bool

func reversed(f related) related {
	return func(r *relation, a, b span) bool { return f(r, b, a) }
}

// relate makes the forms of a function: the parameters have other names for points and ranges.
func relate(first, second string, allowed func(a, b bool) bool, f related) []form {
	run := func(_ *machine, a []Value) Value {
		x, ok1 := spanOf(a[0])
		y, ok2 := spanOf(a[1])
		if !ok1 || !ok2 || !allowed(x.point, y.point) {
			return nil
		}
		r := &relation{}
		holds := f(r, x, y)
		return orNull(holds, !r.undefined)
	}
	var forms []form
	seen := map[string]bool{}
	for _, names := range [][2]string{{first, second}, {"point1", "point2"}, {"point", "range"}, {"range", "point"}, {"range1", "range2"}} {
		signature := names[0] + ": any, " + names[1] + ": any"
		if !seen[signature] {
			seen[signature] = true
			forms = append(forms, sig(signature, run))
		}
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
