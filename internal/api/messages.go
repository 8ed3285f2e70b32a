package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// Messages delivers what comes from outside to the processes that wait for it; process.Runtime does.
type Messages interface {
	Correlate(context.Context, process.Message) (process.Result, error)
	Post(context.Context, process.Message, func(context.Context, *db.Tx) error) (process.Sent, error)
	RaiseSignal(context.Context, process.Signal) (process.Sent, error)
}

type messageInput struct {
	Body struct {
		Name      string          `json:"name" minLength:"1" maxLength:"250"`
		Key       string          `json:"key,omitempty" maxLength:"250" doc:"Correlation key: only who waits with this key is meant."`
		Variables json.RawMessage `json:"variables,omitempty" doc:"Object."`
		Wait      bool            `json:"wait,omitempty" doc:"Nobody need wait for it yet: it looks for its receiver for an hour."`
	}
}

type signalInput struct {
	Body struct {
		Name      string          `json:"name" minLength:"1" maxLength:"250"`
		Variables json.RawMessage `json:"variables,omitempty" doc:"Object."`
	}
}

// SentMessage says what a message has reached, or that it looks for its receiver.
type SentMessage struct {
	Reached *process.Reached `json:"reached,omitempty" doc:"Who took it; absent: it is under way."`
	Sent    *process.Sent    `json:"sent,omitempty"`
}

func (s *Server) registerMessages() {
	add(s, route{Method: http.MethodPost, Path: "/messages", ID: "sendMessage", Tag: "messages", Summary: "Send a message to the process that waits for it", MaxBody: formBody,
		Doc: "It goes to the one that has waited longest, or begins the process that begins with it; the answer says which. Not found: nobody waits."}, s.sendMessage)
	add(s, route{Method: http.MethodPost, Path: "/signals", ID: "raiseSignal", Tag: "messages", Summary: "Raise a signal for all processes that wait for it", MaxBody: formBody, Status: http.StatusAccepted,
		Doc: "Each is told once, right after the answer, which says how many wait at this moment."},
		func(ctx context.Context, in *signalInput) (*item[process.Sent], error) {
			if err := actorOf(ctx).Require(org.SendMessages); err != nil {
				return nil, err
			}
			vars, err := variables(in.Body.Variables)
			if err != nil {
				return nil, err
			}
			return one(s.messages.RaiseSignal(ctx, process.Signal{Name: in.Body.Name, Vars: vars}))
		})
}

func (s *Server) sendMessage(ctx context.Context, in *messageInput) (*item[SentMessage], error) {
	actor := actorOf(ctx)
	if err := actor.Require(org.SendMessages); err != nil {
		return nil, err
	}
	vars, err := variables(in.Body.Variables)
	if err != nil {
		return nil, err
	}
	m := process.Message{Name: in.Body.Name, Key: in.Body.Key, Vars: vars, Actor: actor.ID, By: actor.Name}
	if in.Body.Wait {
		sent, err := s.messages.Post(ctx, m, nil)
		return one(SentMessage{Sent: &sent}, err)
	}
	res, err := s.messages.Correlate(ctx, m)
	if err != nil {
		return nil, err
	}
	reached := &process.Reached{}
	if err := json.Unmarshal(res.Answer, reached); err != nil {
		return nil, errs.New(errs.Internal, "the stored answer cannot be read: %w", err)
	}
	return one(SentMessage{Reached: reached}, nil)
}

// variables reads a JSON object.
func variables(raw json.RawMessage) (feel.Vars, error) {
	if len(raw) == 0 {
		return feel.Vars{}, nil
	}
	v, err := feel.FromJSON(raw)
	object, ok := v.(*feel.Context)
	if err != nil || !ok {
		return nil, errs.New(errs.Invalid, "the variables are no JSON object").
			WithDetails(errs.Detail{Place: "body.variables", Rule: "type", Message: "has to be an object"})
	}
	vars := feel.Vars{}
	for i := range object.Len() {
		vars[object.At(i).Name] = object.At(i).Value
	}
	return vars, nil
}
