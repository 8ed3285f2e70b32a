package dryrun

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// printer writes lines, as JSON or for people, and keeps the first error of writing.
type printer struct {
	out    io.Writer
	json   bool
	events int // printed
	err    error
}

func (p *printer) line(v any, format string, args ...any) {
	if p.err != nil {
		return
	}
	if !p.json {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
		return
	}
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	p.err = enc.Encode(v)
}

// eventLine is one event (section 3).
type eventLine struct {
	Event    string  `json:"event"`
	Element  string  `json:"element"`
	Type     string  `json:"type"`
	Instance int     `json:"instance"`
	Loop     int     `json:"loop,omitempty"`
	How      string  `json:"how,omitempty"`
	Error    string  `json:"error,omitempty"`
	Message  *string `json:"message,omitempty"`
}

func (w *world) event(l eventLine) {
	if w.overrun() {
		return
	}
	w.events++
	more := ""
	if l.Loop > 0 {
		more = fmt.Sprintf(" (%d)", l.Loop)
	}
	if l.How != "" {
		more += " " + l.How
	}
	if l.Error != "" {
		more += " error " + l.Error
	}
	if l.Message != nil {
		more += ": " + *l.Message
	}
	w.line(l, "%s  #%d %-9s %s %s%s", w.now.Format(time.DateTime), l.Instance, l.Event, l.Type, l.Element, more)
}

var moments = map[engine.Moment]string{engine.Entered: "entered", engine.Completed: "completed", engine.Cancelled: "cancelled",
	engine.Warned: "warned", engine.Escalated: "escalated", engine.Transferred: "transferred"}

func (w *world) trace(in *instance, e engine.Trace) {
	w.event(eventLine{Event: moments[e.What], Element: e.Node.ID, Type: e.Node.Tag, Instance: in.n, Loop: e.Loop})
}

func (w *world) incident(in *instance, e engine.OpenIncident) {
	w.event(eventLine{Event: "incident", Element: e.Node.ID, Type: e.Node.Tag, Instance: in.n, Error: e.Code, Message: &e.Message})
}

var hows = map[engine.How]string{engine.EndCompleted: "completed", engine.EndTerminated: "terminated",
	engine.EndCancelled: "cancelled", engine.EndFailed: "failed"}

func (w *world) finished(in *instance, e engine.Finished) {
	w.event(eventLine{Event: "finished", Element: in.proc.id, Type: "process", Instance: in.n, How: hows[e.How], Error: e.Code})
}

// refuse tells that a step cannot be applied; step 0 is what comes before the first.
func (w *world) refuse(n int, err error) bool {
	w.line(struct {
		Event   string `json:"event"`
		Step    int    `json:"step"`
		Message string `json:"message"`
	}{"refused", n, err.Error()}, "step %d refused: %v", n, err)
	return false
}

// problem prints a problem of a file as lint does (section 5).
func (p *printer) problem(path string, problem bpmn.Problem) {
	p.line(problem.Finding(path),
		"%s: %s: %s", path, problem.Severity, problem.String())
}

// variables are printed as a JSON object in the order of their names.
type variables feel.Vars

func (v variables) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range v.names() {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := feel.ToJSON(name)
		if err != nil {
			return nil, err
		}
		value, err := feel.ToJSON(v[name])
		if err != nil {
			value = []byte("null") // a function, which has no form outside
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (v variables) names() []string {
	all := make([]string, 0, len(v))
	for name := range v {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (v variables) String() string {
	b, err := v.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// printVariables prints the last line.
func (w *world) printVariables() {
	vars := variables{}
	if len(w.instances) > 0 {
		vars = variables(w.instances[0].state.Vars())
	}
	w.line(struct {
		Event string    `json:"event"`
		Ended bool      `json:"ended"`
		Vars  variables `json:"vars"`
	}{"variables", w.ended(), vars}, "variables %s", vars)
}

// ended reports whether no instance is left running.
func (w *world) ended() bool {
	for _, in := range w.instances {
		if !in.ended() {
			return false
		}
	}
	return true
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
