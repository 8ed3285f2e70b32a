package main

import (
	"context"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/errs"
)

type calendarCmd struct {
	List   calendarListCmd   `cmd:"" help:"List the business calendars."`
	Show   calendarShowCmd   `cmd:"" help:"Show a calendar as YAML."`
	Put    calendarPutCmd    `cmd:"" help:"Make a calendar, or a new revision of one."`
	Delete calendarDeleteCmd `cmd:"" help:"Take a calendar away."`
}

type calendarListCmd struct{}

// Run lists.
func (calendarListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.Calendars(ctx)
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"CALENDAR", "REVISION", "ZONE", "DEFAULT", "HOLIDAYS", "CHANGED", "BY"}
		for _, e := range list {
			marked := ""
			if e.Default {
				marked = "yes"
			}
			t.add(e.Name, strconv.FormatInt(e.Revision, 10), e.Zone, marked, strconv.Itoa(len(e.Holidays)), when(e.Changed), e.Author)
		}
	})
}

type calendarShowCmd struct {
	Name     string `arg:""`
	Revision int64  `help:"An earlier one."`
}

// Run shows.
func (s calendarShowCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	e, err := c.Calendar(ctx, s.Name, s.Revision)
	if err != nil {
		return err
	}
	if con.format == "json" {
		return con.json(e)
	}
	enc := yaml.NewEncoder(con.out)
	enc.SetIndent(2)
	return enc.Encode(map[string]any{"name": e.Name, "zone": e.Zone, "week": e.Week, "holidays": plain(e.Holidays), "extra": plain(e.Extra),
		"default": e.Default, "units": e.Units})
}

type calendarPutCmd struct {
	File string `arg:"" help:"A YAML file, or - for standard input."`
	Name string `help:"Another name than the file's."`
}

// Run makes a calendar.
func (p calendarPutCmd) Run(ctx context.Context, con *console) error {
	name, spec, err := readSpec(con, p.File, p.Name)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	e, err := c.PutCalendar(ctx, name, spec)
	if err != nil {
		return err
	}
	return con.print(e, func(t *table) { t.add("calendar "+e.Name, "revision "+strconv.FormatInt(e.Revision, 10)) })
}

type calendarDeleteCmd struct {
	Name string `arg:""`
}

// Run takes one away.
func (d calendarDeleteCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	e, err := c.DeleteCalendar(ctx, d.Name)
	if err != nil {
		return err
	}
	return con.print(e, func(t *table) { t.add("calendar "+e.Name, "deleted") })
}

// readSpec reads a calendar, schedule or webhook as YAML. Its name is its own unless another is given.
func readSpec(con *console, file, name string) (string, map[string]any, error) {
	argument := file
	if file != "-" {
		argument = "@" + file
	}
	text, err := argumentText(con, argument)
	if err != nil {
		return "", nil, err
	}
	var spec map[string]any
	if err := yaml.Unmarshal(text, &spec); err != nil {
		return "", nil, errs.New(errs.Invalid, "%s is no YAML: %w", file, err)
	}
	if own, ok := spec["name"].(string); name == "" && ok {
		name = own
	}
	if name == "" {
		return "", nil, errs.New(errs.Invalid, "%s has no name", file).WithCure("write name: into it, or add --name")
	}
	spec["name"] = name
	return name, dated(spec).(map[string]any), nil
}
