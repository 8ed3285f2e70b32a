package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/intake"
)

type putHookInput struct {
	ByName
	Body intake.HookSpec
}

type addSecretInput struct {
	ByName
	Body struct {
		Secret string `json:"secret,omitempty" maxLength:"500" doc:"What the sender signs with; left out: a random one."`
	}
}

type removeSecretInput struct {
	ByName
	Secret string `path:"secret" maxLength:"20"`
}

func (s *Server) registerHooks() {
	add(s, route{Method: http.MethodGet, Path: "/hooks", ID: "listHooks", Tag: "webhooks", Summary: "The webhooks that other systems may call"},
		func(ctx context.Context, _ *struct{}) (*page[intake.Hook], error) {
			list, err := s.intake.Hooks(ctx, actorOf(ctx))
			return paged(list, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/hooks/{name}", ID: "getHook", Tag: "webhooks", Summary: "A webhook, without its secrets"},
		func(ctx context.Context, in *ByName) (*item[intake.Hook], error) {
			return one(s.intake.Hook(ctx, actorOf(ctx), in.Name))
		})
	add(s, route{Method: http.MethodPut, Path: "/hooks/{name}", ID: "putHook", Tag: "webhooks", Summary: "Make a webhook, or change one",
		Doc: "A new one takes nothing before it has a secret."},
		func(ctx context.Context, in *putHookInput) (*item[intake.Hook], error) {
			in.Body.Name = in.Name
			return one(s.intake.PutHook(ctx, actorOf(ctx), in.Body))
		})
	add(s, route{Method: http.MethodDelete, Path: "/hooks/{name}", ID: "deleteHook", Tag: "webhooks", Summary: "Take a webhook away", Status: http.StatusOK},
		func(ctx context.Context, in *ByName) (*item[intake.Hook], error) {
			return one(s.intake.DeleteHook(ctx, actorOf(ctx), in.Name))
		})
	add(s, route{Method: http.MethodPost, Path: "/hooks/{name}/secrets", ID: "addHookSecret", Tag: "webhooks", Summary: "Give a webhook one more secret", Unrepeated: true,
		Doc: "The answer is the only time that it is told. Those that were there go on counting until they are taken away."},
		func(ctx context.Context, in *addSecretInput) (*item[intake.NewSecret], error) {
			return one(s.intake.AddSecret(ctx, actorOf(ctx), in.Name, in.Body.Secret))
		})
	add(s, route{Method: http.MethodDelete, Path: "/hooks/{name}/secrets/{secret}", ID: "removeHookSecret", Tag: "webhooks", Summary: "Take a secret away", Status: http.StatusOK},
		func(ctx context.Context, in *removeSecretInput) (*item[intake.Hook], error) {
			return one(s.intake.RemoveSecret(ctx, actorOf(ctx), in.Name, in.Secret))
		})
	add(s, route{Method: http.MethodGet, Path: "/hooks/{name}/deliveries", ID: "listDeliveries", Tag: "webhooks", Summary: "The last deliveries of a webhook and what came of them, newest first"},
		func(ctx context.Context, in *runsInput) (*page[intake.Taken], error) {
			list, err := s.intake.Deliveries(ctx, actorOf(ctx), in.Name, in.Limit)
			return paged(list, "", err)
		})
}

// deliver takes a delivery of a webhook. Who may deliver is who signs with its secret, so nobody need be signed in.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.refuse(w, r, err)
		return
	}
	receipt, err := s.intake.Accept(r.Context(), r.PathValue("name"), intake.Delivery{
		Header: r.Header, Query: r.URL.Query(), Body: r.Body, Address: s.proxies.client(r),
	})
	switch {
	case errors.Is(err, intake.ErrTooLarge):
		p := newProblem(r.Context(), errs.Invalid, http.StatusRequestEntityTooLarge)
		p.Detail = "The body is larger than this webhook takes."
		s.refuse(w, r, p)
	case err != nil:
		s.refuse(w, r, err)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		encode(s.log, w, receipt)
	}
}
