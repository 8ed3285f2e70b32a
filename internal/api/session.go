package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
)

// Me is who is signed in.
type Me struct {
	ID         db.ID    `json:"id"`
	Login      string   `json:"login"`
	Name       string   `json:"name"`
	Lang       string   `json:"lang,omitempty" doc:"BCP 47."`
	Roles      []string `json:"roles"`
	Principals []db.ID  `json:"principals" doc:"Every id that means this person: the own one, groups, units, posts, roles."`
	Scopes     []string `json:"scopes,omitempty" doc:"What the token in use may do; absent for a session."`
	Token      db.ID    `json:"token,omitzero" doc:"The token in use; absent for a session."`
	MustChange bool     `json:"mustChange" doc:"The password was made for one sign-in; nothing but changing it is open."`
}

func meOf(a *org.Actor) Me {
	return Me{ID: a.ID, Login: a.Login, Name: a.Name, Lang: a.Lang, Roles: listOf(a.Roles), Principals: a.Principals,
		Scopes: a.Scopes, Token: a.Token, MustChange: a.MustChange}
}

type loginInput struct {
	Caller
	Body struct {
		Login    string `json:"login" minLength:"1" maxLength:"200"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

type sessionOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

type goodbye struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

type passwordInput struct {
	Caller
	Body struct {
		Old string `json:"old" minLength:"1" maxLength:"1024"`
		New string `json:"new" minLength:"1" maxLength:"1024" doc:"At least 12 characters."`
	}
}

func (s *Server) registerSession() {
	add(s, route{Method: http.MethodPost, Path: "/login", ID: "login", Tag: "session", Summary: "Sign in", Public: true, Unrepeated: true,
		Doc: "Makes a session and sets its cookie. A session that the browser had ends."}, s.login)
	add(s, route{Method: http.MethodPost, Path: "/logout", ID: "logout", Tag: "session", Summary: "Sign out", Unrepeated: true}, s.logout)
	add(s, route{Method: http.MethodGet, Path: "/me", ID: "me", Tag: "session", Summary: "Who is signed in"},
		func(ctx context.Context, _ *struct{}) (*item[Me], error) { return one(meOf(actorOf(ctx)), nil) })
	add(s, route{Method: http.MethodPut, Path: "/me/password", ID: "changePassword", Tag: "session", Summary: "Change the own password", Unrepeated: true,
		Doc: "Every session of the user ends; the answer carries a new one."}, s.changePassword)
}

func (s *Server) login(ctx context.Context, in *loginInput) (*sessionOutput, error) {
	who := org.SignIn{Login: in.Body.Login, Password: in.Body.Password, From: s.originOf(in.request)}
	if err := s.attempts.allow(who.From.Address); err != nil {
		return nil, err
	}
	if c, err := in.request.Cookie(s.cookieName()); err == nil {
		who.Previous = c.Value
	}
	made, err := s.org.SignIn(ctx, who)
	if err != nil {
		return nil, err
	}
	return &sessionOutput{SetCookie: s.cookie(made.Secret), Body: meOf(made.Actor)}, nil
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*goodbye, error) {
	actor := actorOf(ctx)
	_, err := s.org.RevokeSession(ctx, actor, actor.ID, actor.Session)
	return &goodbye{SetCookie: s.cookie("")}, err
}

func (s *Server) changePassword(ctx context.Context, in *passwordInput) (*sessionOutput, error) {
	made, err := s.org.ChangePassword(ctx, actorOf(ctx), in.Body.Old, in.Body.New, s.originOf(in.request))
	if err != nil {
		return nil, err
	}
	return &sessionOutput{SetCookie: s.cookie(made.Secret), Body: meOf(made.Actor)}, nil
}
