package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paceline/paceline/client"
)

type scheduleCmd struct {
	List    scheduleListCmd    `cmd:"" help:"List the schedules and when they are due next."`
	Show    scheduleShowCmd    `cmd:"" help:"Show the last due times of a schedule and what came of them."`
	Put     schedulePutCmd     `cmd:"" help:"Make a schedule, or change one."`
	Preview schedulePreviewCmd `cmd:"" help:"Say when a schedule would be due."`
	Pause   schedulePauseCmd   `cmd:"" help:"Stop a schedule."`
	Resume  scheduleResumeCmd  `cmd:"" help:"Let a schedule go on."`
	Run     scheduleRunCmd     `cmd:"" help:"Make a schedule due now."`
	Delete  scheduleDeleteCmd  `cmd:"" help:"Take a schedule away."`
}

type scheduleListCmd struct{}

// Run lists.
func (scheduleListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	list, err := c.Schedules(ctx)
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"SCHEDULE", "CYCLE", "NEXT", "STATE"}
		for _, s := range list {
			t.add(s.Name, s.Cycle, when(s.Next), scheduleState(s))
		}
	})
}

func scheduleState(s client.Schedule) string {
	switch {
	case s.Paused:
		return "paused"
	case s.Next.IsZero():
		return "over"
	}
	return "on"
}

// scheduleOne is a command about one schedule that answers with how it is now.
func scheduleOne(con *console, do func(*client.Client) (client.Schedule, error)) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	s, err := do(c)
	if err != nil {
		return err
	}
	return con.print(s, func(t *table) {
		cells := []string{"schedule " + s.Name, scheduleState(s)}
		if !s.Next.IsZero() {
			cells = append(cells, "next "+when(s.Next))
		}
		t.add(cells...)
	})
}

type scheduleShowCmd struct {
	Name string `arg:""`
}

// Run shows the last due times.
func (s scheduleShowCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	runs, err := c.ScheduleRuns(ctx, s.Name)
	if err != nil {
		return err
	}
	return con.print(runs, func(t *table) {
		t.head = []string{"DUE", "STATE", "TICKET", "REASON"}
		for _, r := range runs {
			t.add(when(r.Due), r.State, r.Ticket, r.Reason)
		}
	})
}

type schedulePutCmd struct {
	File string `arg:"" help:"A YAML file, or - for standard input."`
	Name string `help:"Another name than the file's."`
}

// Run makes a schedule.
func (p schedulePutCmd) Run(ctx context.Context, con *console) error {
	name, spec, err := readSpec(con, p.File, p.Name)
	if err != nil {
		return err
	}
	return scheduleOne(con, func(c *client.Client) (client.Schedule, error) { return c.PutSchedule(ctx, name, spec) })
}

type schedulePreviewCmd struct {
	File  string `arg:"" help:"A YAML file, or - for standard input."`
	Name  string `help:"Another name than the file's."`
	Count int    `default:"10" help:"How many due times."`
}

// Run says when it would be due.
func (p schedulePreviewCmd) Run(ctx context.Context, con *console) error {
	_, spec, err := readSpec(con, p.File, p.Name)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	due, err := c.PreviewSchedule(ctx, spec, p.Count)
	if err != nil {
		return err
	}
	return con.print(due, func(t *table) {
		for _, at := range due {
			t.add(at.Format(time.RFC3339))
		}
	})
}

type schedulePauseCmd struct {
	Name string `arg:""`
}

// Run stops it.
func (p schedulePauseCmd) Run(ctx context.Context, con *console) error {
	return scheduleOne(con, func(c *client.Client) (client.Schedule, error) { return c.PauseSchedule(ctx, p.Name) })
}

type scheduleResumeCmd struct {
	Name string `arg:""`
}

// Run lets it go on.
func (r scheduleResumeCmd) Run(ctx context.Context, con *console) error {
	return scheduleOne(con, func(c *client.Client) (client.Schedule, error) { return c.ResumeSchedule(ctx, r.Name) })
}

type scheduleDeleteCmd struct {
	Name string `arg:""`
}

// Run takes it away.
func (d scheduleDeleteCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	s, err := c.DeleteSchedule(ctx, d.Name)
	if err != nil {
		return err
	}
	return con.print(s, func(t *table) { t.add("schedule "+s.Name, "deleted") })
}

type scheduleRunCmd struct {
	Name string `arg:""`
}

// Run makes it due.
func (r scheduleRunCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	run, err := c.RunSchedule(ctx, r.Name)
	if err != nil {
		return err
	}
	return con.print(run, func(t *table) { t.add("schedule "+r.Name, "due", when(run.Due)) })
}

// plain is a value as maps and lists, for YAML with the names of JSON.
func plain(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil
	}
	return out
}

// dated writes the dates that YAML reads by itself as the text that they were.
func dated(v any) any {
	switch v := v.(type) {
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339)
	case map[string]any:
		for name, item := range v {
			v[name] = dated(item)
		}
	case []any:
		for i, item := range v {
			v[i] = dated(item)
		}
	}
	return v
}
