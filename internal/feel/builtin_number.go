package feel

import "github.com/cockroachdb/apd/v3"

// Bounds of a scale: the exponents of decimal128.
const (
	minScale = -6111
	maxScale = 6176
)

// numberFunctions: DMN 1.5 section 10.3.4.5.
var numberFunctions = map[string][]form{
	"decimal":         rounding(apd.RoundHalfEven, false),
	"floor":           rounding(apd.RoundFloor, true),
	"ceiling":         rounding(apd.RoundCeiling, true),
	"round up":        rounding(apd.RoundUp, false),
	"round down":      rounding(apd.RoundDown, false),
	"round half up":   rounding(apd.RoundHalfUp, false),
	"round half down": rounding(apd.RoundHalfDown, false),
	"abs": {
		sig("n: number", func(_ *machine, a []Value) Value { return absolute(a[0]) }),
		sig("n: months", func(_ *machine, a []Value) Value { return absolute(a[0]) }),
		sig("n: duration", func(_ *machine, a []Value) Value { return absolute(a[0]) }),
	},
	"modulo": {sig("dividend: number, divisor: number", modulo)},
	"sqrt":   {sig("number: number", func(_ *machine, a []Value) Value { return root(a[0]) })},
	"log":    {sig("number: number", logarithm)},
	"exp":    {sig("number: number", exponential)},
	"odd":    {sig("number: number", parity(1))},
	"even":   {sig("number: number", parity(0))},
}

// rounding is a function of a number and a scale, the number of digits after the point.
func rounding(how apd.Rounder, optional bool) []form {
	c := decimal128
	c.Rounding = how
	c.Precision = precision + maxScale
	scale := "n: number, scale: number"
	if optional {
		scale += "?"
	}
	return []form{sig(scale, func(_ *machine, a []Value) Value {
		n := a[0].(Number)
		var scale int64
		if s, given := a[1].(Number); given {
			var ok bool
			if scale, ok = s.truncated(); !ok || scale < minScale || scale > maxScale {
				return nil
			}
		}
		return roundTo(&c, n, int32(scale))
	})}
}

// roundTo does not lengthen a number that has fewer digits than the scale allows.
func roundTo(c *apd.Context, n Number, scale int32) Value {
	if n.dec.Exponent >= -scale {
		return n
	}
	var r Number
	if _, err := c.Quantize(&r.dec, &n.dec, -scale); err != nil || r.dec.Form != apd.Finite {
		return nil
	}
	if r.dec.IsZero() {
		return Int(0)
	}
	if r.dec.Exponent > 0 {
		return unscaled(r)
	}
	return r
}

// unscaled writes 12E2 as 1200 while that is exact.
func unscaled(n Number) Number {
	var r Number
	if _, err := decimal128.Quantize(&r.dec, &n.dec, 0); err != nil || r.dec.Form != apd.Finite {
		return n
	}
	return r
}

func absolute(v Value) Value {
	switch v := v.(type) {
	case Number:
		v.dec.Negative = false
		return v
	case MonthDuration:
		return max(v, -v)
	case Duration:
		return v.abs()
	}
	return nil
}

// modulo has the sign of the divisor: dividend - divisor * floor(dividend / divisor).
func modulo(_ *machine, a []Value) Value {
	x, y := a[0].(Number), a[1].(Number)
	if y.dec.IsZero() {
		return nil
	}
	wide := decimal128.WithPrecision(maxDigits + 2*precision)
	var r Number
	if _, err := wide.Rem(&r.dec, &x.dec, &y.dec); err != nil || r.dec.Form != apd.Finite {
		return nil
	}
	if r.Sign() != 0 && r.Sign() != y.Sign() {
		return plus(r, y)
	}
	if r.dec.IsZero() {
		return Int(0)
	}
	return r
}

func logarithm(m *machine, a []Value) Value {
	n := a[0].(Number)
	if n.Sign() <= 0 {
		return nil
	}
	m.spend(500)
	return transcendental((*apd.Context).Ln, n)
}

// exponential counts its work, which grows with the argument.
func exponential(m *machine, a []Value) Value {
	const most = 15_000 // e to this power is out of range
	n := a[0].(Number)
	if n.Cmp(Int(most)) > 0 {
		return nil
	}
	if n.Cmp(Int(-most)) < 0 {
		return Int(0)
	}
	size, _ := n.truncated()
	m.spend(200 + 10*int(max(size, -size)))
	return transcendental((*apd.Context).Exp, n)
}

func transcendental(f func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error), n Number) Value {
	var r Number
	if _, err := f(&decimal128, &r.dec, &n.dec); err != nil || r.dec.Form != apd.Finite {
		return nil
	}
	return trimmed(r, 0)
}

// parity: a number with a positive exponent is a multiple of ten.
func parity(rest int64) func(*machine, []Value) Value {
	return func(m *machine, a []Value) Value {
		n := a[0].(Number)
		if !n.isInt() {
			return false
		}
		if n.dec.Exponent > 0 {
			return rest == 0
		}
		r, ok := modulo(m, []Value{n, Int(2)}).(Number)
		return ok && r.Cmp(Int(rest)) == 0
	}
}
