package dryrun

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/engine"
)

// calendars are the business calendars of a run.
type calendars []named

type named struct {
	name string
	*calendar.Calendar
}

// maxCalendar bounds a calendar file, in bytes.
const maxCalendar = 1 << 20

func readCalendars(paths []string) (calendars, error) {
	var all calendars
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("the calendar cannot be read: %w", err)
		}
		if len(src) > maxCalendar {
			return nil, fmt.Errorf("the calendar %s is larger than %d bytes", path, maxCalendar)
		}
		var spec calendar.Spec
		if err := yaml.Unmarshal(src, &spec); err != nil {
			return nil, fmt.Errorf("the calendar %s is no YAML: %w", path, err)
		}
		cal, err := calendar.New(spec, spec.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, named{spec.Name, cal})
	}
	return all, nil
}

// named finds a calendar; the empty name is the first one. Without any calendar all time counts.
func (c calendars) named(name string) (*calendar.Calendar, bool) {
	if len(c) == 0 {
		return nil, true
	}
	for _, n := range c {
		if name == "" || n.name == name {
			return n.Calendar, true
		}
	}
	return nil, false
}

// successor is who gets a late task where nobody knows an organisation.
func successor(e engine.HandOver) string {
	switch {
	case len(e.To) > 0:
		return e.To[0]
	case e.From != "":
		return "superior:" + e.From
	}
	return "superior"
}
