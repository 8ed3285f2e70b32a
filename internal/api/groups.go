package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/org"
)

type groupsInput struct {
	PageInput
	Kind   string  `query:"kind" enum:"group,unit,post,role"`
	Search string  `query:"search" maxLength:"200" doc:"Part of the name or title."`
	Parent idParam `query:"parent" doc:"Only what is directly under this unit."`
}

// GroupFields are what can be set of a group, unit, post or role.
type GroupFields struct {
	Name   string `json:"name" minLength:"1" maxLength:"100" doc:"Unique in its kind; models name it."`
	Title  string `json:"title,omitempty" maxLength:"200"`
	Parent db.ID  `json:"parent,omitzero" doc:"Of a unit: the one above. Of a post: its unit."`
	Head   db.ID  `json:"head,omitzero" doc:"Of a unit: a user."`
}

type newGroup struct {
	Body struct {
		GroupFields
		Kind org.Kind `json:"kind" enum:"group,unit,post,role"`
	}
}

type changedGroup struct {
	ID   idParam `path:"id"`
	Body struct {
		GroupFields
		Version int64 `json:"version" minimum:"1" doc:"The version that was changed; another one by now is a conflict."`
	}
}

type removedGroup struct {
	ID      idParam `path:"id"`
	Version int64   `query:"version" required:"true" minimum:"1"`
}

type changedMembers struct {
	ID   idParam `path:"id"`
	Body struct {
		Add    []db.ID `json:"add,omitempty" maxItems:"1000"`
		Remove []db.ID `json:"remove,omitempty" maxItems:"1000"`
	}
}

// Member of a group: a user, or in a role also a group, unit or post.
type Member struct {
	ID   db.ID    `json:"id"`
	Kind org.Kind `json:"kind" enum:"user,group,unit,post,role"`
	Name string   `json:"name" doc:"Login of a user, else the group's name."`
	Text string   `json:"text" doc:"What people call it."`
}

// registerGroups adds groups, units, posts and roles: one resource of four kinds.
func (s *Server) registerGroups() {
	add(s, route{Method: http.MethodGet, Path: "/groups", ID: "listGroups", Tag: "people", Summary: "Groups, units, posts and roles, by kind and name"}, s.listGroups)
	add(s, route{Method: http.MethodPost, Path: "/groups", ID: "createGroup", Tag: "people", Summary: "Add a group, unit, post or role", Status: http.StatusCreated},
		func(ctx context.Context, in *newGroup) (*item[org.Group], error) {
			return one(s.org.CreateGroup(ctx, actorOf(ctx), in.Body.group(in.Body.Kind)))
		})
	add(s, route{Method: http.MethodGet, Path: "/groups/{id}", ID: "getGroup", Tag: "people", Summary: "One group, unit, post or role"},
		func(ctx context.Context, in *byID) (*item[*org.Group], error) {
			return one(s.org.Group(actorOf(ctx), in.ID.ID))
		})
	add(s, route{Method: http.MethodPut, Path: "/groups/{id}", ID: "updateGroup", Tag: "people", Summary: "Change a group, unit, post or role",
		Doc: "What is left out becomes empty."}, s.updateGroup)
	add(s, route{Method: http.MethodDelete, Path: "/groups/{id}", ID: "deleteGroup", Tag: "people", Summary: "Delete a group, unit, post or role that is empty"},
		func(ctx context.Context, in *removedGroup) (*item[org.Deleted], error) {
			return one(s.org.DeleteGroup(ctx, actorOf(ctx), in.ID.ID, in.Version))
		})
	add(s, route{Method: http.MethodGet, Path: "/groups/{id}/members", ID: "listMembers", Tag: "people", Summary: "Who is in it directly"}, s.listMembers)
	add(s, route{Method: http.MethodPost, Path: "/groups/{id}/members", ID: "changeMembers", Tag: "people", Summary: "Add and remove members"},
		func(ctx context.Context, in *changedMembers) (*item[org.Membership], error) {
			return one(s.org.ChangeMembers(ctx, actorOf(ctx), in.ID.ID, in.Body.Add, in.Body.Remove))
		})
}

func (f GroupFields) group(kind org.Kind) org.Group {
	return org.Group{Kind: kind, Name: f.Name, Title: f.Title, Parent: f.Parent, Head: f.Head}
}

func (s *Server) listGroups(ctx context.Context, in *groupsInput) (*page[*org.Group], error) {
	return paged(s.org.Groups(actorOf(ctx), org.GroupFilter{Kind: org.Kind(in.Kind), Search: in.Search, Parent: in.Parent.ID}, in.page()))
}

// updateGroup keeps the kind: it cannot change, so it is not asked for.
func (s *Server) updateGroup(ctx context.Context, in *changedGroup) (*item[org.Group], error) {
	known, err := s.org.Group(actorOf(ctx), in.ID.ID)
	if err != nil {
		return nil, err
	}
	g := in.Body.group(known.Kind)
	g.ID, g.Version = in.ID.ID, in.Body.Version
	return one(s.org.UpdateGroup(ctx, actorOf(ctx), g))
}

func (s *Server) listMembers(ctx context.Context, in *byID) (*page[Member], error) {
	if _, err := s.org.Group(actorOf(ctx), in.ID.ID); err != nil {
		return nil, err
	}
	dir := s.org.Directory()
	members := []Member{}
	for _, id := range dir.Direct(in.ID.ID) {
		m := Member{ID: id, Kind: org.KindUser, Text: dir.Name(id)}
		if u := dir.User(id); u != nil {
			m.Name = u.Login
		} else if g := dir.Group(id); g != nil {
			m.Kind, m.Name = g.Kind, g.Name
		}
		members = append(members, m)
	}
	return paged(members, "", nil)
}
