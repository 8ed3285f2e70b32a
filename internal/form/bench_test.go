package form

import (
	"os"
	"testing"

	"github.com/paceline/paceline/internal/feel"
)

// A purchase of five lines passes through its form at every step, so this has to be a
// small part of a transition.
func BenchmarkApply(b *testing.B) {
	src, err := os.ReadFile("../../apps/purchase/forms/purchase.json")
	if err != nil {
		b.Fatal(err)
	}
	f, err := Parse(src)
	if err != nil {
		b.Fatal(err)
	}
	var lines feel.List
	for range 5 {
		lines = append(lines, feel.NewContext(feel.Entry{Name: "item", Value: "Chair"},
			feel.Entry{Name: "quantity", Value: feel.Int(4)}, feel.Entry{Name: "price", Value: feel.Int(2500)}))
	}
	s := Submission{Values: feel.Vars{"title": "Chairs", "supplier": "Sample Ltd", "currency": "TWD", "lines": lines}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Apply(s); err != nil {
			b.Fatal(err)
		}
	}
}

// The common step: a form of many fields, one comment written.
func BenchmarkApplyComment(b *testing.B) {
	src, err := os.ReadFile("../../apps/leave/forms/leave.json")
	if err != nil {
		b.Fatal(err)
	}
	f, err := Parse(src)
	if err != nil {
		b.Fatal(err)
	}
	s := Submission{
		Current: feel.Vars{"kind": "annual", "from": "2026-03-09", "to": "2026-03-10", "days": feel.Int(2), "remaining": feel.Int(10), "outcome": "approve"},
		Values:  feel.Vars{"comment": "Have a good time"},
		Rights:  Rights{"request": Read, "superior": Edit, "hr": Hide},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Apply(s); err != nil {
			b.Fatal(err)
		}
	}
}
