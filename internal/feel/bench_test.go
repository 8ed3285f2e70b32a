package feel

import "testing"

func BenchmarkEval(b *testing.B) {
	order := NewContext(
		Entry{"total", Int(120)},
		Entry{"state", "open"},
		Entry{"lines", List{
			NewContext(Entry{"price", Int(10)}, Entry{"count", Int(2)}),
			NewContext(Entry{"price", Int(25)}, Entry{"count", Int(4)}),
		}},
	)
	vars := Vars{"amount": Int(1500), "status": "approved", "order": order, "due": Date{2026, 1, 1}, "days": Int(3)}
	for _, bench := range []struct{ name, expr string }{
		{"CompareLiteral", `amount > 1000`},
		{"TextEquals", `status = "approved"`},
		{"Condition", `amount > 1000 and status = "approved" or days <= 2`},
		{"Range", `amount in [1000..2000]`},
		{"Path", `order.total >= 100`},
		{"Arithmetic", `amount * 1.19 + 5`},
		{"Sum", `sum(for l in order.lines return l.price * l.count)`},
		{"Filter", `count(order.lines[price > 10])`},
		{"Function", `starts with(status, "app")`},
		{"Date", `due + duration("P3D") < date("2026-02-01")`},
		{"Context", `{net: amount, tax: net * 0.19, gross: net + tax}.gross`},
	} {
		x, err := Compile(bench.expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v, err := x.Eval(vars); v == nil || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`if amount > 1000 and status = "approved" then sum(order.lines.price) else null`); err != nil {
			b.Fatal(err)
		}
	}
}
