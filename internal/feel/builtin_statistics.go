package feel

import (
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// extreme is min (-1) or max (1): null when the items are not of one ordered kind.
func extreme(direction int) func(*machine, List) Value {
	return func(m *machine, l List) Value {
		if len(l) == 0 {
			return nil
		}
		best := l[0]
		for _, v := range l {
			c, ok := m.order(v, best)
			if !ok {
				return nil
			}
			if c == direction {
				best = v
			}
		}
		return best
	}
}

// numberList is nil unless there are items and all are numbers.
func numberList(l List) []Number {
	ns := make([]Number, len(l))
	for i, v := range l {
		n, ok := v.(Number)
		if !ok {
			return nil
		}
		ns[i] = n
	}
	return ns
}

// total is the sum of numbers, or of durations of one kind.
func total(m *machine, l List) Value {
	if len(l) == 0 {
		return nil
	}
	sum := l[0]
	switch sum.(type) {
	case Number, MonthDuration, Duration:
	default:
		return nil
	}
	for _, v := range l[1:] {
		if kindOf(v) != kindOf(sum) {
			return nil
		}
		if sum = m.add(sum, v); sum == nil {
			return nil
		}
	}
	return sum
}

func mean(m *machine, l List) Value {
	return quotient(total(m, l), Int(int64(len(l))))
}

func productOf(_ *machine, l List) Value {
	ns := numberList(l)
	if len(ns) == 0 {
		return nil
	}
	var p Value = Int(1)
	for _, n := range ns {
		if p = multiply(p, n); p == nil {
			return nil
		}
	}
	return p
}

// median is the item in the middle, or the mean of the two there.
func median(_ *machine, l List) Value {
	ns := numberList(l)
	if len(ns) == 0 {
		return nil
	}
	slices.SortFunc(ns, Number.Cmp)
	middle := len(ns) / 2
	if len(ns)%2 == 1 {
		return ns[middle]
	}
	return quotient(plus(ns[middle-1], ns[middle]), Int(2))
}

// deviation is the standard deviation of a sample, which has at least two numbers.
func deviation(m *machine, l List) Value {
	ns := numberList(l)
	if len(ns) < 2 {
		return nil
	}
	average, ok := mean(m, l).(Number)
	if !ok {
		return nil
	}
	var squares Value = Int(0)
	for _, n := range ns {
		distance := subtract(n, average)
		squares = m.add(squares, multiply(distance, distance))
	}
	return root(quotient(squares, Int(int64(len(ns)-1))))
}

func root(v Value) Value {
	n, ok := v.(Number)
	if !ok || n.Sign() < 0 {
		return nil
	}
	var r Number
	if _, err := decimal128.Sqrt(&r.dec, &n.dec); err != nil {
		return nil
	}
	if r.dec.Form != apd.Finite {
		return nil
	}
	return trimmed(r, min(0, n.dec.Exponent/2))
}

// mode is the list of the most frequent numbers, in ascending order.
func mode(_ *machine, l List) Value {
	ns := numberList(l)
	if ns == nil {
		return nil
	}
	slices.SortFunc(ns, Number.Cmp)
	modes, most := List{}, 0
	for i := 0; i < len(ns); {
		j := i
		for j < len(ns) && ns[j].Cmp(ns[i]) == 0 {
			j++
		}
		if j-i > most {
			modes, most = List{}, j-i
		}
		if j-i == most {
			modes = append(modes, ns[i])
		}
		i = j
	}
	return modes
}
