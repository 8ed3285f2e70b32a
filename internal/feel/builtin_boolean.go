package feel

// booleanFunctions: DMN 1.5 section 10.3.4.2, with is (section 10.3.4.8).
var booleanFunctions = map[string][]form{
	"not": {sig("negand: any", func(_ *machine, a []Value) Value {
		if l, ok := a[0].(List); ok && len(l) == 1 {
			return not(l[0])
		}
		return not(a[0])
	})},
	"is": {sig("value1: any, value2: any", func(m *machine, a []Value) Value { return m.same(a[0], a[1]) })},
}

// same reports whether both are the same element of the semantic domain: moments have the same
// parts and the same offset, however that is written.
func (m *machine) same(a, b Value) bool {
	switch a := a.(type) {
	case Time:
		b, ok := b.(Time)
		return ok && a.same(b, a.Zone.usualOffset(), b.Zone.usualOffset())
	case DateTime:
		b, ok := b.(DateTime)
		return ok && a.Date == b.Date && a.Time.same(b.Time, a.Zone.offsetAt(a.Instant()), b.Zone.offsetAt(b.Instant()))
	}
	return kindOf(a) == kindOf(b) && m.equals(a, b) == true
}

func (t Time) same(o Time, tOffset, oOffset int) bool {
	return t.clock() == o.clock() && t.Nano == o.Nano && tOffset == oOffset && t.Zone.IsZero() == o.Zone.IsZero()
}
