package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/hours"
)

// ByName names a calendar, schedule or webhook; what came with an app is named APP.NAME.
type ByName struct {
	Name string `path:"name" maxLength:"130"`
}

type calendarInput struct {
	ByName
	Revision int64 `query:"revision" minimum:"0" doc:"0 or left out: the current one."`
}

type putCalendarInput struct {
	ByName
	Body calendar.Spec
}

func (s *Server) registerCalendars() {
	add(s, route{Method: http.MethodGet, Path: "/calendars", ID: "listCalendars", Tag: "calendars", Summary: "The business calendars"},
		func(ctx context.Context, _ *struct{}) (*page[hours.Entry], error) {
			list, err := s.hours.List(ctx, actorOf(ctx))
			return paged(list, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/calendars/{name}", ID: "getCalendar", Tag: "calendars", Summary: "A calendar, now or in an earlier revision"},
		func(ctx context.Context, in *calendarInput) (*item[hours.Entry], error) {
			return one(s.hours.Show(ctx, actorOf(ctx), in.Name, in.Revision))
		})
	add(s, route{Method: http.MethodPut, Path: "/calendars/{name}", ID: "putCalendar", Tag: "calendars", Summary: "Make a calendar, or a new revision of one", MaxBody: formBody,
		Doc: "What is counted from now on goes by it; moments that were counted before stay."},
		func(ctx context.Context, in *putCalendarInput) (*item[hours.Entry], error) {
			in.Body.Name = in.Name
			return one(s.hours.Put(ctx, actorOf(ctx), in.Body))
		})
	add(s, route{Method: http.MethodDelete, Path: "/calendars/{name}", ID: "deleteCalendar", Tag: "calendars", Summary: "Take a calendar away", Status: http.StatusOK},
		func(ctx context.Context, in *ByName) (*item[hours.Entry], error) {
			return one(s.hours.Delete(ctx, actorOf(ctx), in.Name))
		})
}
