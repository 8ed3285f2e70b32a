package process

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
)

// Entry is one transition as people read it.
type Entry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Actor   db.ID     `json:"actor"`
	By      string    `json:"by,omitempty"`
	Kind    string    `json:"kind"` // of the event: start, taskCompleted ...
	Detail  Detail    `json:"detail,omitzero"`
	Note    string    `json:"note,omitempty"`
	Moments []Moment  `json:"moments,omitempty"`
}

// Detail is what people want to know of an event beside its kind. Data stay out of it: who may
// see them is decided elsewhere.
type Detail struct {
	Outcome string   `json:"outcome,omitempty"` // how a task was completed
	Members []string `json:"members,omitempty"` // of a group that was formed, or who were added to it
	Where   string   `json:"where,omitempty"`   // those added vote: before, beside or after who added them
	Removed string   `json:"removed,omitempty"` // who is no member any more; "task": who had the task
	To      string   `json:"to,omitempty"`      // who got the task, or the element that the work went to
	Reason  string   `json:"reason,omitempty"`  // of a cancellation or a failure
	Set     []string `json:"set,omitempty"`     // names of the variables that were set from outside

	Again      db.ID `json:"again,omitzero"`      // the ended instance that this one does again, from the element To
	Definition db.ID `json:"definition,omitzero"` // that the instance runs from here on
}

func detailOf(ev engine.Event) Detail {
	switch e := ev.(type) {
	case engine.TaskCompleted:
		return Detail{Outcome: e.Outcome}
	case engine.TaskAssigned:
		return Detail{To: e.To}
	case engine.GroupFormed:
		d := Detail{Outcome: string(e.Verdict), Reason: e.Reason}
		for _, m := range e.Members {
			d.Members = append(d.Members, m.Name)
		}
		return d
	case engine.GroupChanged:
		return groupDetail(e)
	case engine.Jump:
		return Detail{To: e.To}
	case engine.Cancel:
		return Detail{Reason: e.Reason}
	case engine.JobFailed:
		return Detail{Reason: e.Message}
	case engine.Start:
		return Detail{To: e.At, Again: db.ID(e.Again)}
	case engine.VariablesSet:
		return Detail{Set: slices.Sorted(maps.Keys(e.Vars))}
	case engine.Migrate:
		return Detail{Definition: db.ID(e.Target)}
	}
	return Detail{}
}

func groupDetail(e engine.GroupChanged) Detail {
	var d Detail
	for _, name := range e.Add {
		if name, ok := name.(string); ok {
			d.Members = append(d.Members, name)
		}
	}
	if len(e.Add) > 0 {
		d.Where = e.Where.String()
	}
	if e.Remove {
		d.Removed = cmp.Or(e.Member, "task")
	}
	return d
}

// Moment is what happened to one element.
type Moment struct {
	What string `json:"what"` // entered, completed, cancelled; of a late task: warned, escalated, transferred
	Node string `json:"node"`
	Name string `json:"name,omitempty"`
	Turn int    `json:"turn,omitempty"` // 1.. in a loop or multi-instance
}

var momentNames = map[engine.Moment]string{
	engine.Entered: "entered", engine.Completed: "completed", engine.Cancelled: "cancelled",
	engine.Warned: "warned", engine.Escalated: "escalated", engine.Transferred: "transferred",
}

// history writes the row that makes the transition repeatable.
func (w *rows) history(c *call, mark db.ID, drawn []db.ID) {
	w.insert(Histories, w.t.Instance, w.t.Seq, mark, w.t.Now.UnixMicro(), c.Actor, cut(c.By, 250), eventName(c.Event), c.Note,
		pack(c.event), packIDs(drawn), packTrace(w.t.Effects), w.t.consulted.encode())
}

func packTrace(effects []engine.Effect) []byte {
	moments := []Moment{}
	for _, effect := range effects {
		if t, ok := effect.(engine.Trace); ok {
			moments = append(moments, Moment{What: momentNames[t.What], Node: t.Node.ID, Name: t.Node.Name, Turn: t.Loop})
		}
	}
	raw, err := json.Marshal(moments)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return pack(raw)
}

// eventName is the kind of an event as the history has it: taskCompleted for engine.TaskCompleted.
func eventName(ev engine.Event) string {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", ev), ".")
	first := []rune(name)
	first[0] = unicode.ToLower(first[0])
	return string(first)
}

// History lists transitions of an instance after a seq, oldest first.
func (q *Query) History(ctx context.Context, instance db.ID, after int64, limit int) ([]Entry, error) {
	return db.All(ctx, q.db, func(s db.Scanner) (Entry, error) {
		var e Entry
		var at int64
		var event, trace []byte
		if err := s.Scan(&e.Seq, &at, &e.Actor, &e.By, &e.Kind, &e.Note, &event, &trace); err != nil {
			return e, err
		}
		e.At = moment(at)
		ev, err := unpackEvent(event)
		if err != nil {
			return e, fmt.Errorf("history %s/%d: %w", instance, e.Seq, err)
		}
		e.Detail = detailOf(ev)
		raw, err := unpack(trace)
		if err != nil {
			return e, fmt.Errorf("history %s/%d: %w", instance, e.Seq, err)
		}
		return e, json.Unmarshal(raw, &e.Moments)
	}, "SELECT seq, at, actor, actor_name, kind, note, event, trace FROM history WHERE instance = ? AND seq > ? ORDER BY seq {limit}", instance, after, limit)
}

func unpackEvent(packed []byte) (engine.Event, error) {
	raw, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	return engine.DecodeEvent(raw)
}
