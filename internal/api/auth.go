package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

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
		if actor, err = s.org.Authenticate(r.Context(), secret, s.originOf(r)); err == nil {
			next(huma.WithValue(hc, signedInKey, reading(actor, r)))
			return
		}
	}
	if errs.Is(err, errs.Unauthenticated) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="paceline"`)
	}
	s.refuse(w, r, err)
}

// reading gives an actor who chose no language those that the browser accepts.
func reading(actor *org.Actor, r *http.Request) *org.Actor {
	accept := r.Header.Get("Accept-Language")
	if actor.Lang != "" || accept == "" {
		return actor
	}
	reader := *actor
	reader.Accept = accept
	return &reader
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

// Caller is for inputs that need of a request what no parameter says.
type Caller struct {
	request *http.Request
}

// Resolve keeps the request.
func (c *Caller) Resolve(hc huma.Context) []error {
	c.request, _ = humago.Unwrap(hc)
	return nil
}

func (s *Server) originOf(r *http.Request) org.Origin {
	return org.Origin{Address: s.proxies.client(r), Agent: r.UserAgent()}
}
