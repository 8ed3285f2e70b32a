package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paceline/paceline/internal/errs"
)

// Problem is every error this API answers with (RFC 9457, application/problem+json).
type Problem struct {
	Type    string        `json:"type" doc:"Names the kind of problem." example:"urn:paceline:problem:not-found"`
	Title   string        `json:"title" doc:"The kind of problem in words; the same for every problem of the kind."`
	Status  int           `json:"status" doc:"The HTTP status."`
	Kind    string        `json:"kind" enum:"invalid,unauthenticated,denied,not found,conflict,exhausted,unavailable,unsupported,internal" doc:"What a caller can do about it."`
	Detail  string        `json:"detail" doc:"What is wrong with this request."`
	Cure    string        `json:"cure,omitempty" doc:"What to do next."`
	Errors  []errs.Detail `json:"errors,omitempty" doc:"Every wrong place of the input."`
	Request string        `json:"request,omitempty" doc:"The request's id, as in the server's log."`

	retry string // Retry-After, in seconds
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus, GetHeaders and ContentType tell huma how to send a Problem.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders carries Retry-After where the cause names a time.
func (p *Problem) GetHeaders() http.Header {
	if p.retry == "" {
		return nil
	}
	return http.Header{"Retry-After": {p.retry}}
}

// ContentType is the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statuses is the one table from kinds of error to HTTP.
var statuses = map[errs.Kind]struct {
	status int
	title  string
}{
	errs.Invalid:         {http.StatusUnprocessableEntity, "The request cannot be done as it stands"},
	errs.Unauthenticated: {http.StatusUnauthorized, "Nobody is signed in"},
	errs.Denied:          {http.StatusForbidden, "Not allowed"},
	errs.NotFound:        {http.StatusNotFound, "Not found"},
	errs.Conflict:        {http.StatusConflict, "In conflict with how things are now"},
	errs.Exhausted:       {http.StatusTooManyRequests, "Too much at once"},
	errs.Unavailable:     {http.StatusServiceUnavailable, "Not available just now"},
	errs.Unsupported:     {http.StatusNotImplemented, "Not something this system does"},
	errs.Internal:        {http.StatusInternalServerError, "Our mistake"},
}

// problemOf turns any error into what the caller is told. What an Internal error says
// stays in the log, where it is written exactly once, here.
func (s *Server) problemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	kind := errs.KindOf(err)
	p = newProblem(ctx, kind, statuses[kind].status)
	var e *errs.Error
	switch {
	case kind == errs.Internal:
		s.log.ErrorContext(ctx, "request failed", "request", p.Request, "err", err)
		p.Detail = "The server could not do this; its log has the cause."
		p.Cure = "Try again, or name request " + p.Request + " to whoever runs the server."
	case errors.As(err, &e):
		p.Detail, p.Cure, p.Errors = e.Error(), e.Cure, e.Details
		if len(e.Details) > 0 {
			p.Detail = e.Message
		}
		if e.Retry > 0 {
			p.retry = strconv.Itoa(int(math.Ceil(e.Retry.Seconds())))
		}
	default:
		p.Detail = "The request was given up before it was done."
	}
	if p.retry == "" && (kind == errs.Exhausted || kind == errs.Unavailable) {
		p.retry = "1"
	}
	return p
}

func newProblem(ctx context.Context, kind errs.Kind, status int) *Problem {
	return &Problem{
		Type:    "urn:paceline:problem:" + strings.ReplaceAll(kind.String(), " ", "-"),
		Title:   statuses[kind].title,
		Status:  status,
		Kind:    kind.String(),
		Request: requestID(ctx),
	}
}

// statusKinds gives the errors that huma itself finds (in decoding and validation) a kind.
var statusKinds = map[int]errs.Kind{
	http.StatusNotFound:         errs.NotFound,
	http.StatusMethodNotAllowed: errs.Unsupported,
	http.StatusNotAcceptable:    errs.Unsupported,
	http.StatusForbidden:        errs.Denied,
}

// restate is the response transformer that replaces huma's error by a Problem.
func (s *Server) restate(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if m.Status >= 500 {
		return s.problemOf(ctx.Context(), errors.New(m.Error())), nil
	}
	kind, ok := statusKinds[m.Status]
	if !ok {
		kind = errs.Invalid
	}
	p := newProblem(ctx.Context(), kind, m.Status)
	p.Detail = "The request does not have the form that the API document describes."
	switch {
	case m.Status == http.StatusRequestEntityTooLarge:
		return tooLarge(ctx), nil
	case len(m.Errors) == 0:
		p.Detail = m.Detail
	}
	p.Cure = "Compare it with " + documentPath + "."
	for _, d := range m.Errors {
		p.Errors = append(p.Errors, errs.Detail{Place: d.Location, Rule: "schema", Message: choices.Replace(d.Message)})
	}
	return p, nil
}

// choices takes the empty choice, which stands for leaving it out, from what huma says of a wrong one.
var choices = strings.NewReplacer(`one of ", `, `one of "`)

// refuse answers a request outside huma's handlers with a problem.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(r.Context(), err)
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	encode(s.log, w, p)
}

func encode(log *slog.Logger, w http.ResponseWriter, v any) {
	if err := huma.DefaultJSONFormat.Marshal(w, v); err != nil {
		log.Debug("client went away", "err", err)
	}
}
