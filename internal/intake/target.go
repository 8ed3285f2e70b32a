package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// Target is what is set off: exactly one of the three. In its texts and data a text that begins with "=" is FEEL.
type Target struct {
	Ticket  *TicketTarget  `yaml:"open,omitempty" json:"open,omitempty"`
	Message *MessageTarget `yaml:"message,omitempty" json:"message,omitempty"`
	Signal  *SignalTarget  `yaml:"signal,omitempty" json:"signal,omitempty"`
}

// TicketTarget opens a ticket.
type TicketTarget struct {
	App       string         `yaml:"app,omitempty" json:"app,omitempty" doc:"Left out in an app's own bundle."`
	Kind      string         `yaml:"kind,omitempty" json:"kind,omitempty" doc:"Left out where the app has one only."`
	Requester string         `yaml:"requester" json:"requester" doc:"Login of the person in whose name it is opened."`
	Data      map[string]any `yaml:"data,omitempty" json:"data,omitempty"`
}

// MessageTarget sends a message.
type MessageTarget struct {
	Name string         `yaml:"name" json:"name"`
	Key  string         `yaml:"key,omitempty" json:"key,omitempty" doc:"Correlation key."`
	Data map[string]any `yaml:"data,omitempty" json:"data,omitempty"`
	Wait bool           `yaml:"wait,omitempty" json:"wait,omitempty" doc:"Somebody may wait for it later."`
}

// SignalTarget raises a signal.
type SignalTarget struct {
	Name string         `yaml:"name" json:"name"`
	Data map[string]any `yaml:"data,omitempty" json:"data,omitempty"`
}

// Outcome says what came of a Target.
type Outcome struct {
	State    string `json:"state" enum:"pending,done,nobody,ignored,skipped,failed"`
	Ticket   db.ID  `json:"ticket,omitzero"`
	Instance db.ID  `json:"instance,omitzero"`
	Reason   string `json:"reason,omitempty"`
}

// The states of an Outcome.
const (
	statePending = "pending"
	stateDone    = "done"
	stateNobody  = "nobody"  // nobody waits for the message
	stateIgnored = "ignored" // the webhook's condition does not hold
	stateSkipped = "skipped" // missed, or not on a day of work
	stateFailed  = "failed"
)

// wrong collects what is wrong in one input.
type wrong []errs.Detail

func (w *wrong) add(place, format string, args ...any) {
	if len(*w) < 50 {
		*w = append(*w, errs.Detail{Place: place, Rule: "form", Message: fmt.Sprintf(format, args...)})
	}
}

