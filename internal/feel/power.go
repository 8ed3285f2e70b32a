package feel

import (
	"math"

	"github.com/cockroachdb/apd/v3"
)

// smallPower is the largest whole exponent that is done by multiplication.
const smallPower = 1 << 20

// power is a ** b: exact by repeated multiplication for whole exponents.
func power(m *machine, a, b Number) Value {
	if b.dec.IsZero() {
		return Int(1)
	}
	if a.dec.IsZero() {
		if b.Sign() < 0 {
			return nil
		}
		return Int(0)
	}
	n, whole := b.Int64()
	if !whole || n > smallPower || n < -smallPower {
		return realPower(m, a, b)
	}
	m.spend(10)
	wide := decimal128.WithPrecision(precision + 10)
	r := Int(1)
	base := a
	for e := max(n, -n); e > 0; e >>= 1 {
		if e&1 == 1 {
			if _, err := wide.Mul(&r.dec, &r.dec, &base.dec); err != nil || r.dec.Form != apd.Finite {
				return powerOverflow(n)
			}
		}
		if e > 1 {
			if _, err := wide.Mul(&base.dec, &base.dec, &base.dec); err != nil || base.dec.Form != apd.Finite {
				return powerOverflow(n)
			}
		}
	}
	if n < 0 {
		return divide(Int(1), r)
	}
	if _, err := decimal128.Round(&r.dec, &r.dec); err != nil {
		return nil
	}
	return finite(r)
}

// powerOverflow: too large is null, and one divided by it is nothing at all.
func powerOverflow(n int64) Value {
	if n < 0 {
		return Int(0)
	}
	return nil
}

// realPower counts its work: it grows with the logarithm of the result.
func realPower(m *machine, a, b Number) Value {
	size := float64(max(a.adjusted(), -a.adjusted()))*math.Abs(b.Float64()) + 1
	m.spend(1000 + 20*int(min(size, 2*maxExponent)))
	return arith((*apd.Context).Pow, a, b)
}
