package api

import (
	"context"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/org"
)

type recordsInput struct {
	PageInput
	Actor   idParam   `query:"actor" doc:"Only what this user did."`
	Action  string    `query:"action" doc:"Only this action, such as user.disable."`
	Subject string    `query:"subject" doc:"Only what was done to this."`
	From    time.Time `query:"from" doc:"Not before."`
	To      time.Time `query:"to" doc:"Before."`
}

func (s *Server) registerAudit() {
	add(s, route{Method: http.MethodGet, Path: "/audit", ID: "listAudit", Tag: "audit", Summary: "What was done, newest first"},
		func(ctx context.Context, in *recordsInput) (*page[org.Record], error) {
			filter := org.RecordFilter{Actor: in.Actor.ID, Action: in.Action, Subject: in.Subject, From: in.From, To: in.To}
			return paged(s.org.Records(ctx, actorOf(ctx), filter, in.page()))
		})
}
