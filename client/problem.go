package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Problem is an error that the server answered with (RFC 9457).
type Problem struct {
	Type    string   `json:"type"`
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Kind    string   `json:"kind"` // one of the Kind constants
	Detail  string   `json:"detail"`
	Cure    string   `json:"cure"`
	Errors  []Detail `json:"errors"`
	Request string   `json:"request"`

	Repeat bool `json:"-"` // the server asked to come back
}

// Detail is one wrong thing inside an input.
type Detail struct {
	Place   string `json:"place"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// The kinds of problem.
const (
	Invalid         = "invalid"
	Unauthenticated = "unauthenticated"
	Denied          = "denied"
	NotFound        = "not found"
	Conflict        = "conflict"
	Exhausted       = "exhausted"
	Unavailable     = "unavailable"
	Unsupported     = "unsupported"
	Internal        = "internal"
)

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Detail)
	for _, d := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", d.Place, d.Message)
	}
	return b.String()
}

// KindOf is the kind of a problem; empty when err is not one, such as a broken connection.
func KindOf(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Kind
	}
	return ""
}

// readProblem reads an error answer and closes it. What is not a problem document (a
// proxy's page) becomes one.
func readProblem(res *http.Response) (wait time.Duration, err error) {
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	wait = retryAfter(res.Header)
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Kind == "" {
		p = &Problem{Status: res.StatusCode, Kind: Internal, Title: res.Status, Detail: "the server answered " + res.Status}
		if res.StatusCode >= 502 {
			p.Kind = Unavailable
		}
	}
	p.Repeat = res.Header.Get("Retry-After") != ""
	return wait, p
}

// worthRepeating says whether the same call may succeed soon: nobody answered, the
// server is away, or the first attempt under this key is still running there.
func worthRepeating(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var p *Problem
	if !errors.As(err, &p) {
		return true
	}
	return p.Kind == Unavailable || p.Kind == Conflict && p.Repeat
}