func (w wrong) err(what, name string) error {
	if len(w) == 0 {
		return nil
	}
	return errs.New(errs.Invalid, "the %s %q is not usable", what, clip(name, 60)).WithDetails(w...)
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})?$`)

func (w *wrong) name(name string) {
	if !nameForm.MatchString(name) {
		w.add("name", "a name has 1 to 63 small letters, digits and -")
	}
}

// target checks a Target with every expression in it.
func (w *wrong) target(t *Target) {
	set := 0
	for _, is := range []bool{t.Ticket != nil, t.Message != nil, t.Signal != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		w.add("open", "exactly one of open, message and signal is needed")
		return
	}
	switch {
	case t.Ticket != nil:
		if t.Ticket.Requester == "" {
			w.add("open.requester", "in whose name the ticket is opened is needed: a login")
		}
		w.value("open.requester", t.Ticket.Requester)
		w.value("open.data", t.Ticket.Data)
	case t.Message != nil:
		if t.Message.Name == "" {
			w.add("message.name", "the message needs a name")
		}
		w.value("message.name", t.Message.Name)
		w.value("message.key", t.Message.Key)
		w.value("message.data", t.Message.Data)
	default:
		if t.Signal.Name == "" {
			w.add("signal.name", "the signal needs a name")
		}
		w.value("signal.name", t.Signal.Name)
		w.value("signal.data", t.Signal.Data)
	}
}

// value checks the expressions in a value.
func (w *wrong) value(place string, v any) {
	switch v := v.(type) {
	case string:
		if src, ok := strings.CutPrefix(v, "="); ok {
			if _, err := feel.Compile(src); err != nil {
				w.add(place, "%v", err)
			}
		}
	case []any:
		for i, item := range v {
			w.value(fmt.Sprintf("%s[%d]", place, i), item)
		}
	case map[string]any:
		for name, item := range v {
			w.value(place+"."+name, item)
		}
	}
}

// scope is what expressions see.
type scope struct {
	feel.Vars
	now time.Time
}

// Now is the moment of the evaluation.
func (s scope) Now() time.Time { return s.now }

// eval evaluates a value with the expressions in it.
func (s scope) eval(v any) (feel.Value, error) {
	switch v := v.(type) {
	case string:
		src, ok := strings.CutPrefix(v, "=")
		if !ok {
			return v, nil
		}
		x, err := feel.Compile(src)
		if err != nil {
			return nil, errs.New(errs.Invalid, "%s: %w", v, err)
		}
		value, err := x.Eval(s)
		if err != nil {
			return nil, errs.New(errs.Invalid, "%s: %w", v, err)
		}
		return value, nil
	case []any:
		list := make(feel.List, len(v))
		for i, item := range v {
			var err error
			if list[i], err = s.eval(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		vars, err := s.vars(v)
		if err != nil {
			return nil, err
		}
		return feel.From(map[string]any(vars)), nil
	}
	return feel.From(v), nil
}

func (s scope) vars(data map[string]any) (feel.Vars, error) {
	vars := feel.Vars{}
	for name, v := range data {
		value, err := s.eval(v)
		if err != nil {
			return nil, err
		}
		vars[name] = value
	}
	return vars, nil
}

// text evaluates to text.
func (s scope) text(src string) (string, error) {
	v, err := s.eval(src)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return feel.String(v), nil
	}
}

// beside gives the rows that belong to the transaction of an effect.
type beside func(Outcome) []db.Row

func (b beside) change(t *process.Transition, c *db.Change) error {
	if b != nil {
		c.Inserts = append(c.Inserts, b(Outcome{State: stateDone, Ticket: t.Root, Instance: t.Instance})...)
	}
	return nil
}

func (b beside) write(ctx context.Context, tx *db.Tx) error {
	if b == nil {
		return nil
	}
	return tx.Insert(ctx, b(Outcome{State: stateDone})...)
}

// do sets a target off. With a db.Once in ctx a repeat gets the first outcome.
func (in *Intake) do(ctx context.Context, t *Target, app string, s scope, note string, with beside) (out Outcome, err error) {
	switch {
	case t.Ticket != nil:
		return in.open(ctx, t.Ticket, app, s, note, with)
	case t.Message != nil:
		return in.message(ctx, t.Message, s, note, with)
	}
	name, err := s.text(t.Signal.Name)
	if err != nil {
		return out, err
	}
	vars, err := s.vars(t.Signal.Data)
	if err != nil {
		return out, err
	}
	_, err = in.deps.Signal(ctx, process.Signal{Name: name, Vars: vars, With: with.write})
	return Outcome{State: stateDone}, err
}

func (in *Intake) open(ctx context.Context, t *TicketTarget, app string, s scope, note string, with beside) (Outcome, error) {
	requester, err := s.text(t.Requester)
	if err != nil {
		return Outcome{}, err
	}
	data, err := s.vars(t.Data)
	if err != nil {
		return Outcome{}, err
	}
	raw, err := feel.ToJSON(feel.From(map[string]any(data)))
	if err != nil {
		return Outcome{}, errs.New(errs.Invalid, "the data cannot be kept: %w", err)
	}
	if t.App != "" {
		app = t.App
	}
	got, err := in.deps.Open(ctx, Opening{App: app, Kind: t.Kind, Requester: requester, Data: raw, Note: note, With: with.change})
	return Outcome{State: stateDone, Ticket: got.Ticket, Instance: got.Instance}, err
}

func (in *Intake) message(ctx context.Context, t *MessageTarget, s scope, by string, with beside) (Outcome, error) {
	name, err := s.text(t.Name)
	if err != nil {
		return Outcome{}, err
	}
	key, err := s.text(t.Key)
	if err != nil {
		return Outcome{}, err
	}
	vars, err := s.vars(t.Data)
	if err != nil {
		return Outcome{}, err
	}
	m := process.Message{Name: name, Key: key, Vars: vars, By: by, With: with.change}
	if t.Wait {
		_, err := in.deps.Post(ctx, m, with.write)
		return Outcome{State: stateDone}, err
	}
	res, err := in.deps.Message(ctx, m)
	if errs.Is(err, errs.NotFound) {
		return Outcome{State: stateNobody, Reason: "nobody waits for the message " + clip(name, 100)}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	got, err := reached(res)
	return Outcome{State: stateDone, Ticket: got.Ticket, Instance: got.Instance}, err
}

// decode reads exactly one strict YAML document.
func decode(src []byte, into any) error {
	if len(src) > maxSpec {
		return errs.New(errs.Invalid, "the file has more than %d bytes", maxSpec)
	}
	d := yaml.NewDecoder(bytes.NewReader(src))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return errs.New(errs.Invalid, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return errs.New(errs.Invalid, "the file has more than one document")
	}
	return nil
}

// maxSpec bounds the description of a schedule or webhook, in bytes.
const maxSpec = 64 << 10

func clip(s string, most int) string {
	if r := []rune(strings.ToValidUTF8(s, "\uFFFD")); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
