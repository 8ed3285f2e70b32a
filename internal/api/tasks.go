package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/paceline/paceline/internal/ticket"
)

type VersionSeen struct {
	Version int `json:"version,omitempty" minimum:"0" doc:"The version of the task that was shown; another one by now is a conflict. Left out: as it is now."`
}

type taskInput struct {
	ID   idParam `path:"id"`
	Body VersionSeen
}

type completeInput struct {
	ID   idParam `path:"id"`
	Body struct {
		VersionSeen
		Outcome string          `json:"outcome,omitempty" maxLength:"200" doc:"One of the task's outcomes, where it has any."`
		Data    json.RawMessage `json:"data,omitempty" doc:"Object: the form's values."`
		Note    string          `json:"note,omitempty" maxLength:"2000" doc:"A remark for the history."`
	}
}

type handOverInput struct {
	ID   idParam `path:"id"`
	Body struct {
		VersionSeen
		To   string `json:"to" minLength:"1" maxLength:"100" doc:"Login of who gets it."`
		Note string `json:"note,omitempty" maxLength:"2000" doc:"A remark for the history."`
	}
}

type returnInput struct {
	ID   idParam `path:"id"`
	Body struct {
		VersionSeen
		To       string `json:"to,omitempty" maxLength:"250" doc:"Element id of a step that was passed; left out: the nearest."`
		Straight bool   `json:"straight,omitempty" doc:"Come back here when that step is done, without the steps between."`
		Note     string `json:"note,omitempty" maxLength:"2000" doc:"Why, for the history."`
	}
}

type addSignersInput struct {
	ID   idParam `path:"id"`
	Body struct {
		VersionSeen
		Who   []string `json:"who" minItems:"1" maxItems:"100" doc:"Logins."`
		Where string   `json:"where,omitempty" enum:"before,beside,after" default:"beside" doc:"before: they vote first, then the caller is asked again; beside: at the same time; after: when the caller has voted."`
		Note  string   `json:"note,omitempty" maxLength:"2000" doc:"Why, for the history."`
	}
}

type removeSignerInput struct {
	ID   idParam `path:"id"`
	Body struct {
		VersionSeen
		Who  string `json:"who" minLength:"1" maxLength:"250" doc:"A member as the task's signers name them."`
		Note string `json:"note,omitempty" maxLength:"2000" doc:"Why, for the history."`
	}
}

func (s *Server) registerTasks() {
	s.registerSigners()
	add(s, route{Method: http.MethodGet, Path: "/tasks/{id}", ID: "getTask", Tag: "tasks", Summary: "An open task with its form and what may be done"},
		func(ctx context.Context, in *byID) (*item[ticket.TaskView], error) {
			return one(s.tickets.Task(ctx, actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/claim", ID: "claimTask", Tag: "tasks", Summary: "Take a free task"},
		func(ctx context.Context, in *taskInput) (*item[ticket.Acted], error) {
			return one(s.tickets.Claim(ctx, actorOf(ctx), in.ID.ID, in.Body.Version))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/unclaim", ID: "unclaimTask", Tag: "tasks", Summary: "Put a task back for its candidates"},
		func(ctx context.Context, in *taskInput) (*item[ticket.Acted], error) {
			return one(s.tickets.Unclaim(ctx, actorOf(ctx), in.ID.ID, in.Body.Version))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/complete", ID: "completeTask", Tag: "tasks", Summary: "Do a task", MaxBody: formBody,
		Doc: "The values are checked against the form and the rights of the step. A delegated task goes back to who delegated it."},
		func(ctx context.Context, in *completeInput) (*item[ticket.Acted], error) {
			return one(s.tickets.Complete(ctx, actorOf(ctx), ticket.Completion{
				Task: in.ID.ID, Version: in.Body.Version, Outcome: in.Body.Outcome, Data: in.Body.Data, Note: in.Body.Note,
			}))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/transfer", ID: "transferTask", Tag: "tasks", Summary: "Give a task to somebody else for good"},
		func(ctx context.Context, in *handOverInput) (*item[ticket.Acted], error) {
			return one(s.tickets.Transfer(ctx, actorOf(ctx), in.ID.ID, in.Body.Version, in.Body.To, in.Body.Note))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/delegate", ID: "delegateTask", Tag: "tasks", Summary: "Let somebody do a task; it comes back"},
		func(ctx context.Context, in *handOverInput) (*item[ticket.Acted], error) {
			return one(s.tickets.Delegate(ctx, actorOf(ctx), in.ID.ID, in.Body.Version, in.Body.To, in.Body.Note))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/return", ID: "returnTask", Tag: "tasks", Summary: "Send the work back to a step that was passed"},
		func(ctx context.Context, in *returnInput) (*item[ticket.Acted], error) {
			return one(s.tickets.Return(ctx, actorOf(ctx), in.ID.ID, in.Body.Version, in.Body.To, in.Body.Straight, in.Body.Note))
		})
}

func (s *Server) registerSigners() {
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/signers", ID: "addSigners", Tag: "tasks", Summary: "Ask more people in the approval group of a task"},
		func(ctx context.Context, in *addSignersInput) (*item[ticket.Acted], error) {
			return one(s.tickets.AddSigners(ctx, actorOf(ctx), in.ID.ID, in.Body.Version, in.Body.Who, ticket.Where(in.Body.Where), in.Body.Note))
		})
	add(s, route{Method: http.MethodPost, Path: "/tasks/{id}/signers/remove", ID: "removeSigner", Tag: "tasks", Summary: "Take somebody out of the approval group of a task",
		Doc: "Somebody who has not voted, and whom the caller has added; who repairs tickets removes anybody."},
		func(ctx context.Context, in *removeSignerInput) (*item[ticket.Acted], error) {
			return one(s.tickets.RemoveSigner(ctx, actorOf(ctx), in.ID.ID, in.Body.Version, in.Body.Who, in.Body.Note))
		})
}
