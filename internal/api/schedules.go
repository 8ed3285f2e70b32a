package api

import (
	"context"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/intake"
)

type putScheduleInput struct {
	ByName
	Body intake.ScheduleSpec
}

type runsInput struct {
	ByName
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type previewInput struct {
	Count int `query:"count" minimum:"1" maximum:"100" default:"10"`
	Body  intake.ScheduleSpec
}

func (s *Server) registerSchedules() {
	add(s, route{Method: http.MethodGet, Path: "/schedules", ID: "listSchedules", Tag: "schedules", Summary: "The schedules and when they are due next"},
		func(ctx context.Context, _ *struct{}) (*page[intake.Schedule], error) {
			list, err := s.intake.Schedules(ctx, actorOf(ctx))
			return paged(list, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/schedules/{name}", ID: "getSchedule", Tag: "schedules", Summary: "A schedule"},
		func(ctx context.Context, in *ByName) (*item[intake.Schedule], error) {
			return one(s.intake.Schedule(ctx, actorOf(ctx), in.Name))
		})
	add(s, route{Method: http.MethodPut, Path: "/schedules/{name}", ID: "putSchedule", Tag: "schedules", Summary: "Make a schedule, or change one"},
		func(ctx context.Context, in *putScheduleInput) (*item[intake.Schedule], error) {
			in.Body.Name = in.Name
			return one(s.intake.PutSchedule(ctx, actorOf(ctx), in.Body))
		})
	add(s, route{Method: http.MethodDelete, Path: "/schedules/{name}", ID: "deleteSchedule", Tag: "schedules", Summary: "Take a schedule away", Status: http.StatusOK},
		func(ctx context.Context, in *ByName) (*item[intake.Schedule], error) {
			return one(s.intake.DeleteSchedule(ctx, actorOf(ctx), in.Name))
		})
	for _, pause := range []bool{true, false} {
		verb, summary := "pause", "Stop a schedule"
		if !pause {
			verb, summary = "resume", "Let a schedule go on; what would have been due in between was not missed"
		}
		add(s, route{Method: http.MethodPost, Path: "/schedules/{name}/" + verb, ID: verb + "Schedule", Tag: "schedules", Summary: summary},
			func(ctx context.Context, in *ByName) (*item[intake.Schedule], error) {
				return one(s.intake.Pause(ctx, actorOf(ctx), in.Name, pause))
			})
	}
	add(s, route{Method: http.MethodPost, Path: "/schedules/{name}/run", ID: "runSchedule", Tag: "schedules", Summary: "Make a schedule due now, beside its own times"},
		func(ctx context.Context, in *ByName) (*item[intake.Run], error) {
			return one(s.intake.RunNow(ctx, actorOf(ctx), in.Name))
		})
	add(s, route{Method: http.MethodGet, Path: "/schedules/{name}/runs", ID: "listRuns", Tag: "schedules", Summary: "The last due times of a schedule and what came of them, newest first"},
		func(ctx context.Context, in *runsInput) (*page[intake.Run], error) {
			runs, err := s.intake.Runs(ctx, actorOf(ctx), in.Name, in.Limit)
			return paged(runs, "", err)
		})
	add(s, route{Method: http.MethodPost, Path: "/schedules/preview", ID: "previewSchedule", Tag: "schedules", Summary: "The next due times of a schedule that need not be stored"},
		func(ctx context.Context, in *previewInput) (*page[time.Time], error) {
			due, err := s.intake.Preview(ctx, actorOf(ctx), in.Body, in.Count)
			return paged(due, "", err)
		})
}
