package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
)

type usersInput struct {
	PageInput
	Search   string  `query:"search" maxLength:"200" doc:"Part of the login, name or e-mail."`
	In       idParam `query:"in" doc:"Only members of this group, unit, post or role, also indirect ones."`
	Disabled bool    `query:"disabled" doc:"Disabled ones too."`
}

// UserFields are what can be set of a user.
type UserFields struct {
	Name       string         `json:"name" maxLength:"200"`
	Email      string         `json:"email,omitempty" maxLength:"200"`
	Lang       string         `json:"lang,omitempty" maxLength:"35" doc:"BCP 47, such as zh-TW."`
	Unit       db.ID          `json:"unit,omitzero" doc:"The primary unit."`
	Superior   db.ID          `json:"superior,omitzero" doc:"Left out: the head of the unit."`
	Attributes map[string]any `json:"attributes,omitempty" doc:"What apps want to know of a person."`
}

func (f UserFields) user() org.User {
	return org.User{Name: f.Name, Email: f.Email, Lang: f.Lang, Unit: f.Unit, Superior: f.Superior, Attributes: f.Attributes}
}

type newUser struct {
	Body struct {
		UserFields
		Login    string `json:"login" minLength:"1" maxLength:"100"`
		Password string `json:"password,omitempty" maxLength:"1024" doc:"Good for one sign-in. Left out: nobody can sign in until one is set."`
	}
}

type changedUser struct {
	ID   idParam `path:"id"`
	Body struct {
		UserFields
		Disabled bool  `json:"disabled,omitempty"`
		Version  int64 `json:"version" minimum:"1" doc:"The version that was changed; another one by now is a conflict."`
	}
}

type languageInput struct {
	Body struct {
		Lang string `json:"lang" maxLength:"35" doc:"BCP 47, such as zh-TW; empty for none."`
	}
}

type passwordReset struct {
	ID   idParam `path:"id"`
	Body struct {
		Password string `json:"password,omitempty" maxLength:"1024" doc:"Left out: a random one is made and told."`
	}
}

// OneTimePassword is good for one sign-in.
type OneTimePassword struct {
	Password string `json:"password,omitempty" doc:"The random password; absent where one was given."`
}

func (s *Server) registerUsers() {
	add(s, route{Method: http.MethodGet, Path: "/users", ID: "listUsers", Tag: "people", Summary: "Users, by login"}, s.listUsers)
	add(s, route{Method: http.MethodPost, Path: "/users", ID: "createUser", Tag: "people", Summary: "Add a user", Status: http.StatusCreated},
		func(ctx context.Context, in *newUser) (*item[org.User], error) {
			u := in.Body.user()
			u.Login = in.Body.Login
			return one(s.org.CreateUser(ctx, actorOf(ctx), u, in.Body.Password))
		})
	add(s, route{Method: http.MethodGet, Path: "/users/{id}", ID: "getUser", Tag: "people", Summary: "One user"},
		func(ctx context.Context, in *byID) (*item[*org.User], error) {
			return one(s.org.User(actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodPut, Path: "/users/{id}", ID: "updateUser", Tag: "people", Summary: "Change a user",
		Doc: "What is left out becomes empty. Users are never deleted, because tickets tell of them; they are disabled."}, s.updateUser)
	add(s, route{Method: http.MethodPut, Path: "/me/language", ID: "setLanguage", Tag: "session", Summary: "Choose the own language"},
		func(ctx context.Context, in *languageInput) (*item[org.User], error) {
			return one(s.org.SetLang(ctx, actorOf(ctx), in.Body.Lang))
		})
	add(s, route{Method: http.MethodPost, Path: "/users/{id}/password", ID: "setPassword", Tag: "people", Summary: "Give a user a one-time password", Unrepeated: true},
		func(ctx context.Context, in *passwordReset) (*item[OneTimePassword], error) {
			secret, err := s.org.SetPassword(ctx, actorOf(ctx), in.ID.ID, in.Body.Password)
			return one(OneTimePassword{Password: secret}, err)
		})
}

func (s *Server) listUsers(ctx context.Context, in *usersInput) (*page[*org.User], error) {
	return paged(s.org.Users(actorOf(ctx), org.UserFilter{Search: in.Search, In: in.In.ID, Disabled: in.Disabled}, in.page()))
}

// updateUser keeps the login: it cannot change, so it is not asked for.
func (s *Server) updateUser(ctx context.Context, in *changedUser) (*item[org.User], error) {
	known, err := s.org.User(actorOf(ctx), in.ID.ID)
	if err != nil {
		return nil, err
	}
	u := in.Body.user()
	u.ID, u.Login, u.Disabled, u.Version = in.ID.ID, known.Login, in.Body.Disabled, in.Body.Version
	return one(s.org.UpdateUser(ctx, actorOf(ctx), u))
}
