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

// same is equality of the written forms: moments in different zones are not the same one.
func (m *machine) same(a, b Value) bool {
	switch a := a.(type) {
	case Time:
		b, ok := b.(Time)
		return ok && a.clock() == b.clock() && a.Nano == b.Nano && a.Zone.same(b.Zone)
	case DateTime:
		b, ok := b.(DateTime)
		return ok && a.Date == b.Date && m.same(a.Time, b.Time)
	}
	return kindOf(a) == kindOf(b) && m.equals(a, b) == true
}
