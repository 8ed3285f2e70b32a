package app

import (
	"errors"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/intake"
)

// extras reads what a bundle has beside forms and processes: calendars, schedules and webhooks. Each is named by its
// file where it says no name.
func (c *checker) extras() {
	for _, file := range c.inFolder("calendars") {
		var spec calendar.Spec
		for _, p := range decodeYAML(file, c.bundle.Files[file], &spec) {
			c.problem(p)
		}
		spec.Name = nameOr(spec.Name, file)
		if _, err := calendar.New(spec, ""); err != nil {
			c.extraProblems(file, err)
		}
		c.loaded.Calendars = append(c.loaded.Calendars, spec)
	}
	for _, file := range c.inFolder("schedules") {
		spec, err := intake.ParseSchedule(c.bundle.Files[file])
		c.extraProblems(file, err)
		c.sets(file, spec.Target)
		c.loaded.Schedules = append(c.loaded.Schedules, spec)
	}
	for _, file := range c.inFolder("hooks") {
		spec, err := intake.ParseHook(c.bundle.Files[file])
		c.extraProblems(file, err)
		c.sets(file, spec.Target)
		c.loaded.Hooks = append(c.loaded.Hooks, spec)
	}
}

func nameOr(name, file string) string {
	if name == "" {
		return stem(file)
	}
	return name
}

// sets checks that a ticket that is opened by itself is of a kind of this app.
func (c *checker) sets(file string, t intake.Target) {
	if t.Ticket == nil || c.broken.manifest {
		return
	}
	if app := t.Ticket.App; app != "" && app != c.loaded.Manifest.ID {
		c.problem(Problem{File: file, Element: "open.app", Rule: "app", Message: "a bundle opens tickets of its own app only", Cure: "Take open.app out."})
	}
	if kind := t.Ticket.Kind; kind != "" && c.loaded.Kind(kind) == nil {
		c.problem(Problem{File: file, Element: "open.kind", Rule: "kind", Message: "the app has no tickets of kind " + clip(kind)})
	}
}

// extraProblems makes problems of what is wrong with a file.
func (c *checker) extraProblems(file string, err error) {
	if err == nil {
		return
	}
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Details) == 0 {
		c.problem(Problem{File: file, Severity: Error, Rule: "yaml", Message: err.Error()})
		return
	}
	for _, d := range e.Details {
		c.problem(Problem{File: file, Element: d.Place, Severity: Error, Rule: d.Rule, Message: d.Message})
	}
}
