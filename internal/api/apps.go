package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/errs"
)

type ByApp struct {
	App string `path:"app" maxLength:"63"`
}

type publishInput struct {
	RawBody []byte `contentType:"application/zip"`
}

type activateInput struct {
	ByApp
	Body struct {
		Version int `json:"version" minimum:"1" doc:"Number of the version to make active."`
	}
}

type diffInput struct {
	ByApp
	From int `query:"from" minimum:"0" doc:"Number of a version; 0 or left out: the active one."`
	To   int `query:"to" minimum:"0" doc:"Number of a version; 0 or left out: the active one."`
}

type VersionInput struct {
	ByApp
	Version int `path:"version" minimum:"0" doc:"Number of a version; 0: the active one."`
}

type formInput struct {
	VersionInput
	Form string `path:"form" maxLength:"100"`
}

// Form is a form of an app's version.
type Form struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema" doc:"form-js JSON."`
}

type fileOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (s *Server) registerApps() {
	add(s, route{Method: http.MethodGet, Path: "/apps", ID: "listApps", Tag: "apps", Summary: "The published apps with their active versions"},
		func(ctx context.Context, _ *struct{}) (*page[app.Summary], error) {
			list, err := s.apps.List(ctx, actorOf(ctx))
			return paged(list, "", err)
		})
	add(s, route{Method: http.MethodPost, Path: "/apps", ID: "publishApp", Tag: "apps", Summary: "Publish an app", MaxBody: bundleBody,
		Doc: "Takes a zip of the app's folder. The version becomes active at once; running tickets keep theirs. " +
			"Files that were published before give the version they were then."}, s.publish)
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/versions", ID: "listVersions", Tag: "apps", Summary: "An app's versions, newest first"},
		func(ctx context.Context, in *ByApp) (*page[app.Version], error) {
			versions, err := s.apps.Versions(ctx, actorOf(ctx), in.App)
			return paged(versions, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/versions/{version}/bundle", ID: "exportApp", Tag: "apps", Summary: "A version as a zip",
		Produces: "application/zip"}, s.export)
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/versions/{version}/forms", ID: "listForms", Tag: "apps", Summary: "The names of a version's forms"}, s.listForms)
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/versions/{version}/forms/{form}", ID: "getForm", Tag: "apps", Summary: "One form of a version"}, s.getForm)
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/versions/{version}/texts", ID: "getTexts", Tag: "apps", Summary: "A version's texts, by language and key"},
		func(ctx context.Context, in *VersionInput) (*item[map[string]app.Texts], error) {
			l, err := s.version(ctx, in)
			if err != nil {
				return nil, err
			}
			return one(l.Texts, nil)
		})
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/diff", ID: "diffApp", Tag: "apps", Summary: "What changed between two versions"},
		func(ctx context.Context, in *diffInput) (*item[app.Diff], error) {
			return one(s.apps.Diff(ctx, actorOf(ctx), in.App, in.From, in.To))
		})
	add(s, route{Method: http.MethodPost, Path: "/apps/{app}/active", ID: "activateVersion", Tag: "apps", Summary: "Make a version active: roll back, or forward again"},
		func(ctx context.Context, in *activateInput) (*item[app.Published], error) {
			return one(s.apps.Rollback(ctx, actorOf(ctx), in.App, in.Body.Version))
		})
}

// version reads a version that the caller may read.
func (s *Server) version(ctx context.Context, in *VersionInput) (*app.Loaded, error) {
	v, err := s.apps.Find(ctx, actorOf(ctx), in.App, in.Version)
	if err != nil {
		return nil, err
	}
	return s.apps.Loaded(ctx, v.ID)
}

func (s *Server) listForms(ctx context.Context, in *VersionInput) (*page[string], error) {
	l, err := s.version(ctx, in)
	if err != nil {
		return nil, err
	}
	return paged(slices.Sorted(maps.Keys(l.Forms)), "", nil)
}

func (s *Server) getForm(ctx context.Context, in *formInput) (*item[Form], error) {
	l, err := s.version(ctx, &in.VersionInput)
	if err != nil {
		return nil, err
	}
	f := l.Form(in.Form)
	if f == nil {
		return nil, errs.New(errs.NotFound, "version %d of %s has no form %s", l.Number, in.App, in.Form)
	}
	return one(Form{Name: l.FormName(in.Form), Schema: f.View(nil, nil, nil).Schema}, nil)
}

func (s *Server) publish(ctx context.Context, in *publishInput) (*item[app.Published], error) {
	bundle, err := app.Unzip(in.RawBody)
	if err != nil {
		return nil, err
	}
	return one(s.apps.Publish(ctx, actorOf(ctx), bundle))
}

func (s *Server) export(ctx context.Context, in *VersionInput) (*fileOutput, error) {
	v, zipped, err := s.apps.Export(ctx, actorOf(ctx), in.App, in.Version)
	if err != nil {
		return nil, err
	}
	return &fileOutput{
		ContentType: "application/zip",
		Disposition: fmt.Sprintf(`attachment; filename="%s-%d.zip"`, v.App, v.Number),
		Body:        zipped,
	}, nil
}
