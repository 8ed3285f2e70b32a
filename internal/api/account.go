package api

import (
	"context"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
)

// NewToken is a token together with its secret.
type NewToken struct {
	org.Token
	Secret string `json:"secret" doc:"Shown this once."`
}

type tokenInput struct {
	Body struct {
		Name   string   `json:"name" minLength:"1" maxLength:"200" doc:"What it is for."`
		Scopes []string `json:"scopes" minItems:"1" maxItems:"50" doc:"One of read, write, admin; app:NAME limits it to the apps named."`
		Days   int      `json:"days,omitempty" minimum:"1" maximum:"366" doc:"How long it lives; 90 when left out."`
	}
}

type ofUser struct {
	ID    idParam `path:"id"`
	Which idParam `path:"which" doc:"Id of the session or token."`
}

// registerAccount adds sessions and tokens: one's own under /me, anybody's under
// /users for administrators.
func (s *Server) registerAccount() {
	add(s, route{Method: http.MethodPost, Path: "/me/tokens", ID: "createToken", Tag: "account", Summary: "Make an API token", Status: http.StatusCreated,
		Doc: "Only somebody who signed in with the password can make one."}, s.createToken)
	add(s, route{Method: http.MethodGet, Path: "/me/tokens", ID: "listOwnTokens", Tag: "account", Summary: "The own API tokens"},
		func(ctx context.Context, _ *struct{}) (*page[org.Token], error) {
			return s.tokensOf(ctx, actorOf(ctx).ID)
		})
	add(s, route{Method: http.MethodDelete, Path: "/me/tokens/{id}", ID: "revokeOwnToken", Tag: "account", Summary: "End an own API token"},
		func(ctx context.Context, in *byID) (*item[org.Revoked], error) {
			return one(s.org.RevokeToken(ctx, actorOf(ctx), actorOf(ctx).ID, in.ID.ID))
		})
	add(s, route{Method: http.MethodGet, Path: "/me/sessions", ID: "listOwnSessions", Tag: "account", Summary: "Where one is signed in"},
		func(ctx context.Context, _ *struct{}) (*page[org.Session], error) {
			return s.sessionsOf(ctx, actorOf(ctx).ID)
		})
	add(s, route{Method: http.MethodDelete, Path: "/me/sessions", ID: "revokeOwnSessions", Tag: "account", Summary: "Sign out everywhere else"},
		func(ctx context.Context, _ *struct{}) (*item[org.Revoked], error) {
			return one(s.org.RevokeOtherSessions(ctx, actorOf(ctx), actorOf(ctx).ID))
		})

	add(s, route{Method: http.MethodGet, Path: "/users/{id}/tokens", ID: "listTokens", Tag: "account", Summary: "A user's API tokens"},
		func(ctx context.Context, in *byID) (*page[org.Token], error) { return s.tokensOf(ctx, in.ID.ID) })
	add(s, route{Method: http.MethodDelete, Path: "/users/{id}/tokens/{which}", ID: "revokeToken", Tag: "account", Summary: "End a user's API token"},
		func(ctx context.Context, in *ofUser) (*item[org.Revoked], error) {
			return one(s.org.RevokeToken(ctx, actorOf(ctx), in.ID.ID, in.Which.ID))
		})
	add(s, route{Method: http.MethodGet, Path: "/users/{id}/sessions", ID: "listSessions", Tag: "account", Summary: "Where a user is signed in"},
		func(ctx context.Context, in *byID) (*page[org.Session], error) { return s.sessionsOf(ctx, in.ID.ID) })
	add(s, route{Method: http.MethodDelete, Path: "/users/{id}/sessions", ID: "revokeSessions", Tag: "account", Summary: "Sign a user out everywhere"},
		func(ctx context.Context, in *byID) (*item[org.Revoked], error) {
			return one(s.org.RevokeOtherSessions(ctx, actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodDelete, Path: "/users/{id}/sessions/{which}", ID: "revokeSession", Tag: "account", Summary: "End one session of a user"},
		func(ctx context.Context, in *ofUser) (*item[org.Revoked], error) {
			return one(s.org.RevokeSession(ctx, actorOf(ctx), in.ID.ID, in.Which.ID))
		})
}

func (s *Server) createToken(ctx context.Context, in *tokenInput) (*item[NewToken], error) {
	life := time.Duration(in.Body.Days) * 24 * time.Hour
	t, secret, err := s.org.CreateToken(ctx, actorOf(ctx), in.Body.Name, in.Body.Scopes, life)
	return one(NewToken{Token: t, Secret: secret}, err)
}

func (s *Server) tokensOf(ctx context.Context, user db.ID) (*page[org.Token], error) {
	tokens, err := s.org.Tokens(ctx, actorOf(ctx), user)
	return paged(tokens, "", err)
}

func (s *Server) sessionsOf(ctx context.Context, user db.ID) (*page[org.Session], error) {
	sessions, err := s.org.Sessions(ctx, actorOf(ctx), user)
	return paged(sessions, "", err)
}
