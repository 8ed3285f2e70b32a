package api

import (
	"context"
	"encoding/csv"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paceline/paceline/internal/ticket"
)

type historyInput struct {
	ID idParam `path:"id"`
	PageInput
}

type exportTickets struct {
	TicketFilter
}

type streamOutput struct {
	Body func(huma.Context)
}

// registerHistory adds what reads much of a ticket, or of many.
func (s *Server) registerHistory() {
	add(s, route{Method: http.MethodGet, Path: "/tickets/{id}/history", ID: "listHistory", Tag: "tickets", Summary: "What happened, oldest first",
		Doc: "First the ticket's own history, then that of each process it called."},
		func(ctx context.Context, in *historyInput) (*item[ticket.Page[ticket.Entry]], error) {
			return one(s.tickets.History(ctx, actorOf(ctx), in.ID.ID, in.After, in.Limit))
		})
	add(s, route{Method: http.MethodGet, Path: "/exports/tickets", ID: "exportTickets", Tag: "tickets", Summary: "Tickets as CSV (RFC 4180, UTF-8)", Produces: "text/csv"},
		s.exportTickets)
}

// exportTickets streams: what was found is sent while more is read.
func (s *Server) exportTickets(ctx context.Context, in *exportTickets) (*streamOutput, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	return &streamOutput{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		out := &csvStream{w: w}
		switch err := s.tickets.Export(ctx, actorOf(ctx), q, out.write); {
		case err != nil && out.csv == nil:
			s.refuse(w, r, err)
		case err != nil:
			s.log.WarnContext(ctx, "export broken off", "request", requestID(ctx), "err", err)
			panic(http.ErrAbortHandler) // the only way left to tell the client that it is not whole
		default:
			out.csv.Flush()
		}
	}}, nil
}

// csvStream writes rows to a response that it begins with the first of them.
type csvStream struct {
	w    http.ResponseWriter
	csv  *csv.Writer
	rows int
}

func (s *csvStream) write(row []string) error {
	if s.csv == nil {
		s.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		s.w.Header().Set("Content-Disposition", `attachment; filename="tickets.csv"`)
		s.csv = csv.NewWriter(s.w)
	}
	if s.rows++; s.rows%500 == 0 {
		if err := http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
	}
	return s.csv.Write(row)
}
