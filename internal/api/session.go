package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/time/rate"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// attempts limits sign-ins by address before any password is hashed; the brake behind
// it, per account and cluster-wide, is org's. mu guards by.
type attempts struct {
	mu sync.Mutex
	by map[string]*rate.Limiter
}

const (
	loginBurst     = 20
	loginEvery     = 3 * time.Second
	knownAddresses = 10_000
)

func newAttempts() *attempts { return &attempts{by: map[string]*rate.Limiter{}} }

func (a *attempts) allow(address string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.by[address]
	if l == nil {
		if len(a.by) >= knownAddresses {
			clear(a.by)
		}
		l = rate.NewLimiter(rate.Every(loginEvery), loginBurst)
		a.by[address] = l
	}
	if !l.Allow() {
		return errs.New(errs.Exhausted, "too many sign-ins from %s", address).RetryAfter(loginEvery)
	}
	return nil
}

// cookieName has the __Host- prefix where https allows it: such a cookie cannot be set
// by another host or path.
func (s *Server) cookieName() string {
	if s.cfg.Secure {
		return org.Cookie
	}
	return org.PlainCookie
}

// cookie carries a session's secret; an empty one makes the browser forget it.
func (s *Server) cookie(secret string) http.Cookie {
	c := http.Cookie{Name: s.cookieName(), Value: secret, Path: "/", HttpOnly: true, Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}

// signedIn finds out who calls: by the token in the Authorization header, else by the
// session in the cookie.
func (s *Server) signedIn(hc huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(hc)
	secret, err := s.secretOf(r)
	if err == nil {
		var actor *org.Actor
		if actor, err = s.org.Authenticate(r.Context(), secret, originOf(r)); err == nil {
			next(huma.WithValue(hc, signedInKey, actor))
			return
		}
	}
	if errs.Is(err, errs.Unauthenticated) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="paceline"`)
	}
	s.refuse(w, r, err)
}

// secretOf is the token or session that a request shows; empty when it shows none.
func (s *Server) secretOf(r *http.Request) (string, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			return "", errs.New(errs.Unauthenticated, "the Authorization header is not a bearer token").
				WithCure("send Authorization: Bearer TOKEN")
		}
		return token, nil
	}
	if c, err := r.Cookie(s.cookieName()); err == nil {
		return c.Value, nil
	}
	return "", nil
}

// actorOf is who calls; never nil behind signedIn.
func actorOf(ctx context.Context) *org.Actor {
	actor, _ := ctx.Value(signedInKey).(*org.Actor)
	return actor
}

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

// listOf makes sure that an empty list is [] in JSON.
func listOf[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Caller is for inputs that need of a request what no parameter says.
type Caller struct {
	request *http.Request
}

// Resolve keeps the request.
func (c *Caller) Resolve(hc huma.Context) []error {
	c.request, _ = humago.Unwrap(hc)
	return nil
}

func originOf(r *http.Request) org.Origin {
	return org.Origin{Address: clientAddress(r), Agent: r.UserAgent()}
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
	who := org.SignIn{Login: in.Body.Login, Password: in.Body.Password, From: originOf(in.request)}
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
	made, err := s.org.ChangePassword(ctx, actorOf(ctx), in.Body.Old, in.Body.New, originOf(in.request))
	if err != nil {
		return nil, err
	}
	return &sessionOutput{SetCookie: s.cookie(made.Secret), Body: meOf(made.Actor)}, nil
}
