package api

import (
	"cmp"
	"context"
	"net/http"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
)

// Where things are.
const (
	prefix       = "/api/v1"
	documentPath = prefix + "/openapi.json"
	docsPath     = prefix + "/docs"
)

// Body limits.
const (
	smallBody  = 256 << 10  // people and settings
	formBody   = 4 << 20    // a submitted form
	bundleBody = app.MaxZip // an app bundle
)

// route is one operation: how it is found, described, and guarded.
type route struct {
	Method, Path string // the path below /api/v1
	ID           string // operationId
	Tag          string
	Summary, Doc string
	Status       int   // of success; 0: 200, or 204 where there is no body
	MaxBody      int64 // 0: smallBody
	Public       bool  // nobody need be signed in
	Unrepeated   bool  // a write that is not stored under an Idempotency-Key: its answer is a secret, or a lock that runs out
	Stream       any   // an event stream of this type
	Produces     string
}

func (rt route) writes() bool { return rt.Method != http.MethodGet && rt.Method != http.MethodHead }

// add registers a handler. The handler decodes nothing, decides nothing and encodes
// nothing that is not in its types; what it returns as an error becomes a Problem here.
func add[I, O any](s *Server, rt route, handler func(context.Context, *I) (*O, error)) {
	op := s.operation(rt)
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
}

func (s *Server) operation(rt route) huma.Operation {
	op := huma.Operation{
		Method: rt.Method, Path: prefix + rt.Path, OperationID: rt.ID, Tags: []string{rt.Tag},
		Summary: rt.Summary, Description: rt.Doc, DefaultStatus: rt.Status,
		MaxBodyBytes:                 cmp.Or(rt.MaxBody, smallBody) + 1, // huma refuses what reaches its limit
		BodyReadTimeout:              time.Minute,
		RejectUnknownQueryParameters: true,
		Responses:                    map[string]*huma.Response{"default": s.problemResponse()},
	}
	if rt.Public {
		op.Security = []map[string][]string{}
	} else {
		op.Middlewares = append(op.Middlewares, s.signedIn)
	}
	if rt.writes() && !rt.Unrepeated {
		op.Parameters = append(op.Parameters, idempotencyParam())
		op.Middlewares = append(op.Middlewares, s.once)
	}
	if rt.Stream != nil || rt.Produces != "" {
		op.Responses["200"] = s.streamResponse(rt)
	}
	return op
}

// bodyLimit is how many bytes of body an operation takes.
func bodyLimit(op *huma.Operation) int64 { return op.MaxBodyBytes - 1 }

func (s *Server) problemResponse() *huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return &huma.Response{
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}
}

func (s *Server) streamResponse(rt route) *huma.Response {
	if rt.Stream == nil {
		return &huma.Response{Description: "The file", Content: map[string]*huma.MediaType{
			rt.Produces: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	}
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(rt.Stream), true, "Event")
	return &huma.Response{Description: "A stream of events; each data line is one of these", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: schema}}}
}

func idempotencyParam() *huma.Param {
	least, most := 1, maxKey
	return &huma.Param{
		Name: keyHeader, In: "header",
		Description: "Makes the request happen once: a repeat under the same key gets the first answer. " +
			"The same key with another request is refused with 422; while the first is running, with 409.",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most},
	}
}

// item is an answer that is one value.
type item[T any] struct {
	Body T
}

func one[T any](v T, err error) (*item[T], error) {
	if err != nil {
		return nil, err
	}
	return &item[T]{Body: v}, nil
}

// idParam is an id in a path or a query.
type idParam struct {
	db.ID
}

// UnmarshalText reads the decimal form.
func (p *idParam) UnmarshalText(text []byte) (err error) {
	p.ID, err = db.ParseID(string(text))
	return err
}

// Schema says that ids are strings: 63 bits do not fit a JavaScript number.
func (idParam) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9]{1,19}$", Description: "An id."}
}

type byID struct {
	ID idParam `path:"id"`
}

// prefixed are the packages whose types get the package's name before their own, because
// other subjects use the same words.
var prefixed = map[string]string{"app": "App", "cluster": "Cluster", "process": "Process", "calendar": "Calendar", "hours": "Calendar", "intake": "Intake", "record": "Record", "operation": "Operation", "join": "Join"}

// schemaName names types in the document; a page of Tickets is a TicketPage.
func schemaName(t reflect.Type, hint string) string {
	if t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Page[") {
		items, _ := t.FieldByName("Items")
		of := items.Type.Elem()
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		return schemaName(of, "") + "Page"
	}
	return prefixed[path.Base(t.PkgPath())] + huma.DefaultSchemaNamer(t, hint)
}
