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
// parts and the same zone; Z and +00:00 are one zone, Europe/Paris and +01:00 are not.
func (m *machine) same(a, b Value) bool {
	switch a := a.(type) {
	case Time:
		b, ok := b.(Time)
		return ok && a.same(b)
	case DateTime:
		b, ok := b.(DateTime)
		return ok && a.Date == b.Date && a.Time.same(b.Time)
	}
	return kindOf(a) == kindOf(b) && m.equals(a, b) == true
}

func (t Time) same(o Time) bool {
	return t.clock() == o.clock() && t.Nano == o.Nano &&
		t.Zone.name == o.Zone.name && t.Zone.offset == o.Zone.offset && t.Zone.IsZero() == o.Zone.IsZero()
}
