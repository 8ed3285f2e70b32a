package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

type appMigrateCmd struct {
	Plan   migratePlanCmd     `cmd:"" help:"Say where the elements of a version are in another."`
	DryRun migrateDryRunCmd   `cmd:"" help:"Try a migration on the open tickets; nothing is changed."`
	Start  migrateStartCmd    `cmd:"" help:"Begin to migrate the open tickets of a version."`
	Status operationStatusCmd `cmd:"" help:"Say how far a migration is, and why tickets stay."`
	Pause  operationPauseCmd  `cmd:"" help:"Touch no further ticket until it is resumed."`
	Resume operationResumeCmd `cmd:"" help:"Go on with a paused migration."`
	Cancel operationCancelCmd `cmd:"" help:"End a migration; tickets that have moved stay moved."`
}

// migrateFlags are a plan.
type migrateFlags struct {
	App   string   `arg:""`
	From  int      `arg:"" help:"Number of the version that the tickets run on."`
	To    int      `arg:"" optional:"" help:"Number of the version to go to; left out: the active one."`
	Map   []string `placeholder:"OLD=NEW" sep:"none" help:"An element or sequence flow whose id is another in the new version, as [PROCESS:]OLD=NEW. Repeatable."`
	Renew []string `placeholder:"EVENT" help:"An event of the new version that is armed again from its model. Repeatable."`
}

func (f migrateFlags) migration() (client.Migration, error) {
	m := client.Migration{App: f.App, From: f.From, To: f.To, Renew: f.Renew}
	for _, text := range f.Map {
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" {
			return m, errs.New(errs.Invalid, "%q is no mapping", text).WithCure("write --map OLD=NEW")
		}
		mapping := client.MigrationMapping{From: from, To: to}
		if process, element, named := strings.Cut(from, ":"); named {
			mapping.Process, mapping.From = process, element
		}
		m.Mappings = append(m.Mappings, mapping)
	}
	return m, nil
}

type migratePlanCmd struct {
	migrateFlags
	All bool `help:"Also the elements that go to those of the same id."`
}

// Run prints the plan; it fails when the plan cannot be used.
func (p migratePlanCmd) Run(ctx context.Context, con *console) error {
	m, err := p.migration()
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	plan, err := c.PlanMigration(ctx, m)
	if err != nil {
		return err
	}
	err = con.print(plan, func(t *table) {
		t.head = []string{"PROCESS", "ELEMENT", "KIND", "TO", "WHY NOT"}
		for _, process := range plan.Processes {
			if process.Problem != "" {
				t.add(process.Process, "", "process", "", process.Problem)
			}
			for _, f := range process.Elements {
				if p.All || f.To != f.From {
					t.add(process.Process, f.From, f.Kind, f.To, f.Why)
				}
			}
		}
		for _, problem := range plan.Problems {
			t.add("", "", "problem", "", problem)
		}
	})
	if err == nil && len(plan.Problems) > 0 {
		err = errSaid
	}
	return err
}

type migrateDryRunCmd struct {
	migrateFlags
	List bool `help:"Also each ticket that cannot follow."`
}

// Run tries the migration on all open tickets, part by part.
func (d migrateDryRunCmd) Run(ctx context.Context, con *console) error {
	m, err := d.migration()
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	all, counts := client.Survey{}, map[client.Cause]int{}
	for more := true; more; more = all.Next != "" {
		part, err := c.DryRunMigration(ctx, m, all.Next, 0)
		if err != nil {
			return err
		}
		all.Examined, all.Follow, all.Next = all.Examined+part.Examined, all.Follow+part.Follow, part.Next
		all.Stay = append(all.Stay, part.Stay...)
		for _, cause := range part.Causes {
			key := client.Cause{Element: cause.Element, Reason: cause.Reason}
			if counts[key] == 0 {
				all.Causes = append(all.Causes, key)
			}
			counts[key] += cause.Count
		}
	}
	for i, cause := range all.Causes {
		all.Causes[i].Count = counts[cause]
	}
	return con.print(all, func(t *table) {
		t.add("tickets", strconv.Itoa(all.Examined))
		t.add("can follow", strconv.Itoa(all.Follow))
		for _, cause := range all.Causes {
			t.add("stay "+strconv.Itoa(cause.Count), cause.Reason)
		}
		if d.List {
			for _, s := range all.Stay {
				t.add(s.Number, s.Reason)
			}
		}
	})
}

type migrateStartCmd struct {
	migrateFlags
	Reason string `required:"" help:"Why, for the history of each ticket and the audit."`
	Limit  int    `help:"Only the oldest so many."`
}

// Run begins the migration.
func (s migrateStartCmd) Run(ctx context.Context, con *console) error {
	m, err := s.migration()
	if err != nil {
		return err
	}
	c, err := dial(con)
	if err != nil {
		return err
	}
	run, err := c.StartMigration(ctx, m, s.Reason, s.Limit)
	if err != nil {
		return err
	}
	return con.printRun(run)
}
