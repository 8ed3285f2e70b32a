package app

import (
	"errors"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

func loadedSample(t *testing.T, name string) *Loaded {
	t.Helper()
	l, problems := Load(sample(t, name))
	if l == nil {
		t.Fatal(problems)
	}
	return l
}

// The priority of an incident is decided by the table in priority.dmn, inside the transition.
func TestPriorityIsDecided(t *testing.T) {
	def := loadedSample(t, "service-desk").compiled["incident"]
	env := engine.Env{Now: time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)}
	var last engine.ID
	env.NewID = func() engine.ID { last++; return last }
	for _, c := range []struct{ impact, urgency, want string }{
		{"all", "high", "P1"}, {"all", "normal", "P2"}, {"team", "high", "P2"}, {"one", "high", "P3"}, {"team", "normal", "P3"},
		{"all", "low", "P3"}, {"one", "normal", "P4"}, {"team", "low", "P4"},
	} {
		st, effects, err := engine.Step(def, nil, engine.Start{Instance: 1, Vars: feel.Vars{"impact": c.impact, "urgency": c.urgency}}, env)
		if err != nil {
			t.Fatal(err)
		}
		triage := opened(effects, "triage")
		st, effects, err = engine.Step(def, st, engine.TaskCompleted{Task: triage.Task, Outcome: "accept"}, env)
		if err != nil {
			t.Fatal(err)
		}
		solve := opened(effects, "resolve")
		if solve == nil || st.Vars()["priority"] != c.want {
			t.Errorf("impact %s, urgency %s: priority %v, want %s; effects %v", c.impact, c.urgency, st.Vars()["priority"], c.want, effects)
			continue
		}
		if c.want == "P1" && !solve.Due.Equal(env.Now.Add(4*time.Hour)) {
			t.Errorf("P1 is due %v", solve.Due)
		}
	}
}

func opened(effects []engine.Effect, element string) *engine.OpenTask {
	for _, e := range effects {
		if open, ok := e.(engine.OpenTask); ok && open.Node.ID == element {
			return &open
		}
	}
	return nil
}

func TestLeaveCountsWorkingDays(t *testing.T) {
	f := loadedSample(t, "leave").Form("leave")
	for _, c := range []struct {
		from, to string
		want     feel.Value
	}{
		{"2026-03-09", "2026-03-09", feel.Int(1)},  // Monday
		{"2026-03-06", "2026-03-10", feel.Int(3)},  // Friday to Tuesday
		{"2026-03-07", "2026-03-08", feel.Int(0)},  // a weekend
		{"2026-03-09", "2026-03-20", feel.Int(10)}, // two weeks
	} {
		changed, err := f.Apply(form.Submission{Values: feel.Vars{"kind": "annual", "from": c.from, "to": c.to}})
		if err != nil || !feel.Equal(changed["days"], c.want) {
			t.Errorf("%s to %s: %s days, error %v; want %s", c.from, c.to, feel.String(changed["days"]), err, feel.String(c.want))
		}
	}
	if _, err := f.Apply(form.Submission{Values: feel.Vars{"kind": "sick", "from": "2026-03-09", "to": "2026-03-09"}}); !named(err, "reason", form.RuleRequired) {
		t.Errorf("error %v; sick leave needs a reason", err)
	}
}

func TestPurchaseAddsUp(t *testing.T) {
	f := loadedSample(t, "purchase").Form("purchase")
	line := func(item string, quantity int64, price string) feel.Value {
		p, _ := feel.ParseNumber(price)
		return feel.NewContext(feel.Entry{Name: "item", Value: item}, feel.Entry{Name: "quantity", Value: feel.Int(quantity)}, feel.Entry{Name: "price", Value: p})
	}
	sent := feel.Vars{"title": "Chairs", "supplier": "Sample Ltd", "currency": "TWD", "lines": feel.List{line("Chair", 4, "2500.50"), line("Table", 1, "8000")}}
	changed, err := f.Apply(form.Submission{Values: sent})
	if want := feel.Int(18002); err != nil || !feel.Equal(changed["total"], want) {
		t.Errorf("total %s, error %v", feel.String(changed["total"]), err)
	}
	sent["lines"] = feel.List{line("Machine", 1, "900000")}
	if _, err := f.Apply(form.Submission{Values: sent}); !named(err, "reason", form.RuleRequired) {
		t.Errorf("error %v; a large amount needs a reason", err)
	}
	sent["lines"] = feel.List{}
	if _, err := f.Apply(form.Submission{Values: sent}); !named(err, "lines", form.RuleMinItems) {
		t.Errorf("error %v; a purchase without lines is none", err)
	}
}

func named(err error, place, rule string) bool {
	var e *errs.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, d := range e.Details {
		if d.Place == place && d.Rule == rule {
			return true
		}
	}
	return false
}
