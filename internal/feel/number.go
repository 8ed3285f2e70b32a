package feel

import (
	"math"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Number is a decimal of 34 digits, as IEEE 754 decimal128 has them (DMN 1.5 section
// 10.3.2.3.1). It has no infinities and no NaN: an operation that would give one is null.
// A Number read from text keeps all digits of the text; arithmetic rounds half to even.
type Number struct {
	dec apd.Decimal
}

const (
	precision   = 34
	maxExponent = 6144
	minExponent = -6143
	maxDigits   = 1000 // of a number read from text
	plainDigits = 60   // longer ones are written with an exponent
)

var decimal128 = apd.Context{
	Precision:   precision,
	MaxExponent: maxExponent,
	MinExponent: minExponent,
	Rounding:    apd.RoundHalfEven,
}

// Int makes a Number of an integer.
func Int(i int64) Number {
	var n Number
	n.dec.SetInt64(i)
	return n
}

// ParseNumber reads [-]digits[.digits][e[+-]digits]. It reports false for other text and
// for numbers outside the range of decimal128.
func ParseNumber(s string) (Number, bool) {
	var n Number
	if len(s) > maxDigits || !numberShape(s) {
		return n, false
	}
	if _, _, err := n.dec.SetString(s); err != nil || n.dec.Form != apd.Finite {
		return Number{}, false
	}
	return n, n.inRange()
}

// numberShape keeps out what apd accepts and FEEL does not: NaN, Infinity, hex.
func numberShape(s string) bool {
	s = strings.TrimPrefix(s, "-")
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	if !digits(whole) || !digits(fraction) || whole+fraction == "" || hasPoint && fraction == "" {
		return false
	}
	if !hasExponent {
		return true
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return exponent != "" && len(exponent) < 7 && digits(exponent)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (n Number) inRange() bool {
	return n.dec.IsZero() || n.adjusted() <= maxExponent && n.adjusted() >= minExponent-precision
}

// String writes the number with all its digits, without an exponent unless it is very
// large or very small.
func (n Number) String() string {
	if n.dec.IsZero() {
		return "0"
	}
	if n.adjusted() >= plainDigits || n.dec.Exponent < -plainDigits {
		return n.dec.Text('E')
	}
	return n.dec.Text('f')
}

// Int64 is the number as an integer, false when it has a fraction or does not fit.
func (n Number) Int64() (int64, bool) {
	if n.dec.Exponent == 0 && n.dec.Coeff.IsInt64() {
		i := n.dec.Coeff.Int64()
		if n.dec.Negative {
			i = -i
		}
		return i, true
	}
	if n.dec.Exponent > 20 && !n.dec.IsZero() {
		return 0, false
	}
	i, err := n.dec.Int64()
	return i, err == nil
}

// Float64 is the nearest binary number.
func (n Number) Float64() float64 {
	f, err := n.dec.Float64()
	if err != nil {
		return math.NaN()
	}
	return f
}

// Cmp is -1, 0 or 1.
func (n Number) Cmp(o Number) int { return n.dec.Cmp(&o.dec) }

// Sign is -1, 0 or 1.
func (n Number) Sign() int { return n.dec.Sign() }

func (n Number) isInt() bool {
	if n.dec.Exponent >= 0 {
		return true
	}
	var whole, fraction apd.Decimal
	n.dec.Modf(&whole, &fraction)
	return fraction.IsZero()
}

// decimalOp is an operation of the decimal128 context on two numbers.
type decimalOp func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)

// small is the coefficient with its sign, when it is far from overflow.
func (n *Number) small() (int64, bool) {
	if !n.dec.Coeff.IsInt64() || n.dec.Exponent > 100 || n.dec.Exponent < -100 {
		return 0, false
	}
	i := n.dec.Coeff.Int64()
	if n.dec.Negative {
		i = -i
	}
	return i, i < 1<<62 && i > -1<<62
}

func ofSmall(coefficient int64, exponent int32) Number {
	var n Number
	n.dec.SetFinite(coefficient, exponent)
	return n
}

// plus and times are the frequent operations; what fits takes the short way.
func plus(a, b Number) Value {
	if x, ok := a.small(); ok && a.dec.Exponent == b.dec.Exponent {
		if y, ok := b.small(); ok {
			return ofSmall(x+y, a.dec.Exponent)
		}
	}
	return sumOf(a, b)
}

// sumOf leaves out what is too small to change the sum: aligning the exponents of far numbers is slow.
func sumOf(a, b Number) Value {
	a, b = a.rounded(), b.rounded()
	aLarger := a.adjusted()-b.adjusted() > 3*precision
	bLarger := b.adjusted()-a.adjusted() > 3*precision
	switch {
	case aLarger && !a.dec.IsZero(), bLarger && b.dec.IsZero():
		return a
	case aLarger || bLarger:
		return b
	}
	return arith((*apd.Context).Add, a, b)
}

// adjusted is the exponent of the first digit.
func (n *Number) adjusted() int64 { return int64(n.dec.Exponent) + n.dec.NumDigits() - 1 }

// rounded has at most the digits of decimal128; one read from text may have more.
func (n Number) rounded() Number {
	if n.dec.NumDigits() <= precision {
		return n
	}
	var r Number
	if _, err := decimal128.Round(&r.dec, &n.dec); err != nil || r.dec.Form != apd.Finite {
		return n
	}
	return r
}

func times(a, b Number) Value {
	const half = 1 << 31
	if x, ok := a.small(); ok && x < half && x > -half {
		if y, ok := b.small(); ok && y < half && y > -half {
			return ofSmall(x*y, a.dec.Exponent+b.dec.Exponent)
		}
	}
	return arith((*apd.Context).Mul, a, b)
}

// arith applies op; what is not finite is null.
func arith(op decimalOp, a, b Number) Value {
	var r Number
	if _, err := op(&decimal128, &r.dec, &a.dec, &b.dec); err != nil {
		return nil
	}
	return finite(r)
}

func finite(n Number) Value {
	if n.dec.Form != apd.Finite {
		return nil
	}
	return n
}

func negate(n Number) Number {
	if !n.dec.IsZero() {
		n.dec.Negative = !n.dec.Negative
	}
	return n
}

func divide(a, b Number) Value {
	if b.dec.IsZero() {
		return nil
	}
	v := arith((*apd.Context).Quo, a, b)
	if n, ok := v.(Number); ok {
		return trimmed(n, ideal(a, b))
	}
	return v
}

// ideal is the exponent decimal division prefers: it drops the zeros that only the precision put there.
func ideal(a, b Number) int32 { return a.dec.Exponent - b.dec.Exponent }

func trimmed(n Number, exponent int32) Number {
	if n.dec.Exponent >= exponent {
		return n
	}
	var r Number
	r.dec.Reduce(&n.dec)
	if r.dec.Exponent > exponent {
		var back Number
		if _, err := decimal128.Quantize(&back.dec, &r.dec, exponent); err == nil && back.dec.Form == apd.Finite {
			return back
		}
	}
	return r
}
