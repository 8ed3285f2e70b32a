package main

import (
	"context"
	"strconv"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

type incidentCmd struct {
	List  incidentListCmd  `cmd:"" help:"List what cannot go on without a person, by cause."`
	Retry incidentRetryCmd `cmd:"" help:"Do again what incidents have stopped."`
	Skip  incidentSkipCmd  `cmd:"" help:"Go on behind elements that have failed."`
}

type incidentListCmd struct {
	Each    bool   `help:"Each incident, instead of their causes."`
	Ticket  string `help:"Only of this ticket."`
	Element string `help:"Only of this element."`
	Code    string `help:"Only of this BPMN error."`
	Limit   int    `default:"50" help:"How many at most, with --each."`
	After   string `help:"The next of the page before, with --each."`
}

// Run lists causes, or incidents.
func (l incidentListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	filter := client.IncidentFilter{Ticket: l.Ticket, Element: l.Element, Code: l.Code}
	if l.Each {
		return l.each(ctx, con, c, filter)
	}
	groups, err := c.IncidentGroups(ctx, filter)
	if err != nil {
		return err
	}
	return con.print(groups, func(t *table) {
		t.head = []string{"CAUSE", "COUNT", "APP", "ELEMENT", "CODE", "OLDEST", "MESSAGE"}
		for _, g := range groups {
			t.add(g.Cause, strconv.Itoa(g.Count), g.App, g.Element, g.Code, when(g.Oldest), g.Message)
		}
	})
}

func (l incidentListCmd) each(ctx context.Context, con *console, c *client.Client, filter client.IncidentFilter) error {
	list, err := c.Incidents(ctx, filter, client.Paging{After: l.After, Limit: l.Limit})
	if err != nil {
		return err
	}
	return con.print(list, func(t *table) {
		t.head = []string{"INCIDENT", "TICKET", "ELEMENT", "CODE", "SINCE", "MESSAGE"}
		for _, i := range list.Items {
			t.add(i.ID, i.Ticket, i.Element, i.Code, when(i.Since), i.Message)
		}
	})
}

// repairFlags are what is done beside retrying.
type repairFlags struct {
	Set  []string `short:"s" placeholder:"NAME=VALUE" sep:"none" help:"Set a variable of the process before. The value is JSON where it is valid JSON, else text. Repeatable."`
	Note string   `help:"Why, for the history."`
}

func (f repairFlags) read(con *console) (client.Repair, error) {
	vars, err := fieldFlags{Set: f.Set}.read(con)
	if err != nil || len(vars) == 0 {
		return client.Repair{Note: f.Note}, err
	}
	return client.Repair{Variables: vars, Note: f.Note}, nil
}

// incidentFlags name one incident, or what is common to many.
type incidentFlags struct {
	Incident string `arg:"" optional:"" help:"One incident."`
	Cause    string `help:"All of this cause, as the list names it."`
	Ticket   string `help:"All of this ticket."`
	Element  string `help:"All of this element."`
}

// many reports whether many are meant.
func (f incidentFlags) many() (bool, error) {
	many := f.Cause+f.Ticket+f.Element != ""
	if (f.Incident == "") != many {
		return many, errs.New(errs.Invalid, "name either one incident or what is common to many").WithCure("see paceline incident list")
	}
	return many, nil
}

type incidentRetryCmd struct {
	incidentFlags
	repairFlags
}

// Run retries one incident, or many.
func (r incidentRetryCmd) Run(ctx context.Context, con *console) error {
	many, err := r.many()
	if err != nil {
		return err
	}
	repair, err := r.read(con)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	if !many {
		done, err := c.RetryIncident(ctx, r.Incident, repair)
		if err != nil {
			return err
		}
		return con.print(done, func(t *table) { t.add("incident "+done.Incident, "retried", "ticket "+done.Ticket) })
	}
	return r.all(con, "retried", repair, func(b client.BulkRepair) (client.Repaired, error) { return c.RetryIncidents(ctx, b) })
}

// all goes on while there are more; what failed is not tried again.
func (f incidentFlags) all(con *console, what string, repair client.Repair, some func(client.BulkRepair) (client.Repaired, error)) error {
	done := client.Repaired{Done: []client.Retried{}, Failed: []client.NotRepaired{}}
	for more := true; more; {
		part, err := some(client.BulkRepair{Repair: repair, Cause: f.Cause, Ticket: f.Ticket, Element: f.Element})
		if err != nil {
			return err
		}
		done.Done, done.Failed = append(done.Done, part.Done...), append(done.Failed, part.Failed...)
		more = part.More && len(part.Done) > 0
		done.More = part.More
	}
	return con.print(done, func(t *table) {
		t.add(what, strconv.Itoa(len(done.Done)))
		for _, f := range done.Failed {
			t.add("incident "+f.Incident, "ticket "+f.Ticket, f.Reason)
		}
	})
}

type incidentSkipCmd struct {
	incidentFlags
	To string `help:"Element to go on at; left out: where the only flow of the failed one leads."`
	repairFlags
}

// Run skips.
func (s incidentSkipCmd) Run(ctx context.Context, con *console) error {
	many, err := s.many()
	if err != nil {
		return err
	}
	repair, err := s.read(con)
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	if many {
		return s.all(con, "skipped", repair, func(b client.BulkRepair) (client.Repaired, error) { return c.SkipIncidents(ctx, b, s.To) })
	}
	done, err := c.SkipIncident(ctx, s.Incident, s.To, repair)
	if err != nil {
		return err
	}
	return con.print(done, func(t *table) { t.add("incident "+done.Incident, "skipped", "ticket "+done.Ticket) })
}
