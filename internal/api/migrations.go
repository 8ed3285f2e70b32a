package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/operation"
)

// MigrationPlan is how the open tickets of one version of an app go to another.
type MigrationPlan struct {
	App      string              `json:"app" minLength:"1" maxLength:"63"`
	From     int                 `json:"from" minimum:"1" doc:"Number of the version that the tickets run on."`
	To       int                 `json:"to,omitempty" minimum:"0" doc:"Number of the version to go to; 0 or left out: the active one."`
	Mappings []operation.Mapping `json:"mappings,omitempty" maxItems:"1000" doc:"Elements whose id is another. Those of the same id and kind go to each other by themselves."`
	Renew    []string            `json:"renew,omitempty" maxItems:"1000" doc:"Events of the new version that are armed again from its model; others keep their due time, or name and key."`
}

func (p MigrationPlan) plan() operation.Plan {
	return operation.Plan{App: p.App, From: p.From, To: p.To, Mappings: p.Mappings, Renew: p.Renew}
}

type planInput struct {
	Body MigrationPlan
}

type surveyInput struct {
	Body struct {
		MigrationPlan
		After *idParam `json:"after,omitempty" doc:"The next of the look before."`
		Limit int      `json:"limit,omitempty" minimum:"1" maximum:"5000" default:"5000" doc:"How many tickets are looked at."`
	}
}

type migrateInput struct {
	Body struct {
		MigrationPlan
		Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, for the history of each ticket and the audit."`
		Limit  int    `json:"limit,omitempty" minimum:"0" doc:"Only the oldest so many; 0 or left out: all."`
	}
}

func (s *Server) registerMigrations() {
	add(s, route{Method: http.MethodPost, Path: "/migrations/plan", ID: "planMigration", Tag: "migrations", Summary: "Work out where the elements of a version are in another", Unrepeated: true},
		func(ctx context.Context, in *planInput) (*item[operation.PlanView], error) {
			return one(s.operations.Plan(ctx, actorOf(ctx), in.Body.plan()))
		})
	add(s, route{Method: http.MethodPost, Path: "/migrations/dry-run", ID: "dryRunMigration", Tag: "migrations", Summary: "Try a migration on the open tickets; nothing is changed", Unrepeated: true},
		func(ctx context.Context, in *surveyInput) (*item[operation.Survey], error) {
			var after idParam
			if in.Body.After != nil {
				after = *in.Body.After
			}
			return one(s.operations.DryRun(ctx, actorOf(ctx), in.Body.plan(), after.ID, in.Body.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/migrations", ID: "startMigration", Tag: "migrations", Summary: "Begin to migrate the open tickets of a version", Status: http.StatusCreated,
		Doc: "A migration is an operation: look at it, pause, resume and cancel it there. Tickets that cannot follow stay as they are."},
		func(ctx context.Context, in *migrateInput) (*item[operation.Run], error) {
			return one(s.operations.Migrate(ctx, actorOf(ctx), in.Body.plan(), in.Body.Reason, in.Body.Limit))
		})
}
