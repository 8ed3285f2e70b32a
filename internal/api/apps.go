package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/paceline/paceline/internal/app"
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

type exportInput struct {
	ByApp
	Version int `path:"version" minimum:"0" doc:"Number of a version; 0: the active one."`
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
	add(s, route{Method: http.MethodGet, Path: "/apps/{app}/diff", ID: "diffApp", Tag: "apps", Summary: "What changed between two versions"},
		func(ctx context.Context, in *diffInput) (*item[app.Diff], error) {
			return one(s.apps.Diff(ctx, actorOf(ctx), in.App, in.From, in.To))
		})
	add(s, route{Method: http.MethodPost, Path: "/apps/{app}/active", ID: "activateVersion", Tag: "apps", Summary: "Make a version active: roll back, or forward again"},
		func(ctx context.Context, in *activateInput) (*item[app.Published], error) {
			return one(s.apps.Rollback(ctx, actorOf(ctx), in.App, in.Body.Version))
		})
}

func (s *Server) publish(ctx context.Context, in *publishInput) (*item[app.Published], error) {
	bundle, err := app.Unzip(in.RawBody)
	if err != nil {
		return nil, err
	}
	return one(s.apps.Publish(ctx, actorOf(ctx), bundle))
}

func (s *Server) export(ctx context.Context, in *exportInput) (*fileOutput, error) {
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
