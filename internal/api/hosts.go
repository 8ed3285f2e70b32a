package api

import (
	"context"
	"net/http"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/org"
)

type byHost struct {
	Name string `path:"name" maxLength:"63"`
}

type wantedInput struct {
	Name string `path:"name" maxLength:"63"`
	Body struct {
		Wanted join.Wanted `json:"wanted" enum:"active,cordoned,drained" doc:"drained: finish what is under way and take nothing new; cordoned: go on, and get nothing new placed on it."`
	}
}

type joinTokenInput struct {
	Body struct {
		Roles   []config.Role `json:"roles,omitempty" maxItems:"10" doc:"booster, server, gateway; left out: server."`
		Seconds int           `json:"seconds,omitempty" minimum:"1" maximum:"2592000" doc:"How long it holds; left out: an hour."`
		Uses    int           `json:"uses,omitempty" minimum:"1" maximum:"1000" doc:"How many hosts it lets in; left out: one."`
	}
}

type byTokenID struct {
	ID string `path:"id" maxLength:"20"`
}

// NewJoinToken is a join token with its secret, which is shown this once.
type NewJoinToken struct {
	join.Token
	Secret string `json:"token" doc:"What paceline join --token wants; shown this once."`
}

func (s *Server) registerHosts() {
	add(s, route{Method: http.MethodGet, Path: "/nodes/{name}", ID: "getHost", Tag: "cluster", Summary: "One host of the cluster, with its processes"},
		func(ctx context.Context, in *byHost) (*item[join.Host], error) {
			return one(s.hosts.Host(ctx, actorOf(ctx), in.Name))
		})
	add(s, route{Method: http.MethodPut, Path: "/nodes/{name}/wanted", ID: "wantHost", Tag: "cluster", Summary: "Drain or cordon a host, or want it back"},
		func(ctx context.Context, in *wantedInput) (*item[join.Host], error) {
			return one(s.hosts.Want(ctx, actorOf(ctx), in.Name, in.Body.Wanted))
		})
	add(s, route{Method: http.MethodDelete, Path: "/nodes/{name}", ID: "removeHost", Tag: "cluster", Summary: "Remove a host from the cluster",
		Doc: "Its certificates are revoked, it is cut off at once, and its processes stop. It may join again with a new token."},
		func(ctx context.Context, in *byHost) (*item[join.Host], error) {
			return one(s.hosts.Remove(ctx, actorOf(ctx), in.Name))
		})
	add(s, route{Method: http.MethodPost, Path: "/join-tokens", ID: "createJoinToken", Tag: "cluster", Summary: "Make a token that lets machines join", Status: http.StatusCreated, Unrepeated: true},
		func(ctx context.Context, in *joinTokenInput) (*item[NewJoinToken], error) {
			t, secret, err := s.hosts.CreateToken(ctx, actorOf(ctx), join.TokenDraft{
				Roles: in.Body.Roles, Life: time.Duration(in.Body.Seconds) * time.Second, Uses: in.Body.Uses})
			return one(NewJoinToken{t, secret}, err)
		})
	add(s, route{Method: http.MethodGet, Path: "/join-tokens", ID: "listJoinTokens", Tag: "cluster", Summary: "The join tokens, the newest first"},
		func(ctx context.Context, _ *struct{}) (*page[join.Token], error) {
			tokens, err := s.hosts.Tokens(ctx, actorOf(ctx))
			return paged(tokens, "", err)
		})
	add(s, route{Method: http.MethodDelete, Path: "/join-tokens/{id}", ID: "revokeJoinToken", Tag: "cluster", Summary: "End a join token",
		Doc: "Hosts that it let in stay."},
		func(ctx context.Context, in *byTokenID) (*item[org.Revoked], error) {
			return one(s.hosts.RevokeToken(ctx, actorOf(ctx), in.ID))
		})
}
