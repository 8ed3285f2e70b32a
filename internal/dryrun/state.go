package dryrun

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// stateLine is what an expect step prints (section 4).
type stateLine struct {
	Event     string         `json:"event"`
	Step      int            `json:"step"`
	Held      bool           `json:"held"`
	Why       string         `json:"why,omitempty"` // it does not hold
	Now       string         `json:"now"`
	Ended     bool           `json:"ended"`
	Instances []instanceLine `json:"instances"`
	Active    []activeLine   `json:"active"`
	Armed     []armedLine    `json:"armed"`
}

type instanceLine struct {
	N       int       `json:"n"`
	Process string    `json:"process"`
	Key     *string   `json:"key"`
	Parent  *int      `json:"parent"`
	Ended   bool      `json:"ended"`
	Vars    variables `json:"vars"`
}

type activeLine struct {
	N        int     `json:"n"`
	Instance int     `json:"instance"`
	Element  string  `json:"element"`
	Type     string  `json:"type"`
	Name     *string `json:"name"`
	user     bool
	Assignee *string `json:"assignee"`
	Loop     int     `json:"loop,omitempty"`
}

// MarshalJSON leaves the assignee out of what is no user task.
func (a activeLine) MarshalJSON() ([]byte, error) {
	type line activeLine
	if a.user {
		return json.Marshal(line(a))
	}
	return json.Marshal(struct {
		line
		Assignee *string `json:"assignee,omitempty"`
	}{line: line(a)})
}

type armedLine struct {
	Instance int    `json:"instance"`
	Element  string `json:"element"`
	On       string `json:"on"`
	Name     string `json:"name,omitempty"`
	Due      string `json:"due,omitempty"`
}

var armedOn = map[bpmn.EventKind]string{bpmn.TimerEvent: "timer", bpmn.MessageEvent: "message",
	bpmn.SignalEvent: "signal", bpmn.ConditionalEvent: "condition", bpmn.VariableEvent: "variable"}

// expect prints the state and reports whether it is as the step wants it.
func (w *world) expect(s step) bool {
	l := w.state()
	l.Step = s.n
	why := w.compare(s.Expect, l)
	l.Held, l.Why = len(why) == 0, strings.Join(why, "; ")
	verdict := "holds"
	if !l.Held {
		verdict = "does not hold: " + l.Why
	}
	w.line(l, "step %d: the expectation %s; waiting: %s", s.n, verdict, strings.Join(active(l), " "))
	return l.Held
}

func (w *world) state() stateLine {
	l := stateLine{Event: "state", Now: clock(w.now), Ended: w.ended(),
		Instances: []instanceLine{}, Active: []activeLine{}, Armed: []armedLine{}}
	for _, in := range w.instances {
		i := instanceLine{N: in.n, Process: in.proc.id, Key: orNull(in.key), Ended: in.ended(), Vars: variables(in.state.Vars())}
		if in.parent != nil {
			i.Parent = &in.parent.n
		}
		l.Instances = append(l.Instances, i)
	}
	for _, p := range w.placesAll() {
		l.Active = append(l.Active, activeLine{N: p.n, Instance: p.in.n, Element: p.Element, Type: p.Node.Tag, Name: orNull(p.Node.Name),
			user: p.Node.Kind == bpmn.UserTask, Assignee: orNull(p.Assignee), Loop: p.Loop})
	}
	for _, a := range w.armedAll() {
		line := armedLine{Instance: a.in.n, Element: a.Element, On: armedOn[a.Kind], Name: a.Name}
		if a.Kind == bpmn.TimerEvent {
			line.Due = clock(a.Due)
		}
		l.Armed = append(l.Armed, line)
	}
	return l
}

func active(l stateLine) []string {
	all := make([]string, 0, len(l.Active))
	for _, a := range l.Active {
		all = append(all, a.Element)
	}
	return all
}

// compare lists what is not as expected.
func (w *world) compare(want *expectation, l stateLine) []string {
	var why []string
	if want == nil {
		return nil
	}
	if want.Active != nil {
		is, should := slices.Sorted(slices.Values(active(l))), slices.Sorted(slices.Values(*want.Active))
		if !slices.Equal(is, should) {
			why = append(why, fmt.Sprintf("active is %v, not %v", is, should))
		}
	}
	if want.Ended != nil && *want.Ended != l.Ended {
		why = append(why, fmt.Sprintf("ended is %v", l.Ended))
	}
	is := feel.Vars{}
	if len(w.instances) > 0 {
		is = w.instances[0].state.Vars()
	}
	for _, name := range variables(want.Vars).names() {
		if !sameJSON(is[name], want.Vars[name]) {
			why = append(why, fmt.Sprintf("%s is %s", name, variables{name: is[name]}))
		}
	}
	return why
}

// sameJSON compares a variable, as it is printed, with a value that was read from JSON.
func sameJSON(is, want feel.Value) bool {
	printed, err := feel.ToJSON(is)
	if err != nil {
		return want == nil
	}
	read, err := feel.FromJSON(printed)
	return err == nil && feel.Equal(read, want)
}
